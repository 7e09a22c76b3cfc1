"""Identifiers: ULIDs, made by a factory that is passed in so that tests can replay them."""

from collections.abc import Callable
from datetime import datetime
from os import urandom
from typing import Protocol

ULID_PATTERN = r"^[0-9A-HJKMNP-TV-Z]{26}$"


_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = tuple(first + second for first in _ALPHABET for second in _ALPHABET)
_SHIFTS = tuple(range(120, -1, -10))
_LAST_PAIR = 10


def encoded(value: int) -> str:
    """Return a 128-bit number in the 26 characters of a ULID (Crockford's base 32).

    Two characters at a time: every message gets an id, and the library's way takes ten times this.
    """
    return "".join([_PAIRS[value >> shift & 1023] for shift in _SHIFTS])


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

    def __init__(self, clock: Clock, randomness: Callable[[int], bytes] = urandom) -> None:
        self._clock = clock
        self._randomness = randomness
        self._last = 0
        self._front = ""

    def new(self) -> str:
        """Return the next ULID."""
        milliseconds = int(self._clock.now().timestamp() * 1000)
        if milliseconds <= self._last >> 80:
            value = self._last + 1
        else:
            value = (milliseconds << 80) | int.from_bytes(self._randomness(10), "big")
        if value >> _LAST_PAIR != self._last >> _LAST_PAIR:
            self._front = encoded(value)[:-2]  # what the ids of a burst have in common
        self._last = value
        return self._front + _PAIRS[value & 1023]


def event_id(ulid: str) -> str:
    """Return the public id of a feed event: ``evt_`` and a ULID."""
    return f"evt_{ulid}"
