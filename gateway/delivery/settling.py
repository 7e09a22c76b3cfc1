"""Settles acknowledged deliveries in groups: a moment's wait saves most of the commits.

Nobody waits for these commits but the lanes, and what is lost before one is delivered again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

from gateway.channel.errors import StoreBusy
from gateway.store import deliveries
from gateway.store.deliveries import Settled
from gateway.store.engine import Store
from gateway.store.work import Fenced

R = TypeVar("R")

GROUP = 64
WAIT_S = 0.02

_PAUSES_S = (0.1, 0.5, 2.0)


async def patiently(commit: Callable[[], Awaitable[R]]) -> R:
    """Commit what an attempt came to, a few times if need be: giving up means sending it again."""
    for pause_s in _PAUSES_S:
        try:
            return await commit()
        except StoreBusy:
            await asyncio.sleep(pause_s)
    return await commit()


class Settler:
    """Gathers what was acknowledged until it is a group, ``WAIT_S`` has passed, or ``flush``.

    ``done`` is told what is logged and finished. ``failed`` is told what is not, and why:
    ``Fenced`` when it had been taken from us, ``StoreBusy`` when nothing is committed.
    """

    def __init__(
        self,
        store: Store,
        *,
        done: Callable[[Settled], None],
        failed: Callable[[Settled, Exception], None],
    ) -> None:
        self._store = store
        self._done = done
        self._failed = failed
        self._waiting: list[Settled] = []
        self._timer: asyncio.TimerHandle | None = None
        self._commits: set[asyncio.Task[None]] = set()

    def add(self, item: Settled) -> None:
        """Settle a delivery, soon."""
        self._waiting.append(item)
        if len(self._waiting) >= GROUP:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(WAIT_S, self.flush)

    def flush(self) -> None:
        """Settle what has been gathered, now: there is nothing to wait for."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        group, self._waiting = self._waiting, []
        if group:
            commit = asyncio.create_task(self._commit(group))
            self._commits.add(commit)
            commit.add_done_callback(self._commits.discard)

    async def _commit(self, group: list[Settled]) -> None:
        try:
            await patiently(partial(self._write, group))
        except Fenced as error:
            if len(group) == 1:
                self._failed(group[0], error)
                return
            # One that was taken from us must not keep the others from being settled.
            for one in group:
                await self._commit([one])
        except Exception as error:
            for one in group:
                self._failed(one, error)
        else:
            for one in group:
                self._done(one)

    async def _write(self, items: Sequence[Settled]) -> None:
        lanes = [item.work.lane for item in items if item.work.lane is not None]
        await self._store.write(
            lambda connection: deliveries.settle_delivered(connection, items), locks=lanes
        )
