"""What was taken in gets into its lane when a worker comes for it: once, whole and in order."""

import asyncio

from sqlalchemy import Connection

from gateway.store import arrivals, work
from gateway.store.arrivals import ASSEMBLE, sort_in
from gateway.store.engine import Store
from gateway.store.work import Work
from tests.integration.store.samples import (
    LEASE,
    NOON,
    append,
    arrival,
    complete,
    how_many,
    message,
    new_id,
)


async def take(store: Store, limit: int = 10) -> list[Work]:
    """Claim as the worker does that assembles."""
    claim_id = new_id()

    def claim(connection: Connection) -> list[Work]:
        sort_in(connection)
        return work.claim(
            connection, queue=ASSEMBLE, limit=limit, now=NOON, lease=LEASE, claim_id=claim_id
        )

    return await store.write(claim, durable=False)


async def test_arrivals_count_as_ready_work(store: Store) -> None:
    for number in range(3):
        await append(store, arrival(message(key=f"SM{number}")))
    assert await store.read(arrivals.depths) == {(ASSEMBLE, "ready"): 3}
    await take(store)
    assert await store.read(arrivals.depths) == {(ASSEMBLE, "claimed"): 1, (ASSEMBLE, "ready"): 2}


async def test_what_comes_later_waits_for_what_is_in_the_lane(store: Store) -> None:
    first, second = arrival(message(key="SM1")), arrival(message(key="SM2"))
    await append(store, first)
    (one,) = await take(store)
    await append(store, second)
    assert await take(store) == []
    await complete(store, one)
    assert [work.subject for work in await take(store)] == [second.inbound_id]


async def test_more_than_is_sorted_in_at_once_comes_in_order_all_the_same(store: Store) -> None:
    items = [arrival(message(key=f"SM{n}", contact=f"tel:+86138{n % 7:08}")) for n in range(600)]

    async def citizen(number: int) -> None:
        for item in items[number::7]:
            await append(store, item)

    await asyncio.gather(*(citizen(number) for number in range(7)))
    order: dict[str, list[str]] = {}
    while works := await take(store, 100):
        for one in works:
            order.setdefault(str(one.lane), []).append(one.subject)
            await complete(store, one)
    expected: dict[str, list[str]] = {}
    for item in items:
        lane = item.lane
        expected.setdefault(lane, []).append(item.inbound_id)
    assert order == expected
    assert await how_many(store, "arrival") == await how_many(store, "work") == 0


async def test_lanes_keep_their_order_while_everybody_takes_in_and_works(
    stores: list[Store],
) -> None:
    lanes, length = 4, 10
    sent: dict[str, list[str]] = {}
    done: dict[str, list[str]] = {}
    left = lanes * length

    async def writes(citizen: int) -> None:
        for number in range(length):
            item = arrival(message(key=f"SM{number}", contact=f"tel:+8613800000{citizen:03}"))
            await append(stores[number % 4], item)
            lane = item.lane
            sent.setdefault(lane, []).append(item.inbound_id)

    async def assembles(store: Store) -> None:
        nonlocal left
        while left:
            works = await take(store, 3)
            for one in works:
                done.setdefault(str(one.lane), []).append(one.subject)
                left -= 1
                await store.write_batched(work.complete_batched, one, lock=one.lane)
            if not works:
                await asyncio.sleep(0.001)

    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        for citizen in range(lanes):
            tasks.create_task(writes(citizen))
        for store in stores:
            tasks.create_task(assembles(store))

    assert done == sent
    assert await how_many(stores[0], "arrival") == await how_many(stores[0], "work") == 0
