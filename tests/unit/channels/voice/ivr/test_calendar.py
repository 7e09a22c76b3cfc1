"""When a desk is open: holidays, make-up workdays, nights, and years nobody has announced."""

from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given

from channels.voice.ivr.calendar import Calendar, DayKind, Hours, load, parse
from gateway.config import InvalidConfig
from tests.unit.channels.voice.ivr.flows import CALENDARS, times

SHANGHAI = ZoneInfo("Asia/Shanghai")
DESK = Hours.model_validate(
    {
        "calendar": "cn",
        "workday": ["09:00-12:00", "13:30-17:30"],
        "sat": "10:00-12:00",
        "holiday": (),
    }
)
NIGHT = Hours.model_validate({"calendar": "cn", "workday": "22:00-06:00"})


@pytest.fixture(scope="module")
def cn() -> Calendar:
    return load(CALENDARS / "cn.yaml")


def at(day: str, time: str) -> datetime:
    return datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("day", "kind"),
    [
        ("2025-01-26", DayKind.WORKDAY),  # a Sunday worked for Spring Festival
        ("2025-01-28", DayKind.HOLIDAY),
        ("2025-10-08", DayKind.HOLIDAY),
        ("2025-10-11", DayKind.WORKDAY),
        ("2026-01-02", DayKind.HOLIDAY),
        ("2026-01-04", DayKind.WORKDAY),
        ("2026-02-23", DayKind.HOLIDAY),
        ("2026-02-28", DayKind.WORKDAY),
        ("2026-05-09", DayKind.WORKDAY),
        ("2026-09-20", DayKind.WORKDAY),
        ("2026-09-26", DayKind.HOLIDAY),
        ("2026-11-20", DayKind.WORKDAY),
        ("2026-11-21", DayKind.WEEKEND),
    ],
)
def test_official_days_are_known(cn: Calendar, day: str, kind: DayKind) -> None:
    assert cn.kind(date.fromisoformat(day)) is kind


@pytest.mark.parametrize(("year", "off", "worked"), [(2025, 28, 5), (2026, 33, 6)])
def test_a_year_has_all_its_days(cn: Calendar, year: int, off: int, worked: int) -> None:
    assert sum(day.year == year for day in cn.holidays) == off
    assert sum(day.year == year for day in cn.workdays) == worked


def test_every_make_up_workday_is_on_a_weekend(cn: Calendar) -> None:
    assert {day.weekday() for day in cn.workdays} <= {5, 6}


def test_a_year_that_is_not_announced_counts_weekends_and_says_so(cn: Calendar) -> None:
    assert cn.knows(date(2026, 12, 31))
    assert not cn.knows(date(2027, 1, 1))
    assert cn.kind(date(2027, 1, 1)) is DayKind.WORKDAY
    assert cn.kind(date(2027, 1, 2)) is DayKind.WEEKEND


@pytest.mark.parametrize(
    ("day", "time", "is_open"),
    [
        ("2026-11-20", "09:00", True),
        ("2026-11-20", "11:59", True),
        ("2026-11-20", "12:00", False),
        ("2026-11-20", "17:29", True),
        ("2026-11-20", "17:30", False),
        ("2026-11-21", "11:00", True),  # its own Saturday hours
        ("2026-11-21", "14:00", False),
        ("2026-05-09", "14:00", True),  # a Saturday that is worked like a weekday
        ("2026-05-02", "11:00", False),  # a Saturday in a holiday
        ("2026-11-22", "11:00", False),
    ],
)
def test_opening_hours_follow_the_kind_of_day(
    cn: Calendar, day: str, time: str, is_open: bool
) -> None:
    assert cn.is_open(DESK, at(day, time)) is is_open


def test_a_night_belongs_to_the_day_it_begins_on(cn: Calendar) -> None:
    assert cn.is_open(NIGHT, at("2026-11-20", "23:00"))
    assert cn.is_open(NIGHT, at("2026-11-21", "05:59"))  # Friday's night
    assert not cn.is_open(NIGHT, at("2026-11-21", "22:30"))
    assert not cn.is_open(NIGHT, at("2026-11-23", "05:00"))  # Sunday had none


def test_the_time_zone_is_the_calendars(cn: Calendar) -> None:
    assert cn.is_open(DESK, datetime.fromisoformat("2026-11-20T01:00:00+00:00"))
    assert not cn.is_open(DESK, datetime.fromisoformat("2026-11-20T00:59:00+00:00"))


@given(times)
def test_around_the_clock_is_always(moment: datetime) -> None:
    whole = ["00:00-24:00"]
    hours = Hours.model_validate(
        {"calendar": "cn", "workday": whole, "weekend": whole, "holiday": whole}
    )
    assert Calendar(
        name="cn",
        timezone=SHANGHAI,
        weekend=frozenset({5, 6}),
        holidays={},
        workdays=frozenset(),
        years=frozenset(),
    ).is_open(hours, moment)


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("calendar: cn\ntimezone: Asia/Peking\n", ":2: timezone: is not a time zone;"),
        ("timezone: Asia/Shanghai\n", ":1: calendar: is missing;"),
        ("- a\n", ":1: file: is not a list of keys;"),
        ("calendar: [\n", ": file: is not YAML"),
        (
            "calendar: cn\ntimezone: UTC\nyears:\n  '26':\n    workdays: [2026-01-04]\n",
            ":4: years.26: is not a year;",
        ),
        (
            "calendar: cn\ntimezone: UTC\nyears:\n  '2026':\n    holidays: {a: 2026-13-01}\n",
            ":5: years.2026.holidays.a: is not a date;",
        ),
        (
            "calendar: cn\ntimezone: UTC\nyears:\n  '2026':\n"
            "    holidays: {a: 2026-05-03..2026-05-01}\n",
            ":5: years.2026.holidays.a: ends before it begins",
        ),
        (
            "calendar: cn\ntimezone: UTC\nyears:\n  '2026':\n    holidays: {a: 2025-05-01}\n",
            ":5: years.2026.holidays.a: is in another year;",
        ),
        (
            "calendar: cn\ntimezone: UTC\nyears:\n  '2026':\n    holidays: {a: 2026-05-01}\n"
            "    workdays: [2026-05-01]\n",
            ":6: years.2026.workdays[0]: is a holiday too;",
        ),
        (
            "calendar: cn\ntimezone: UTC\nyears:\n  '2026':\n    workdays: [2027-05-01]\n",
            ":5: years.2026.workdays[0]: is in another year;",
        ),
        ("calendar: cn\ntimezone: UTC\nweekend: [saturday]\n", ":3: weekend[0]: must be 'mon'"),
    ],
)
def test_a_mistake_names_its_line(text: str, finding: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        parse(text.encode(), Path("cn.yaml"))
    assert finding in str(caught.value)


def test_a_calendar_that_is_not_there_is_a_finding(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match="cannot be read"):
        load(tmp_path / "none.yaml")


@pytest.mark.parametrize("span", ["9-12", "09:00", "25:00-26:00", "09:00-09:00", "00:00-24:30"])
def test_a_span_that_is_none_is_refused(span: str) -> None:
    with pytest.raises(ValueError, match="not a time of day"):
        Hours.model_validate({"calendar": "cn", "workday": span})
