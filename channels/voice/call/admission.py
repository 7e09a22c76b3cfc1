"""How many calls this process holds: first come the full service, then the short way, then none."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class Place:
    """A call's place. ``busy``: the short way only; ``listens``: with a recogniser.

    ``wind_up`` asks the call to end soon and politely.
    """

    busy: bool
    listens: bool
    wind_up: Callable[[], None]


class Admission:
    """Counts the calls of one account in this process.

    Up to ``most`` calls get everything, as many again the flow's way for busy times; a call beyond
    that is not answered. Up to ``slots`` calls are transcribed while they are spoken.
    """

    def __init__(self, most: int, slots: int) -> None:
        self._most = most
        self._slots = slots
        self._held: set[Place] = set()
        self._emptied = asyncio.Event()
        self._closed = False

    def __len__(self) -> int:
        return len(self._held)

    @property
    def full(self) -> bool:
        """Whether no further call may be answered."""
        return self._closed or len(self._held) >= 2 * self._most

    def enter(self, wind_up: Callable[[], None]) -> Place:
        """Take a call in."""
        listens = sum(one.listens for one in self._held) < self._slots
        busy = len(self._held) >= self._most or not listens
        place = Place(busy=busy, listens=listens, wind_up=wind_up)
        self._held.add(place)
        return place

    def leave(self, place: Place) -> None:
        """Give a place back; harmless when that was done before."""
        self._held.discard(place)
        if not self._held:
            self._emptied.set()

    def close(self) -> None:
        """Let no further call in."""
        self._closed = True

    def wind_up(self) -> None:
        """Ask every call to end soon."""
        for place in tuple(self._held):
            place.wind_up()

    async def empty(self, within_s: float) -> bool:
        """Wait until the last call is over; False when that took too long."""
        try:
            async with asyncio.timeout(within_s):
                while self._held:
                    self._emptied.clear()
                    await self._emptied.wait()
        except TimeoutError:
            return False
        return True
