"""Lets CTranslate2 use the widest vectors of the processor.

It takes AVX-512 by itself on Intel's processors only. On AMD's, where AVX2 is its choice, the wider
ones save a tenth of an encoding. The library reads its environment when the first model is loaded,
and refuses a set of instructions that the processor lacks.
"""

from collections.abc import MutableMapping
from pathlib import Path

_SETTING = "CT2_FORCE_CPU_ISA"
_AVX512 = frozenset({"avx512f", "avx512cd", "avx512vl", "avx512bw", "avx512dq"})
_ABOUT = Path("/proc/cpuinfo")


def widen(environment: MutableMapping[str, str], about: Path = _ABOUT) -> None:
    """Ask for AVX-512 where ``about`` lists it, unless the administrator asked for something."""
    try:
        lines = about.read_text("utf-8").splitlines()
    except OSError:
        return
    flags = next((line for line in lines if line.startswith("flags")), "")
    if _AVX512.issubset(flags.partition(":")[2].split()):
        environment.setdefault(_SETTING, "AVX512")
