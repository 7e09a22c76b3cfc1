"""What a benchmark is asked and what it answers; ratios matter, absolute numbers do not."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to measure: ``quick`` for a first impression, ``folder`` on the disk to be measured."""

    quick: bool
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table: what was measured beside what, and what the ratio should be."""

    what: str
    measured: str
    yardstick: str
    ratio: float
    sense: Literal["≥", "≤"]
    goal: float
    unit: str = "×"

    @property
    def met(self) -> bool:
        """Whether the goal was reached in this run."""
        return self.ratio >= self.goal if self.sense == "≥" else self.ratio <= self.goal


class Benchmark(Protocol):
    """A module of ``bench/`` that has a name and measures something."""

    NAME: str

    def measure(self, options: Options) -> Iterable[Row]:
        """Measure and yield the rows, or none when what is needed is not there."""


def median_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the rounds' ratios: a neighbour's noise hits both halves of a round alike."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` of the values lie."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    lines = [
        "| what | measured | yardstick | ratio | goal | |",
        "|---|---|---|---|---|---|",
        *(
            f"| {row.what} | {row.measured} | {row.yardstick} | {row.ratio:.2f} {row.unit} |"
            f" {row.sense} {row.goal:g} {row.unit} | {'met' if row.met else '**MISSED**'} |"
            for row in rows
        ),
    ]
    return "\n".join(lines)
