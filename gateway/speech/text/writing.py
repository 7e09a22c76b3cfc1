"""Writes a heard text as people would, and remembers which characters came from which words."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gateway.speech.text import english
from gateway.speech.text.guard import Guard
from gateway.speech.text.numerals import COUNTING, cardinal, figures, row, vague
from gateway.speech.text.rules import RULES

CHINESE = frozenset({"zh", "cmn", "yue"})
"""Language codes whose texts are written in Chinese characters here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Characters ``start`` up to ``end`` of the heard text are written as ``text``."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A text as people write it; ``spans`` are the changes in order, and never overlap."""

    text: str
    spans: tuple[Change, ...] = ()


def written(text: str, language: str, guard: Guard) -> Written:
    """Write number words of ``text`` in figures where people do.

    ``language`` is a BCP 47 tag; only Chinese (simplified characters) and English have rules.
    ``guard`` keeps names as they are. Writing a written text again changes nothing.
    """
    code = language.partition("-")[0].lower()
    if code in CHINESE:
        return _applied(text, _chosen(text, guard))
    if code == "en":
        return _applied(
            text, [Change(start=s, end=e, text=new) for s, e, new in english.runs(text)]
        )
    return Written(text=text)


def _applied(text: str, changes: Sequence[Change]) -> Written:
    parts: list[str] = []
    done = 0
    for change in changes:
        parts += (text[done : change.start], change.text)
        done = change.end
    return Written(text="".join((*parts, text[done:])), spans=tuple(changes))


def _chosen(text: str, guard: Guard) -> list[Change]:
    """Return the changes of all rules; an earlier rule keeps its place against a later one."""
    if not any(character in COUNTING or character == "幺" for character in text):
        return []
    taken = {place for places in guard.places(text) for place in places}
    taken |= {place for found in _WEEKDAY.finditer(text) for place in range(*found.span())}
    chosen: list[Change] = []
    for rule in RULES:
        for found in rule.pattern.finditer(text):
            changes = tuple(_changes(found))
            places = {place for one in changes for place in range(one.start, one.end)}
            if taken.isdisjoint(places):
                taken |= places
                chosen += changes
    return sorted(chosen, key=lambda one: one.start)


# The figure of a weekday is never part of the number behind it: 周三三点.
_WEEKDAY = re.compile(r"(?:星期|礼拜|周)[一二三四五六](?![个十百千万年岁天层])")


def _changes(found: re.Match[str]) -> Iterator[Change]:
    """Return a rule's changes, or none at all when one of its numbers is no number."""
    changes = []
    for name, words in found.groupdict().items():
        if words is None:
            continue
        new = _READINGS[name[0]](words)
        if new is None:
            return
        if new != words:
            start, end = found.span(name)
            changes.append(Change(start=start, end=end, text=new))
    yield from changes


def _row(words: str) -> str | None:
    # A number told in groups keeps the pauses between them.
    return "".join(row(one) or one for one in words)


def _either(words: str) -> str | None:
    if len(words) > 1 and (figured := row(words)) is not None:
        return None if vague(words) else figured
    return _cardinal(words) if words != "幺" else None


def _cardinal(words: str) -> str | None:
    value = cardinal(words)
    return None if value is None else figures(value)


def _ten_or_more(words: str) -> str | None:
    value = cardinal(words)
    return None if value is None or value < 10 else figures(value)


def _money(words: str) -> str | None:
    value = cardinal(words, colloquial=True)
    return None if value is None else figures(value)


def _two_figures(words: str) -> str | None:
    if words[0] in "零〇":
        return row(words)
    return _cardinal(words)


def _percentage(words: str) -> str | None:
    number = _decimal(words.removeprefix("百分之"))
    return None if number is None else f"{number}%"


def _decimal(words: str) -> str | None:
    size = words[-1] if words[-1] in "万亿" and "点" in words else ""
    whole, point, part = words.removesuffix(size).partition("点")
    value = cardinal(whole)
    if value is None:
        return None
    if not point:
        return figures(value)
    after = row(part)
    # 3万.5 is written by nobody.
    return None if after is None else f"{value}.{after}{size}"


_READINGS = {
    "d": _row,
    "n": _either,
    "c": _cardinal,
    "l": _ten_or_more,
    "m": _money,
    "t": _two_figures,
    "p": _percentage,
    "f": _decimal,
}
