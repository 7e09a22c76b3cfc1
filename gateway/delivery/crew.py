"""A crew that does what is piled up, as many at a time as a width allows that may change."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Generic, TypeVar

T = TypeVar("T")


class Crew(Generic[T]):
    """Does ``do`` for each that is added, in order, ``width()`` at a time.

    Who has finished one goes on with the next: a task lasts as long as there is something to do.
    ``do`` raises nothing. ``rest`` is called whenever everything is done.
    """

    def __init__(
        self,
        do: Callable[[T], Awaitable[None]],
        *,
        width: Callable[[], int],
        rest: Callable[[], None],
    ) -> None:
        self._do = do
        self._width = width
        self._rest = rest
        self._pile: deque[T] = deque()
        self._at_work: set[asyncio.Task[None]] = set()

    def add(self, more: Iterable[T]) -> None:
        """Put more on the pile."""
        self._pile.extend(more)
        self._call_up()

    async def dismiss(self) -> None:
        """Let everything fall."""
        self._pile.clear()
        for task in self._at_work:
            task.cancel()
        await asyncio.gather(*self._at_work, return_exceptions=True)

    def _call_up(self) -> None:
        at_work = self._at_work
        for _ in range(min(self._width() - len(at_work), len(self._pile))):
            task = asyncio.create_task(self._work())
            at_work.add(task)
            task.add_done_callback(self._leave)

    async def _work(self) -> None:
        while self._pile and len(self._at_work) <= self._width():
            await self._do(self._pile.popleft())
            self._call_up()

    def _leave(self, task: asyncio.Task[None]) -> None:
        self._at_work.discard(task)
        self._call_up()
        if not self._at_work:
            self._rest()
