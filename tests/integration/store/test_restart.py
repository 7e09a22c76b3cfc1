"""PostgreSQL is killed in mid-work: whoever was told "stored" was told the truth."""

import asyncio

import pytest

from gateway.store.errors import StoreDown
from gateway.store.opening import open_store
from tests.integration.store.samples import (
    append,
    arrival,
    claim,
    complete,
    enqueue,
    how_many,
    job,
    message,
)
from tests.peers.postgres import running_postgres

pytestmark = pytest.mark.postgres

ROUNDS = 3


async def test_nothing_acknowledged_is_lost_and_redeliveries_change_nothing() -> None:
    with running_postgres() as server:
        store = await open_store(server.create_database())
        acknowledged: set[str] = set()
        unknown: set[str] = set()
        failures: list[BaseException] = []

        async def send(sender: int, stop: asyncio.Event) -> None:
            number = 0
            while not stop.is_set():
                key = f"{len(acknowledged)}-{sender}-{number}"
                number += 1
                try:
                    await append(store, arrival(message(key=key)))
                except StoreDown as error:
                    failures.append(error)
                    unknown.add(key)
                    await asyncio.sleep(0.01)
                else:
                    acknowledged.add(key)

        async def more(count: int) -> None:
            enough = len(acknowledged) + count
            while len(acknowledged) < enough:
                await asyncio.sleep(0.01)

        for _ in range(ROUNDS):
            stop = asyncio.Event()
            async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
                for sender in range(16):
                    tasks.create_task(send(sender, stop))
                await more(100)
                await asyncio.to_thread(server.kill)
                await asyncio.to_thread(server.start)
                await more(50)
                stop.set()

        assert failures
        for key in (*acknowledged, *unknown):  # every provider repeats what it is not sure of
            result = await append(store, arrival(message(key=key)))
            assert result.status == "duplicate" or key in unknown
        count = len(acknowledged | unknown)
        assert await how_many(store, "inbound") == await how_many(store, "arrival") == count
        await store.close()


async def test_a_connection_that_broke_while_idle_costs_nobody_an_answer() -> None:
    with running_postgres() as server:
        store = await open_store(server.create_database())
        await asyncio.gather(*(enqueue(store, job(f"n{n}", lane=None)) for n in range(10)))
        server.kill()
        server.start()
        works = await claim(store)
        assert len(works) == 10
        await asyncio.gather(*(complete(store, one) for one in works))
        assert await how_many(store, "work") == 0
        await store.close()


async def test_a_server_that_is_away_is_told_apart_and_comes_back() -> None:
    with running_postgres() as server:
        store = await open_store(server.create_database())
        server.kill()

        for attempt in (append(store, arrival()), enqueue(store, job()), how_many(store, "work")):
            with pytest.raises(StoreDown, match="does not answer"):
                await attempt
        server.start()
        assert (await append(store, arrival())).status == "accepted"
        await store.close()
