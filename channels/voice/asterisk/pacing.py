"""One clock for all calls of an account: a timer for each would cost more than its audio."""

import asyncio
from collections.abc import Callable
from time import monotonic

TICK_S = 0.02
BYTES_PER_S = 16_000
# A network may stumble this long before silence takes the place of what is missing; then it is
# filled up to this much less than the clock says, so that late audio finds its place.
_PATIENCE_S = 0.4
_BEHIND_S = 0.2


class Ticker:
    """Calls back every 20 ms whoever asked for it."""

    def __init__(self) -> None:
        self._callbacks: list[Callable[[float], None]] = []

    def add(self, callback: Callable[[float], None]) -> None:
        """Call this with the time of the monotonic clock, from the next tick on."""
        self._callbacks = [*self._callbacks, callback]

    def remove(self, callback: Callable[[float], None]) -> None:
        """Do not call it any more."""
        self._callbacks = [one for one in self._callbacks if one != callback]

    async def run(self) -> None:
        """Tick until cancelled; a late tick does not delay those after it."""
        due = monotonic()
        while True:
            due += TICK_S
            now = monotonic()
            if due < now - 1.0:
                due = now  # the machine stood still: nobody wants all of that at once
            await asyncio.sleep(due - now)
            now = monotonic()
            for callback in self._callbacks:
                callback(now)


class Gapless:
    """How much silence one party's audio lacks, and how long nothing has come."""

    def __init__(self, now: float) -> None:
        self._began = now
        self._counted = 0
        self._heard = 0
        self.last = now

    @property
    def heard_s(self) -> float:
        """How many seconds of audio have come: the line's own time."""
        return self._heard / BYTES_PER_S

    def take(self, size: int, now: float) -> None:
        """Count bytes that came."""
        self._counted += size
        self._heard += size
        self.last = now

    def lacking(self, now: float) -> int:
        """Return how many bytes of silence to put in, and count them."""
        behind_s = now - self._began - self._counted / BYTES_PER_S
        if behind_s < _PATIENCE_S:
            return 0
        frames = int((behind_s - _BEHIND_S) / TICK_S)
        size = frames * int(TICK_S * BYTES_PER_S)
        self._counted += size
        return size
