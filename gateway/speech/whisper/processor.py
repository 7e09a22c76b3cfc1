"""Makes the libraries that calculate use one core, and all of it.

CTranslate2 takes AVX-512 by itself on Intel's processors only; on AMD's, where AVX2 is its choice,
the wider vectors save a tenth of an encoding. numpy's BLAS works with as many threads as there are
cores, and they wait for more work in a loop: a quarter of what an utterance cost was their waiting.
"""

from collections.abc import MutableMapping
from pathlib import Path

from threadpoolctl import threadpool_limits

_SETTING = "CT2_FORCE_CPU_ISA"
_AVX512 = frozenset({"avx512f", "avx512cd", "avx512vl", "avx512bw", "avx512dq"})
_ABOUT = Path("/proc/cpuinfo")


def widen(environment: MutableMapping[str, str], about: Path = _ABOUT) -> None:
    """Ask for AVX-512 where ``about`` lists it, unless the administrator asked for something.

    CTranslate2 reads ``environment`` when its first model is loaded, and refuses instructions that
    the processor lacks.
    """
    try:
        lines = about.read_text("utf-8").splitlines()
    except OSError:
        return
    flags = next((line for line in lines if line.startswith("flags")), "")
    if _AVX512.issubset(flags.partition(":")[2].split()):
        environment.setdefault(_SETTING, "AVX512")


def without_helpers() -> None:
    """Let numpy calculate in the thread that asks, from now on and in the whole process."""
    threadpool_limits(limits=1, user_api="blas")
