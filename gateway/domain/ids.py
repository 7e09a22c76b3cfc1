"""Identifiers: ULIDs, made by a factory that is passed in so that tests can replay them."""

from collections.abc import Callable
from datetime import datetime
from secrets import token_bytes
from typing import Protocol

from ulid import ULID

ULID_PATTERN = r"^[0-9A-HJKMNP-TV-Z]{26}$"


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> datetime:
        """Return the present moment as an aware UTC datetime."""

    def monotonic(self) -> float:
        """Return seconds that never run backwards, for measuring spans."""


class Ids(Protocol):
    """Where new identifiers come from."""

    def new(self) -> str:
        """Return a fresh ULID: 26 characters, sortable by time of creation."""


class UlidFactory:
    """ULIDs that grow strictly within one process, even inside one millisecond.

    A burst of messages shares a millisecond; the monotonic rule of the ULID specification
    (https://github.com/ulid/spec#monotonicity) keeps their order readable from the ids.
    """

    def __init__(self, clock: Clock, randomness: Callable[[int], bytes] = token_bytes) -> None:
        self._clock = clock
        self._randomness = randomness
        self._last = 0

    def new(self) -> str:
        """Return the next ULID."""
        milliseconds = int(self._clock.now().timestamp() * 1000)
        value = (milliseconds << 80) | int.from_bytes(self._randomness(10), "big")
        if value >> 80 <= self._last >> 80:
            value = self._last + 1
        self._last = value
        return str(ULID.from_int(value))


def event_id(ulid: str) -> str:
    """Return the public id of a feed event: ``evt_`` and a ULID."""
    return f"evt_{ulid}"
