"""Who waits for a target, in the order they came, and how long that will probably take."""

from dataclasses import dataclass

_FIRST_GUESS_S = 180.0
# How much the latest conversation counts against all before it.
_WEIGHT = 0.2


@dataclass(slots=True, eq=False)
class Place:
    """One caller's place; ``leave`` is for every way out and may be called twice.

    ``ringing``: somebody is rung for this caller, who is in nobody's way meanwhile.
    """

    queue: "Queue"
    ringing: bool = False

    @property
    def ahead(self) -> int:
        """How many wait before this caller."""
        return self.queue.ahead(self)

    def leave(self) -> None:
        """Give the place up."""
        self.queue.remove(self)


class Queue:
    """The callers who wait for one target in this process."""

    def __init__(self) -> None:
        self._waiting: list[Place] = []
        self._service_s = _FIRST_GUESS_S

    def __len__(self) -> int:
        return len(self._waiting)

    def join(self, most: int) -> Place | None:
        """Take the last place; None when ``most`` callers wait already."""
        if len(self._waiting) >= most:
            return None
        place = Place(self)
        self._waiting.append(place)
        return place

    def ahead(self, place: Place) -> int:
        """Return how many wait before a place; raises ``ValueError`` for one that was given up."""
        before = self._waiting[: self._waiting.index(place)]
        return sum(not one.ringing for one in before)

    def remove(self, place: Place) -> None:
        """Take a place out of the row."""
        if place in self._waiting:
            self._waiting.remove(place)

    def served(self, seconds: float) -> None:
        """Learn from a conversation that took so long."""
        self._service_s += (seconds - self._service_s) * _WEIGHT

    def estimate_s(self, ahead: int, lines: int) -> float:
        """Return how long a caller with so many ahead will probably wait for one of ``lines``."""
        return self._service_s * (ahead + 1) / max(lines, 1)
