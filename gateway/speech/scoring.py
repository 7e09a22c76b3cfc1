"""How well a transcript fits what was said: characters, numbers, and names of the city.

Both texts are compared as they would be written: numbers in figures, simplified characters, no
marks. So 三百二十块 and 320块 are the same, and a recogniser is not judged by its style.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import opencc

from gateway.speech.text import Guard, written
from gateway.speech.text.writing import CHINESE

_NOT_TEXT = re.compile(r"[\W_]+")
_NUMBER = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Counts that add up over recordings."""

    characters: int = 0
    edits: int = 0
    numbers: int = 0
    numbers_found: int = 0
    names: int = 0
    names_found: int = 0

    def __add__(self, other: "Score") -> "Score":
        return Score(
            characters=self.characters + other.characters,
            edits=self.edits + other.edits,
            numbers=self.numbers + other.numbers,
            numbers_found=self.numbers_found + other.numbers_found,
            names=self.names + other.names,
            names_found=self.names_found + other.names_found,
        )

    @property
    def error_rate(self) -> float | None:
        """Characters inserted, deleted or replaced, as a share of those that were said."""
        return self.edits / self.characters if self.characters else None

    @property
    def number_recall(self) -> float | None:
        """Share of the numbers said that were written exactly."""
        return self.numbers_found / self.numbers if self.numbers else None

    @property
    def name_recall(self) -> float | None:
        """Share of the names said that were written exactly."""
        return self.names_found / self.names if self.names else None


class Scorer:
    """Compares transcripts in one language; ``names`` are those whose recall counts."""

    def __init__(self, language: str, names: Iterable[str] = ()) -> None:
        self._language = language
        self._names = tuple(dict.fromkeys(names))
        self._guard = Guard(self._names)
        chinese = language.partition("-")[0].lower() in CHINESE
        self._simplify = opencc.OpenCC("t2s") if chinese else None

    def score(self, said: str, heard: str) -> Score:
        """Compare what was said with what was heard."""
        wanted, got = self._form(said), self._form(heard)
        expected, actual = _NOT_TEXT.sub("", wanted), _NOT_TEXT.sub("", got)
        numbers, found = Counter(_NUMBER.findall(wanted)), Counter(_NUMBER.findall(got))
        names = [name for name in self._names if name in expected]
        return Score(
            characters=len(expected),
            edits=distance(expected, actual),
            numbers=numbers.total(),
            numbers_found=(numbers & found).total(),
            names=len(names),
            names_found=sum(name in actual for name in names),
        )

    def _form(self, text: str) -> str:
        simple = str(self._simplify.convert(text)) if self._simplify else text
        return written(simple, self._language, self._guard).text.casefold()


def distance(expected: str, actual: str) -> int:
    """Return how many characters must be inserted, deleted or replaced (Levenshtein)."""
    row = list(range(len(actual) + 1))
    for i, wanted in enumerate(expected, 1):
        diagonal, row[0] = row[0], i
        for j, got in enumerate(actual, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (wanted != got))
    return row[-1]
