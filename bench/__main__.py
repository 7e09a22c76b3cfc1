"""``python -m bench [NAME…] [--quick]``: every module here with a ``NAME`` and a ``measure``.

A missed goal is marked and is no failure, since a noisy neighbour can cause it; a benchmark that
breaks is one.
"""

import argparse
import importlib
import pkgutil
import sys
import tempfile
import traceback
from pathlib import Path
from typing import cast

import bench
from bench.report import Benchmark, Options, Row, table


def benchmarks() -> dict[str, Benchmark]:
    """Every benchmark by its name."""
    names = [found.name for found in pkgutil.iter_modules(bench.__path__, "bench.")]
    modules = [importlib.import_module(name) for name in names if name != "bench.__main__"]
    found = [cast("Benchmark", module) for module in modules if hasattr(module, "NAME")]
    return {one.NAME: one for one in found}


def main() -> int:
    """Run the chosen benchmarks and print one table."""
    known = benchmarks()
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(known))
    parser.add_argument("--quick", action="store_true", help="smaller, for a first impression")
    parser.add_argument(
        "--folder", type=Path, default=Path("build/bench"), help="where databases are put"
    )
    given = parser.parse_args()
    if unknown := set(given.names) - set(known):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are: {', '.join(known)}")
    given.folder.mkdir(parents=True, exist_ok=True)
    tempfile.tempdir = str(given.folder.resolve())  # the servers' data too: same disk for all
    options = Options(quick=given.quick, folder=given.folder.resolve())

    rows: list[Row] = []
    broken = []
    for name in given.names or known:
        print(f"{name} …", file=sys.stderr, flush=True)
        try:
            for row in known[name].measure(options):
                print(f"  {row.what}: {row.ratio:.2f} {row.unit}", file=sys.stderr, flush=True)
                rows.append(row)
        except Exception:
            traceback.print_exc()
            broken.append(name)
    print(table(rows))
    if missed := sum(not row.met for row in rows):
        print(f"\n{missed} of {len(rows)} goals missed in this run")
    if broken:
        print(f"\nbroken: {', '.join(broken)}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
