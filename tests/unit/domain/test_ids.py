"""Ids grow, even when the clock stands still or goes back."""

from datetime import UTC, datetime, timedelta
from re import fullmatch

from hypothesis import given
from hypothesis import strategies as st
from ulid import ULID

from gateway.domain.ids import ULID_PATTERN, UlidFactory, encoded, event_id


class FrozenClock:
    """A clock that says what it is told."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 21, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return 0.0


@given(st.lists(st.integers(-5_000, 5_000), min_size=1, max_size=50))
def test_ids_of_one_process_only_ever_grow(jumps_ms: list[int]) -> None:
    clock = FrozenClock()
    ids = UlidFactory(clock)
    made = []
    for jump in jumps_ms:
        clock.at += timedelta(milliseconds=jump)
        made.append(ids.new())
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    assert all(fullmatch(ULID_PATTERN, one) for one in made)


def test_ids_of_one_moment_are_consecutive_numbers() -> None:
    ids = UlidFactory(FrozenClock())
    made = [int(ULID.from_str(ids.new())) for _ in range(3_000)]
    assert made == list(range(made[0], made[0] + 3_000))


@given(st.timedeltas(timedelta(), timedelta(days=365_000)), st.binary(min_size=16, max_size=16))
def test_an_id_tells_its_millisecond_and_holds_all_the_chance_there_is(
    since: timedelta, chance: bytes
) -> None:
    clock = FrozenClock()
    clock.at = datetime(1970, 1, 1, tzinfo=UTC) + since
    made = ULID.from_str(UlidFactory(clock, lambda count: chance[:count]).new())
    assert made.milliseconds == int(clock.at.timestamp() * 1000)
    drawn = int.from_bytes(made.bytes[6:])
    digits = [byte % 32 for byte in chance[2:]]
    assert [drawn >> shift & 31 for shift in range(75, 5, -5)] == digits
    assert drawn & 1023 == int.from_bytes(chance[:2]) & 1023


def test_an_event_id_is_marked_as_one() -> None:
    assert event_id("01DHZK9V3M8Q4R7T2W5X6Y1ABC") == "evt_01DHZK9V3M8Q4R7T2W5X6Y1ABC"


@given(st.integers(0, 2**128 - 1))
def test_the_encoding_is_that_of_the_reference_library(value: int) -> None:
    assert encoded(value) == str(ULID.from_int(value))
