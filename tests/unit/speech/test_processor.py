"""The processor is used well: its widest vectors where it has them, and one core a decoding."""

from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from gateway.speech.whisper.processor import widen, without_helpers

WIDE = "flags\t\t: fpu sse2 avx2 avx512f avx512dq avx512cd avx512bw avx512vl\n"
NARROW = "flags\t\t: fpu sse2 avx2 avx512f\n"


@pytest.fixture
def about(tmp_path: Path) -> Path:
    return tmp_path / "cpuinfo"


def test_a_processor_with_avx_512_uses_it(about: Path) -> None:
    about.write_text("processor\t: 0\n" + WIDE)
    environment: dict[str, str] = {}
    widen(environment, about)
    assert environment == {"CT2_FORCE_CPU_ISA": "AVX512"}


def test_a_processor_with_a_part_of_it_is_left_alone(about: Path) -> None:
    about.write_text(NARROW)
    environment: dict[str, str] = {}
    widen(environment, about)
    assert environment == {}


def test_a_machine_that_does_not_tell_is_left_alone(about: Path) -> None:
    environment: dict[str, str] = {}
    widen(environment, about)
    assert environment == {}


def test_what_the_administrator_asked_for_stays(about: Path) -> None:
    about.write_text(WIDE)
    environment = {"CT2_FORCE_CPU_ISA": "AVX2"}
    widen(environment, about)
    assert environment == {"CT2_FORCE_CPU_ISA": "AVX2"}


def test_numpy_calculates_in_the_thread_that_asks() -> None:
    np.zeros((2, 2)) @ np.zeros((2, 2))  # loads the library
    without_helpers()
    threads = [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]
    assert threads
    assert set(threads) == {1}
