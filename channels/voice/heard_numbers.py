"""Finds the numbers that were read out in what a simulated caller has heard."""

from collections.abc import Sequence
from pathlib import Path

from channels.voice.wav import read_wav
from gateway.domain.g711 import pcm_to_mulaw

# Digits of one number follow each other within this time; two numbers are further apart.
_SAME_NUMBER_MS = 800
_OCTETS_PER_MS = 8


def spelled_in(heard: bytes, folder: Path) -> Sequence[str]:
    """Return the numbers in ``heard`` (µ-law octets), in order.

    They are found by the very recordings they are read with; ``folder`` has one sub-folder of them
    for each language.
    """
    found = max((_digits(heard, folder / name) for name in ("zh", "en")), key=len)
    numbers: list[str] = []
    last_end = -1
    for start, end, digit in found:
        if not numbers or start - last_end > _SAME_NUMBER_MS * _OCTETS_PER_MS:
            numbers.append("")
        numbers[-1] += digit
        last_end = end
    return numbers


def _digits(heard: bytes, folder: Path) -> list[tuple[int, int, str]]:
    found: list[tuple[int, int, str]] = []
    for digit in "0123456789":
        path = folder / f"digit_{digit}.wav"
        if not path.is_file():
            return []
        octets = pcm_to_mulaw(read_wav(path.read_bytes()))
        place = heard.find(octets)
        while place >= 0:
            found.append((place, place + len(octets), digit))
            place = heard.find(octets, place + 1)
    return sorted(found)
