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
    """Gathers what was acknowledged for up to ``WAIT_S``, or until no call is under way."""

    def __init__(self, store: Store, calls_under_way: Callable[[], int]) -> None:
        self._store = store
        self._calls = calls_under_way
        self._waiting: list[tuple[Settled, asyncio.Future[None]]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._commits: set[asyncio.Task[None]] = set()

    async def settle(self, item: Settled) -> None:
        """Return once this delivery is logged and its work is done.

        Raises ``Fenced`` when it had been taken from us, ``StoreBusy`` when nothing is committed.
        """
        loop = asyncio.get_running_loop()
        settled: asyncio.Future[None] = loop.create_future()
        self._waiting.append((item, settled))
        if len(self._waiting) >= GROUP or not self._calls():
            self._flush()
        elif self._timer is None:
            self._timer = loop.call_later(WAIT_S, self._flush)
        await settled

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        group, self._waiting = self._waiting, []
        if group:
            commit = asyncio.create_task(self._commit(group))
            self._commits.add(commit)
            commit.add_done_callback(self._commits.discard)

    async def _commit(self, group: list[tuple[Settled, "asyncio.Future[None]"]]) -> None:
        try:
            await patiently(partial(self._write, [item for item, _ in group]))
        except Fenced as error:
            if len(group) == 1:
                _fail(group[0][1], error)
                return
            # One that was taken from us must not keep the others from being settled.
            for one in group:
                await self._commit([one])
        except Exception as error:
            for _, settled in group:
                _fail(settled, error)
        else:
            for _, settled in group:
                if not settled.done():
                    settled.set_result(None)

    async def _write(self, items: Sequence[Settled]) -> None:
        lanes = [item.work.lane for item in items if item.work.lane is not None]
        await self._store.write(
            lambda connection: deliveries.settle_delivered(connection, items), locks=lanes
        )


def _fail(settled: "asyncio.Future[None]", error: Exception) -> None:
    if not settled.done():
        settled.set_exception(error)
