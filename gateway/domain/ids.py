"""Identifiers: ULIDs, made by a factory that is passed in so that tests can replay them."""

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from os import urandom
from typing import Protocol

ULID_PATTERN = r"^[0-9A-HJKMNP-TV-Z]{26}$"


_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = tuple(first + second for first in _ALPHABET for second in _ALPHABET)
_SHIFTS = tuple(range(120, -1, -10))
_LAST = len(_PAIRS) - 1
# Any byte as a digit: what comes at random needs no calculating.
_DIGITS = bytes(ord(_ALPHABET[byte % 32]) for byte in range(256))
_AS_PYTHON = str.maketrans(_ALPHABET, "0123456789abcdefghijklmnopqrstuv")


def encoded(value: int) -> str:
    """Return a 128-bit number in the 26 characters of a ULID (Crockford's base 32)."""
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
        self._milliseconds = -1
        self._front = ""
        self._pair = 0

    def new(self) -> str:
        """Return the next ULID.

        Every message gets one, so it is put together from ready pieces; a library's way takes ten
        times as long.
        """
        milliseconds = int(self._clock.now().timestamp() * 1000)
        if milliseconds > self._milliseconds:
            self._milliseconds = milliseconds
            chance = self._randomness(16)
            digits = chance[2:].translate(_DIGITS).decode()
            self._front = _era(milliseconds >> 10) + _PAIRS[milliseconds & 1023] + digits
            self._pair = (chance[0] << 8 | chance[1]) & 1023
        elif self._pair < _LAST:
            self._pair += 1
        else:
            following = int(self._front.translate(_AS_PYTHON), 32) + 1
            self._front = encoded(following << 10)[:-2]
            self._pair = 0
        return self._front + _PAIRS[self._pair]


@lru_cache(maxsize=1)
def _era(number: int) -> str:
    """Return the first 8 characters of the ids made in these 1,024 ms, counted from 1970."""
    return encoded(number << 90)[:8]


def event_id(ulid: str) -> str:
    """Return the public id of a feed event: ``evt_`` and a ULID."""
    return f"evt_{ulid}"
