"""A worker: does a queue's work, piece by piece, and never lets a failure vanish."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from gateway.domain.ids import Clock, Ids
from gateway.store import work
from gateway.store.engine import Store
from gateway.store.holding import Claim, Holding, Pace
from gateway.store.wakeup import Wakeup
from gateway.store.work import Work

Handler = Callable[[Work], Awaitable[None]]
"""Does one piece of work and completes it in the same transaction as its effects."""


@dataclass(slots=True)
class Worker:
    """Works on one queue, ``pace.at_once`` pieces at a time, until it is told to stop.

    ``claim`` takes due work of the queue, see ``Holding``.
    """

    store: Store
    queue: str
    handle: Handler
    clock: Clock
    ids: Ids
    wakeup: Wakeup
    note: Callable[..., None]
    pace: Pace = field(default_factory=Pace)
    claim: Claim[Work] = work.claim
    _holding: Holding[Work] = field(init=False)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._holding = Holding(
            store=self.store,
            queue=self.queue,
            claim=self.claim,
            begin=self._begin,
            room=lambda held: self.pace.at_once - held,
            clock=self.clock,
            ids=self.ids,
            wakeup=self.wakeup,
            note=self.note,
            pace=self.pace,
        )

    async def run(self) -> None:
        """Work until ``stop``; what is in hand then is finished first."""
        try:
            await self._holding.run()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def stop(self) -> None:
        """Claim nothing more and let ``run`` return once the work in hand is done."""
        self._holding.stop()

    def _begin(self, works: Sequence[Work]) -> None:
        for one in works:
            task = asyncio.create_task(self._do(one))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _do(self, one: Work) -> None:
        try:
            await self.handle(one)
        except Exception as error:
            await self._holding.failed(one, error)
        else:
            self._holding.done(one)
