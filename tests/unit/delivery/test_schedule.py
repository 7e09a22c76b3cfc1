"""The retry schedule and what a backend may ask for with Retry-After."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.delivery.schedule import RETRY_AFTER_CAP, parse_retry_after, standard_schedule

NOW = datetime(2026, 11, 3, 8, 30, tzinfo=UTC)
SCHEDULE = standard_schedule()


def never() -> float:
    return 0.0


def test_the_first_waits_are_the_published_ones_and_the_rest_are_four_hours() -> None:
    seconds = [wait.total_seconds() for wait in SCHEDULE.waits]
    assert seconds[:8] == [5, 30, 120, 600, 1800, 3600, 7200, 14400]
    assert set(seconds[8:]) == {14400}


def test_all_waits_together_come_close_to_seven_days_and_not_beyond() -> None:
    total = sum(SCHEDULE.waits, timedelta())
    assert timedelta(days=7) - timedelta(hours=4) < total <= timedelta(days=7)


def test_after_the_last_wait_there_is_no_other() -> None:
    last = len(SCHEDULE.waits)
    assert SCHEDULE.next_wait(last, chance=never) == timedelta(hours=4)
    assert SCHEDULE.next_wait(last + 1, chance=never) is None


def test_a_floor_does_not_prolong_the_schedule() -> None:
    last = len(SCHEDULE.waits)
    assert SCHEDULE.next_wait(last + 1, at_least=timedelta(hours=1), chance=never) is None


@given(
    st.integers(1, len(SCHEDULE.waits)),
    st.none() | st.timedeltas(timedelta(), timedelta(hours=8)),
    st.floats(0, 1, exclude_max=True),
)
def test_jitter_only_adds_and_a_floor_is_a_floor(
    failures: int, floor: timedelta | None, chance: float
) -> None:
    wait = SCHEDULE.next_wait(failures, at_least=floor, chance=lambda: chance)
    assert wait is not None
    plain = max(SCHEDULE.waits[failures - 1], floor or timedelta())
    assert plain <= wait <= plain * 1.2


def test_a_wait_before_any_failure_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match="follows a failure"):
        SCHEDULE.next_wait(0, chance=never)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("1", 1),
        (" 120 ", 120),
        ("0005", 5),
        ("3600", 3600),
        ("3601", 3600),
        ("99999999999999999999", 3600),
        ("9" * 8000, 3600),
        ("Tue, 03 Nov 2026 08:31:00 GMT", 60),
        ("Tuesday, 03-Nov-26 08:31:00 GMT", 60),
        ("Tue Nov  3 08:31:00 2026", 60),
        ("Tue, 03 Nov 2026 16:31:00 +0800", 60),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 3600),
    ],
)
def test_retry_after_is_read_in_every_form_and_capped(value: str, seconds: int) -> None:
    assert parse_retry_after(value, now=NOW) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "value",
    [
        None, "", "0", "000", "-1", "-99999999999", "1.5", "1e3", "soon", "１２０", "١٢",
        "Tue, 03 Nov 2026 08:29:00 GMT", "Thu, 01 Jan 1970 00:00:00 GMT", "Tue, 99 Nov 2026",
        "Tue, 03 Nov 99999 08:31:00 GMT", "2026-11-03T08:31:00Z", "Tue, 03 Nov 2026 25:61:00 GMT",
        "\x00", "," * 50,
    ],
)  # fmt: skip
def test_what_asks_for_nothing_sensible_asks_for_nothing(value: str | None) -> None:
    assert parse_retry_after(value, now=NOW) is None


@given(st.text())
def test_no_header_can_break_the_reading_or_exceed_the_cap(value: str) -> None:
    wait = parse_retry_after(value, now=NOW)
    assert wait is None or timedelta() < wait <= RETRY_AFTER_CAP


@given(st.datetimes(timezones=st.just(UTC)))
def test_any_date_gives_a_wait_between_nothing_and_the_cap(moment: datetime) -> None:
    wait = parse_retry_after(format_datetime(moment, usegmt=True), now=NOW)
    assert wait is None or timedelta() < wait <= RETRY_AFTER_CAP
