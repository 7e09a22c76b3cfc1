"""A worker goes on whatever its store or its work throw at it, and buries nothing for it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest

from gateway.channel.errors import StoreBusy
from gateway.domain.clock import SystemClock
from gateway.domain.ids import UlidFactory
from gateway.store import work
from gateway.store.engine import Operation, Store
from gateway.store.holding import Pace
from gateway.store.opening import open_store
from gateway.store.wakeup import LocalWakeup
from gateway.store.work import NewWork, Work
from gateway.store.worker import Handler, Worker

R = TypeVar("R")


class Moody:
    """A store whose next writes fail with ``troubles``."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.troubles: list[Exception] = []

    async def write(
        self, operation: Operation[R], *, locks: Sequence[str] = (), durable: bool = True
    ) -> R:
        if self.troubles:
            raise self.troubles.pop(0)
        return await self._store.write(operation, locks=locks, durable=durable)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Moody]:
    real = await open_store(f"sqlite:///{tmp_path}/hotline.db")
    job = NewWork(queue="q", lane="l", subject="s", payload={}, due=0, created=0)
    await real.write(lambda connection: work.enqueue(connection, [job]))
    yield Moody(real)
    await real.close()


async def worked(
    store: Moody, make_handle: Callable[[Worker], Handler], pace: Pace
) -> list[tuple[str, Any]]:
    """Let a worker work until its handler stops it; return what it noted."""
    noted: list[tuple[str, Any]] = []
    clock = SystemClock()

    async def nothing(one: Work) -> None:
        raise AssertionError("replaced below")

    worker = Worker(
        store=store,
        queue="q",
        handle=nothing,
        clock=clock,
        ids=UlidFactory(clock),
        wakeup=LocalWakeup(),
        note=lambda name, **values: noted.append((name, values.get("why"))),
        pace=pace,
    )
    worker.handle = make_handle(worker)
    async with asyncio.timeout(30):
        await worker.run()
    return noted


def done_by(store: Moody) -> Callable[[Worker], Handler]:
    def make(worker: Worker) -> Handler:
        async def handle(one: Work) -> None:
            await store.write(lambda connection: work.complete(connection, one))
            worker.stop()

        return handle

    return make


async def test_a_claim_that_fails_in_an_unknown_way_is_made_again(store: Moody) -> None:
    store.troubles = [RuntimeError("cancelled by an administrator"), StoreBusy()]
    noted = await worked(store, done_by(store), Pace(poll_s=0.01))
    assert [name for name, _ in noted] == ["worker.failed", "worker.store_busy"]
    assert noted[0][1] == "unexpected RuntimeError"


async def test_leases_are_kept_after_a_heartbeat_that_failed(store: Moody) -> None:
    beats: list[str] = []

    def make(worker: Worker) -> Handler:
        async def handle(one: Work) -> None:
            store.troubles = [RuntimeError("x")]
            while store.troubles:
                await asyncio.sleep(0.01)

            def lease(connection: Any) -> int:
                query = "SELECT lease_until FROM work"
                return int(connection.exec_driver_sql(query).scalar_one())

            before = await store.read(lease)
            while await store.read(lease) == before:
                await asyncio.sleep(0.01)
            beats.append("kept")
            await store.write(lambda connection: work.complete(connection, one))
            worker.stop()

        return handle

    noted = await worked(store, make, Pace(poll_s=0.01, lease_s=0.3))
    assert beats == ["kept"]
    assert noted == [("worker.failed", "unexpected RuntimeError")]


async def test_a_store_that_is_away_is_not_held_against_the_work(store: Moody) -> None:
    tries: list[int] = []

    def make(worker: Worker) -> Handler:
        async def handle(one: Work) -> None:
            tries.append(one.attempts)
            if len(tries) < 4:
                raise StoreBusy
            await done_by(store)(worker)(one)

        return handle

    await worked(store, make, Pace(poll_s=0.01, max_attempts=2, first_pause_s=0.01))
    assert tries == [0, 0, 0, 0]
