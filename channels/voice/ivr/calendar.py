"""Opening hours: which days are holidays or make-up workdays (调休), and when a desk is open.

A calendar file names both for whole years. A year it does not name falls back to weekends, and
``Calendar.knows`` says so, because somebody has to be told.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from channels.voice.ivr.values import one_or_many
from gateway.config import Finding, InvalidConfig, Settings
from gateway.config import yaml_tree as yt
from gateway.config.gathering import Gathering
from gateway.config.values import TimeZone

_PAGE = "docs/reference/ivr.md"
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LONGEST_HOLIDAY = timedelta(days=60)
_MINUTES_A_DAY = 24 * 60

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class DayKind(StrEnum):
    """What a day is for those who work on weekdays."""

    WORKDAY = "workday"
    WEEKEND = "weekend"
    HOLIDAY = "holiday"


def _days(value: Any) -> Any:
    """Read ``2026-10-01..2026-10-07`` or one date into the days it names."""
    if not isinstance(value, str):
        return value
    first, _, last = value.partition("..")
    try:
        begin, end = date.fromisoformat(first), date.fromisoformat(last or first)
    except ValueError:
        raise ValueError(
            "is not a date; write for example 2026-10-01 or 2026-10-01..2026-10-07"
        ) from None
    if not timedelta() <= end - begin <= _LONGEST_HOLIDAY:
        raise ValueError("ends before it begins, or much later; correct the second date")
    return tuple(begin + timedelta(days=n) for n in range((end - begin).days + 1))


def _span(value: Any) -> Any:
    """Read ``08:30-17:30`` into minutes; an end before the begin is on the next day."""
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)", value, re.ASCII)
    begin, end = (
        (int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4]))
        if found
        else (0, 0)
    )
    if begin == end or end > _MINUTES_A_DAY:
        raise ValueError("is not a time of day; write for example 08:30-17:30 or 00:00-24:00")
    return (begin, end if end > begin else end + _MINUTES_A_DAY)


Span = Annotated[tuple[int, int], BeforeValidator(_span)]
Spans = Annotated[tuple[Span, ...], BeforeValidator(one_or_many)]
Days = Annotated[tuple[date, ...], BeforeValidator(_days)]


class Year(Settings):
    """The official days of one year."""

    holidays: dict[str, Days] = Field(default_factory=dict)
    workdays: Annotated[tuple[Days, ...], BeforeValidator(one_or_many)] = ()


class _CalendarFile(Settings):
    calendar: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,40}$")]
    timezone: TimeZone
    weekend: Annotated[tuple[Weekday, ...], BeforeValidator(one_or_many)] = ("sat", "sun")
    years: dict[str, Year] = Field(default_factory=dict)


class Hours(Settings):
    """When a desk is open, by kind of day; a weekday's own times win on an ordinary such day."""

    calendar: str
    workday: Spans = ()
    weekend: Spans = ()
    holiday: Spans = ()
    mon: Spans | None = None
    tue: Spans | None = None
    wed: Spans | None = None
    thu: Spans | None = None
    fri: Spans | None = None
    sat: Spans | None = None
    sun: Spans | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """Holidays and make-up workdays of some years in one time zone."""

    name: str
    timezone: TimeZone
    weekend: frozenset[int]
    holidays: Mapping[date, str]
    workdays: frozenset[date]
    years: frozenset[int]

    def knows(self, day: date) -> bool:
        """Tell whether the official days of this year are in the file."""
        return day.year in self.years

    def kind(self, day: date) -> DayKind:
        """Return what a day is; in a year it does not know only weekends differ."""
        if day in self.holidays:
            return DayKind.HOLIDAY
        if day in self.workdays or day.weekday() not in self.weekend:
            return DayKind.WORKDAY
        return DayKind.WEEKEND

    def is_open(self, hours: Hours, at: datetime) -> bool:
        """Tell whether the desk is open at an aware time; wall-clock times of the time zone."""
        local = at.astimezone(self.timezone)
        minute = local.hour * 60 + local.minute
        today, yesterday = local.date(), local.date() - timedelta(days=1)
        return any(begin <= minute < end for begin, end in self._spans(hours, today)) or any(
            begin <= minute + _MINUTES_A_DAY < end for begin, end in self._spans(hours, yesterday)
        )

    def _spans(self, hours: Hours, day: date) -> Spans:
        kind = self.kind(day)
        ordinary = kind is not DayKind.HOLIDAY and day not in self.workdays
        own: Spans | None = getattr(hours, _WEEKDAYS[day.weekday()])
        usual: Spans = getattr(hours, kind)
        return own if ordinary and own is not None else usual


def load(path: Path) -> Calendar:
    """Read a calendar file; raises ``InvalidConfig`` with every finding."""
    try:
        with path.open("rb") as file:
            raw = file.read(yt.MAX_BYTES + 1)
    except (OSError, ValueError):
        raise _alone(path, 1, "file", "cannot be read", "correct the path") from None
    return parse(raw, path)


def parse(raw: bytes, path: Path) -> Calendar:
    """As :func:`load`, for bytes already read; ``path`` is for messages."""
    try:
        tree = yt.read(raw)
    except yt.Unreadable as bad:
        raise _alone(path, bad.line, bad.key, bad.problem, bad.cure) from None
    if not isinstance(tree, yt.Mapping):
        raise _alone(path, tree.line, "file", "is not a list of keys", "start it with calendar:")
    gathering = Gathering(path, tree, page=_PAGE)
    given = gathering.validated(_CalendarFile, yt.plain(tree), ())
    for name, year in given.years.items() if given else ():
        _check_year(gathering, name, year)
    if given is None or gathering.findings:
        raise InvalidConfig(gathering.findings)
    return Calendar(
        name=given.calendar,
        timezone=given.timezone,
        weekend=frozenset(_WEEKDAYS.index(day) for day in given.weekend),
        holidays={
            day: name
            for year in given.years.values()
            for name, days in year.holidays.items()
            for day in days
        },
        workdays=frozenset(d for y in given.years.values() for days in y.workdays for d in days),
        years=frozenset(int(year) for year in given.years),
    )


def _check_year(gathering: Gathering, name: str, year: Year) -> None:
    if not re.fullmatch(r"[12]\d{3}", name, re.ASCII):
        gathering.find(("years", name), "is not a year", 'write for example "2026"')
        return
    free = {day for days in year.holidays.values() for day in days}
    for holiday, days in year.holidays.items():
        # The days off around New Year's Day may begin in December before.
        if days and int(name) not in {days[0].year, days[-1].year}:
            gathering.find(
                ("years", name, "holidays", holiday), "is in another year", "correct the date"
            )
    for index, days in enumerate(year.workdays):
        at = ("years", name, "workdays", index)
        if any(day.year != int(name) for day in days):
            gathering.find(at, "is in another year", "correct the date")
        if free & set(days):
            gathering.find(at, "is a holiday too", "keep it in one of the two")


def _alone(path: Path, line: int, key: str, problem: str, cure: str) -> InvalidConfig:
    return InvalidConfig([Finding(file=str(path), line=line, key=key, problem=problem, cure=cure)])
