"""A limit on calls that may change while they run: as wide as the breaker's window is now."""

import asyncio
from collections import deque
from collections.abc import Callable


class Slots:
    """Lets ``width()`` callers in at a time, in the order in which they came.

    Used as ``async with slots:``.
    """

    def __init__(self, width: Callable[[], int]) -> None:
        self._width = width
        self.inside = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def __aenter__(self) -> None:
        if not self._waiting and self.inside < self._width():
            self.inside += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._leave()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._leave()

    def _leave(self) -> None:
        self.inside -= 1
        while self._waiting and self.inside < self._width():
            turn = self._waiting.popleft()
            if not turn.done():
                self.inside += 1
                turn.set_result(None)
