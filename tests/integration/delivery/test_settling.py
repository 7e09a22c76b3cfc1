"""Acknowledged deliveries are settled in groups, and one that was taken from us stands alone."""

import asyncio

from gateway.delivery.settling import GROUP, Settler
from gateway.store import deliveries, work
from gateway.store.deliveries import Attempt, Outcome, Settled
from gateway.store.engine import Store
from gateway.store.times import SECOND
from gateway.store.work import Fenced
from tests.integration.store.samples import LEASE, NOON, claim, enqueue, how_many, job


def settled(one: work.Work) -> Settled:
    attempt = Attempt(
        endpoint="casework",
        event_id=f"evt_{one.seq}",
        draft_id=None,
        number=1,
        started=NOON,
        took_us=5,
        outcome=Outcome.DELIVERED,
        status=200,
    )
    return Settled(attempt=attempt, work=one)


async def commits(store: Store, works: list[work.Work], *, calls: int) -> int:
    """Settle these together and count the commits that took."""
    count = 0
    whole = store.write

    async def write(*args: object, **more: object) -> object:
        nonlocal count
        count += 1
        return await whole(*args, **more)  # type: ignore[arg-type]

    store.write = write  # type: ignore[method-assign, assignment]
    settler = Settler(store, lambda: calls)
    await asyncio.gather(*(settler.settle(settled(one)) for one in works))
    store.write = whole  # type: ignore[method-assign]
    return count


async def test_what_is_acknowledged_while_calls_are_under_way_shares_a_commit(
    any_store: Store,
) -> None:
    await enqueue(any_store, *(job(str(number), lane=f"l{number}") for number in range(10)))
    works = await claim(any_store)
    assert await commits(any_store, works, calls=1) == 1
    assert await how_many(any_store, "work") == 0
    assert await how_many(any_store, "attempt") == 10


async def test_with_no_call_under_way_nobody_waits(store: Store) -> None:
    await enqueue(store, job("a"))
    assert await commits(store, await claim(store), calls=0) == 1


async def test_a_full_group_waits_no_longer(store: Store) -> None:
    await enqueue(store, *(job(str(number), lane=None) for number in range(GROUP + 1)))
    works = await claim(store, GROUP + 1)
    assert await commits(store, works, calls=1) == 2


async def test_one_that_was_taken_from_us_does_not_keep_the_others(any_store: Store) -> None:
    await enqueue(any_store, *(job(str(number), lane=f"l{number}") for number in range(3)))
    works = await claim(any_store)
    later = LEASE + SECOND
    await any_store.write(lambda c: work.extend(c, [works[0], works[2]], lease=later * 2))
    await any_store.write(lambda c: work.rescue(c, now=later, max_claims=5))
    settler = Settler(any_store, lambda: 1)
    results = await asyncio.gather(
        *(settler.settle(settled(one)) for one in works), return_exceptions=True
    )
    assert [type(result) for result in results] == [type(None), Fenced, type(None)]
    log = await any_store.read(lambda c: deliveries.attempts(c, endpoint="casework"))
    assert sorted(one.event_id for one in log) == sorted(
        f"evt_{one.seq}" for one in (works[0], works[2])
    )
    assert await how_many(any_store, "work") == 1
