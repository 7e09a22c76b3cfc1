"""Acknowledged deliveries are settled in groups, and one that was taken from us stands alone."""

import asyncio
from typing import Any

import pytest

from gateway.delivery.settling import GROUP, Settler
from gateway.store import deliveries, work
from gateway.store.deliveries import Attempt, Delivery, Outcome, Settled
from gateway.store.engine import Store
from gateway.store.times import SECOND
from gateway.store.work import Fenced
from tests.integration.store.samples import LEASE, NOON, enqueue, how_many, job, new_id


def settled(one: Delivery) -> Settled:
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


async def claimed(store: Store, limit: int = 100) -> list[Delivery]:
    return await store.write(
        lambda connection: deliveries.claim(
            connection, queue="q", limit=limit, now=NOON, lease=LEASE, claim_id=new_id()
        )
    )


class Counter:
    """A settler at work: what became of each, and how many commits that took."""

    def __init__(self, store: Store) -> None:
        self.results: dict[int, Exception | None] = {}
        self.commits = 0
        self._whole = store.write
        store.write = self._write  # type: ignore[method-assign, assignment]
        self.settler = Settler(
            store,
            done=lambda item: self.results.update({item.work.seq: None}),
            failed=lambda item, error: self.results.update({item.work.seq: error}),
        )

    async def _write(self, *args: Any, **more: Any) -> object:
        self.commits += 1
        return await self._whole(*args, **more)

    async def until(self, number: int) -> None:
        """Wait until this many are settled, one way or the other."""
        async with asyncio.timeout(10):
            while len(self.results) < number:
                await asyncio.sleep(0.001)


async def test_what_is_acknowledged_within_a_moment_shares_a_commit(any_store: Store) -> None:
    await enqueue(any_store, *(job(str(number), lane=f"l{number}") for number in range(10)))
    works, counter = await claimed(any_store), Counter(any_store)
    for one in works:
        counter.settler.add(settled(one))
    await counter.until(10)
    assert counter.commits == 1
    assert await how_many(any_store, "work") == 0
    assert await how_many(any_store, "attempt") == 10


async def test_with_nothing_to_wait_for_nobody_waits(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.delivery.settling.WAIT_S", 3600)
    await enqueue(store, job("a"))
    (one,) = await claimed(store)
    counter = Counter(store)
    counter.settler.add(settled(one))
    counter.settler.flush()
    await counter.until(1)
    assert counter.results == {one.seq: None}


async def test_a_full_group_waits_no_longer(store: Store) -> None:
    await enqueue(store, *(job(str(number), lane=None) for number in range(GROUP + 1)))
    works, counter = await claimed(store, GROUP + 1), Counter(store)
    for one in works:
        counter.settler.add(settled(one))
    await counter.until(GROUP + 1)
    assert counter.commits == 2


async def test_one_that_was_taken_from_us_does_not_keep_the_others(any_store: Store) -> None:
    await enqueue(any_store, *(job(str(number), lane=f"l{number}") for number in range(3)))
    works = await claimed(any_store)
    later = LEASE + SECOND
    await any_store.write(lambda c: work.extend(c, [works[0], works[2]], lease=later * 2))
    await any_store.write(lambda c: work.rescue(c, now=later, max_claims=5))
    counter = Counter(any_store)
    for one in works:
        counter.settler.add(settled(one))
    await counter.until(3)
    results = [type(counter.results[one.seq]) for one in works]
    assert results == [type(None), Fenced, type(None)]
    log = await any_store.read(lambda c: deliveries.attempts(c, endpoint="casework"))
    assert sorted(one.event_id for one in log) == sorted(
        f"evt_{one.seq}" for one in (works[0], works[2])
    )
    assert await how_many(any_store, "work") == 1
