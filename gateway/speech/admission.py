"""How much recognition there is room for: provisional texts go first, then texts, never the call.

What counts is how long work waits for a decoder. Each step is taken when that takes too long, and
taken back only after a calm while, so that a full machine does not swing between the two.
"""

import threading
import time
from collections.abc import Callable
from enum import IntEnum
from itertools import count
from typing import Protocol


class Room(IntEnum):
    """What is recognised at present."""

    RECORDING_ONLY = 0
    """Utterances are left to a later pass over the recording."""
    TEXTS = 1
    """Finished utterances only."""
    EVERYTHING = 2
    """Provisional texts too."""


class Watch(Protocol):
    """Who wants to know how recognition gets on; called by any thread, so it must be quick."""

    def waited(self, seconds: float) -> None:
        """Take how long a piece of work waited for a decoder."""
        ...

    def note(self, name: str, *, room: str | None = None) -> None:
        """Take something that happened; ``room`` is the room there is from now on."""
        ...


class Unwatched:
    """Nobody wants to know."""

    def waited(self, seconds: float) -> None:
        """Forget it."""

    def note(self, name: str, *, room: str | None = None) -> None:
        """Forget it."""


class Admission:
    """Measures the wait for a decoder and decides; used by several threads."""

    def __init__(
        self,
        *,
        watch: Watch | None = None,
        clock: Callable[[], float] = time.monotonic,
        too_long_s: float = 2.0,
        calm_s: float = 0.5,
        calm_for_s: float = 5.0,
        next_step_s: float = 4.0,
    ) -> None:
        self._watch = watch or Unwatched()
        self._clock = clock
        self._too_long_s = too_long_s
        self._calm_s = calm_s
        self._calm_for_s = calm_for_s
        self._next_step_s = next_step_s
        self._tickets = count()
        self._waiting: dict[int, float] = {}
        self._room = Room.EVERYTHING
        self._changed: float | None = None
        self._calm_since: float | None = None
        self._lock = threading.Lock()

    @property
    def room(self) -> Room:
        """What is recognised at present."""
        with self._lock:
            now = self._clock()
            self._see(now - min(self._waiting.values(), default=now), now)
            return self._room

    def wait(self) -> int:
        """Begin to wait for a decoder."""
        with self._lock:
            ticket = next(self._tickets)
            self._waiting[ticket] = self._clock()
            return ticket

    def begin(self, ticket: int) -> None:
        """A decoder took the work up."""
        with self._lock:
            since = self._waiting.pop(ticket, None)
            if since is None:
                return
            now = self._clock()
            self._see(now - since, now)
        self._watch.waited(now - since)

    def leave(self, ticket: int) -> None:
        """The work is not wanted any more; harmless when it has begun."""
        with self._lock:
            self._waiting.pop(ticket, None)

    def _see(self, delay: float, now: float) -> None:
        if delay > self._too_long_s:
            self._calm_since = None
            settled = self._changed is None or now - self._changed >= self._next_step_s
            if self._room > Room.RECORDING_ONLY and settled:
                self._move(Room(self._room - 1), now)
        elif delay > self._calm_s:
            self._calm_since = None
        elif self._calm_since is None:
            self._calm_since = now
        elif self._room < Room.EVERYTHING and now - self._calm_since >= self._calm_for_s:
            self._calm_since = now
            self._move(Room(self._room + 1), now)

    def _move(self, room: Room, now: float) -> None:
        self._room = room
        self._changed = now
        self._watch.note("speech.room", room=room.name.lower())
