"""Puts the frames of a stream in order: late ones wait a little for their place, doubles go.

A provider may deliver frames out of order. A window of some frames is held back; what has not come
when it is full is given up, and whoever asks fills the gap.
"""

from dataclasses import dataclass, field
from heapq import heappop, heappush


@dataclass(frozen=True, slots=True, order=True)
class Stretch:
    """One stretch of audio: its number, its place in milliseconds, its octets."""

    number: int
    at_ms: int
    octets: bytes = field(compare=False)


class Order:
    """One track of one stream; ``window`` 0 passes frames on at once."""

    def __init__(self, window: int) -> None:
        self._window = window
        self._last = 0
        self._waiting: list[Stretch] = []
        self.late = 0
        """How many frames came twice, or too late to be of use."""

    def take(self, stretch: Stretch) -> list[Stretch]:
        """Take a frame in; return those whose turn has come."""
        if stretch.number <= self._last or stretch.number in {one.number for one in self._waiting}:
            self.late += 1
            return []
        if self._window == 0:
            self._last = stretch.number
            return [stretch]
        heappush(self._waiting, stretch)
        ready = []
        while self._waiting and (
            self._waiting[0].number == self._last + 1 or len(self._waiting) > self._window
        ):
            ready.append(self._pop())
        return ready

    def rest(self) -> list[Stretch]:
        """Return what is still held back, at the end of the stream."""
        return [self._pop() for _ in range(len(self._waiting))]

    def _pop(self) -> Stretch:
        stretch = heappop(self._waiting)
        self._last = stretch.number
        return stretch
