"""``hotline ivr``: telephone flows, checked, walked through and drawn without a telephone."""

import argparse
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.cli import UsageError

if TYPE_CHECKING:
    from channels.voice.ivr.flow import Flow

SUMMARY = "check, walk through and draw the flows of the telephone"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-commands."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    lint = actions.add_parser("lint", help="show everything that is wrong with flows")
    lint.add_argument("files", nargs="+", type=Path, metavar="FILE", help="flow files")
    lint.add_argument(
        "--prompts", type=Path, metavar="DIR", help="the city's own recordings, beside the shipped"
    )
    lint.add_argument(
        "--recorded", action="store_true", help="a text alone will not do: demand the recordings"
    )
    simulate = actions.add_parser("simulate", help="walk through a flow in text")
    simulate.add_argument("file", type=Path, metavar="FILE")
    simulate.add_argument("--entry", default="12345", metavar="NUMBER", help="the dialled number")
    simulate.add_argument("--diverted-from", metavar="NUMBER", help="the old number diverted here")
    simulate.add_argument(
        "--caller", default="+8613912345678", metavar="NUMBER", help="who calls; empty: withheld"
    )
    simulate.add_argument("--language", default="zh", metavar="TAG", help="the account's language")
    simulate.add_argument("--at", metavar="TIME", help="when, RFC 3339 with offset (default: now)")
    simulate.add_argument("--busy", action="store_true", help="the gateway's limits are reached")
    simulate.add_argument("--no-people", action="store_true", help="nobody can be connected")
    simulate.add_argument("--no-speech", action="store_true", help="words are not understood")
    simulate.add_argument(
        "--script", type=Path, metavar="FILE", help="what the caller does, a line each"
    )
    graph = actions.add_parser("graph", help="draw a flow")
    graph.add_argument("file", type=Path, metavar="FILE")
    graph.add_argument("--format", choices=["mermaid", "dot", "svg"], default="mermaid")


def run(args: argparse.Namespace) -> int:
    """Run the chosen sub-command."""
    match args.action:
        case "lint":
            return _lint(args)
        case "simulate":
            return _simulate(args)
        case _:
            return _graph(args)


def _lint(args: argparse.Namespace) -> int:
    from channels.voice.ivr.lint import lint

    known = _recorded(args.prompts) if args.recorded else known_prompts(args.prompts)
    findings = [
        finding
        for file in args.files
        for finding in lint(file, known, texts_count=not args.recorded)
    ]
    for finding in findings:
        print(finding)
    if not findings:
        print(f"ok: {len(args.files)} flow{'' if len(args.files) == 1 else 's'}")
    return 2 if findings else 0


def known_prompts(folder: Path | None) -> Mapping[str, set[str]]:
    """Names of the prompts that there is a recording or a text of, by language."""
    known = _recorded(folder)
    return {language: names | known.get(language, set()) for language, names in _listed()}


def _recorded(folder: Path | None) -> Mapping[str, set[str]]:
    """Names of the recordings there are, by language."""
    from channels.voice.prompts import SHIPPED

    if folder is not None and not folder.is_dir():
        raise UsageError(f"{folder} is no folder", "name the folder of the city's recordings")
    known: dict[str, set[str]] = {}
    for file in (one for place in (SHIPPED, folder) if place for one in place.glob("*/*.wav")):
        known.setdefault(file.parent.name, set()).add(file.stem)
    return known


def _listed() -> list[tuple[str, set[str]]]:
    """Names of the prompts that the gateway knows a text of, by language."""
    from channels.voice.prompts.texts import read_texts

    return [(language, set(texts)) for language, texts in read_texts().texts.items()]


def _simulate(args: argparse.Namespace) -> int:
    from channels.voice.ivr.engine import FlowWalk
    from channels.voice.ivr.reading import load
    from channels.voice.ivr.simulation import Simulation
    from channels.voice.ivr.steps import Facts
    from channels.voice.prompts.texts import read_texts

    flow = load(args.file)
    simulation = Simulation(
        walk=FlowWalk(flow),
        texts=read_texts().with_more(flow.texts()).texts,
        facts=Facts(
            entry=args.entry,
            caller=args.caller or None,
            at=_time(args.at),
            language=args.language,
            recognises=not args.no_speech,
            busy=args.busy,
            can_connect=not args.no_people,
            diverted_from=args.diverted_from,
        ),
    )
    _tell_of_unknown_years(flow, _time(args.at))
    for line in simulation.run(_listener(args.script)):
        print(line, flush=True)
    return 0


def _tell_of_unknown_years(flow: "Flow", at: datetime) -> None:
    for name in flow.unknown_years(at):
        print(
            f"hotline: calendar {name} does not know the year of this call and counts weekends "
            "only; add the official days",
            file=sys.stderr,
        )


def _listener(script: Path | None) -> Callable[[str], str | None]:
    if script is not None:
        try:
            lines = script.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            raise UsageError(f"{script} cannot be read", "name a text file") from None
        rest = iter(lines)

        def next_line(question: str) -> str | None:
            line = next(rest, None)
            print(f"  ({question})" if line is None else f"  ({question}) > {line}")
            return line

        return next_line

    def typed(question: str) -> str | None:
        print(f"  ({question}) > ", end="", flush=True)
        line = sys.stdin.readline()
        if not sys.stdin.isatty():
            print(line.rstrip("\n"))
        return line.rstrip("\n") if line else None

    return typed


def _time(given: str | None) -> datetime:
    if given is None:
        return datetime.now().astimezone()
    try:
        at = datetime.fromisoformat(given)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise UsageError(
            f"{given} is no time with an offset", "write for example 2026-10-01T09:00:00+08:00"
        )
    return at


def _graph(args: argparse.Namespace) -> int:
    from channels.voice.ivr.graph import dot, mermaid
    from channels.voice.ivr.picture import svg
    from channels.voice.ivr.reading import load

    drawn = {"mermaid": mermaid, "dot": dot, "svg": svg}[args.format]
    print(drawn(load(args.file)))
    return 0
