"""A lease makes sure that work whose worker is gone is done again, and counted only once."""

import asyncio

import pytest
from sqlalchemy import Connection

from gateway.store import work
from gateway.store.engine import Store
from gateway.store.times import SECOND
from gateway.store.work import Fenced, Work, WorkState
from tests.integration.store.samples import (
    LEASE,
    NOON,
    claim,
    complete,
    enqueue,
    how_many,
    job,
    names,
)

LATE = LEASE + 1


async def rescue(
    store: Store, *, now: int = LATE, max_claims: int = 3, apart: int = 0
) -> list[Work]:
    return await store.write(
        lambda connection: work.rescue(connection, now=now, max_claims=max_claims, apart=apart)
    )


async def test_work_under_a_lease_is_nobody_elses(store: Store) -> None:
    await enqueue(store, job())
    await claim(store)
    assert await rescue(store, now=LEASE) == []
    assert await claim(store, now=LEASE) == []


async def test_work_whose_lease_ran_out_is_done_again(store: Store) -> None:
    await enqueue(store, job("a"), job("b"))
    (lost,) = await claim(store)

    assert names(await rescue(store)) == ["a"]

    (again,) = await claim(store, now=LATE)
    assert (again.seq, again.claims, again.attempts) == (lost.seq, 2, 0)
    assert again.claim_id != lost.claim_id


async def test_work_that_lost_four_workers_together_is_done_apart_from_then_on(
    store: Store,
) -> None:
    await enqueue(store, job("a", lane="1"), job("b", lane="2"), job("c", lane="3"))
    now = NOON
    for _ in range(4):  # a few deaths may be anything
        assert len(await claim(store, now=now, lease=now)) == 3
        now += 1
        await rescue(store, now=now, max_claims=10, apart=SECOND)

    assert await claim(store, now=now) == []
    done = []
    for _ in range(3):
        now += SECOND
        (one,) = await claim(store, now=now)
        done.append(one)
    assert sorted(names(done)) == ["a", "b", "c"]


async def test_a_worker_that_was_frozen_past_its_lease_is_fenced_out(store: Store) -> None:
    await enqueue(store, job())
    (frozen,) = await claim(store)
    await rescue(store)
    (current,) = await claim(store, now=LATE)

    for late in (
        lambda connection: work.complete(connection, frozen),
        lambda connection: work.retry(connection, frozen, due=NOON, error="late"),
        lambda connection: work.bury(connection, frozen, error="late"),
        lambda connection: work.hold(connection, frozen, error="late"),
    ):
        with pytest.raises(Fenced):
            await store.write(late)
    with pytest.raises(Fenced):
        await store.write_batched(work.complete_batched, frozen, lock=frozen.lane)
    assert await store.write(lambda c: work.extend(c, [frozen, current], lease=LATE)) == [current]

    await complete(store, current)
    assert await how_many(store, "work") == 0


async def test_a_fenced_worker_leaves_no_trace_of_its_effects(store: Store) -> None:
    await enqueue(store, job())
    (frozen,) = await claim(store)
    await rescue(store)

    def effect_then_fence(connection: Connection) -> None:
        work.enqueue(connection, [job("effect", lane=None)])
        work.complete(connection, frozen)

    with pytest.raises(Fenced):
        await store.write(effect_then_fence)
    assert await how_many(store, "work") == 1


async def test_a_late_result_never_rides_on_the_batch_of_the_current_worker(store: Store) -> None:
    """The stale claim of one piece and a fresh claim of another come in the same commit."""
    await enqueue(store, job("a", lane=None), job("b", lane=None))
    stale_a, _ = await claim(store)
    await rescue(store)
    fresh_a, fresh_b = await claim(store, now=LATE)

    results = await asyncio.gather(
        *(store.write_batched(work.complete_batched, one) for one in (stale_a, fresh_b)),
        return_exceptions=True,
    )

    assert isinstance(results[0], Fenced)
    assert results[1] is None
    await complete(store, fresh_a)


async def test_the_heartbeat_keeps_a_lease(store: Store) -> None:
    await enqueue(store, job())
    works = await claim(store)
    longer = LEASE + 60 * SECOND
    assert await store.write(lambda c: work.extend(c, works, lease=longer)) == works
    assert await rescue(store) == []
    assert names(await rescue(store, now=longer + 1)) == ["a"]


async def test_rescuers_that_race_take_it_back_once(stores: list[Store]) -> None:
    await enqueue(stores[0], *(job(f"n{n}", lane=None) for n in range(20)))
    await claim(stores[0], 20)
    taken = await asyncio.gather(*(rescue(store) for store in stores))
    every = sorted(one.seq for works in taken for one in works)
    assert len(every) == len(set(every)) == 20


async def test_work_that_kills_its_workers_is_given_up_and_its_lane_goes_on(store: Store) -> None:
    await enqueue(store, job("poison"), job("next"))
    now = NOON
    for _ in range(3):
        (one,) = await claim(store, now=now, lease=now + SECOND)
        assert names([one]) == ["poison"]
        now += 2 * SECOND
        await rescue(store, now=now)

    assert names(await claim(store, now=now)) == ["next"]
    (dead,) = await store.read(work.stopped)
    assert dead.state is WorkState.DEAD
    assert dead.error == "given up: 3 workers stopped while doing it"


async def test_orderly_failures_are_not_held_against_it_as_poison(store: Store) -> None:
    await enqueue(store, job())
    for _ in range(5):
        (one,) = await claim(store)
        await store.write(lambda c, one=one: work.retry(c, one, due=NOON, error="503"))  # type: ignore[misc]
    await claim(store)
    await rescue(store)
    assert names(await claim(store, now=LATE)) == ["a"]


async def test_the_only_process_takes_everything_back_at_its_start(store: Store) -> None:
    await enqueue(store, job())
    (lost,) = await claim(store)
    await store.write(work.abandon_all_leases)
    assert names(await rescue(store, now=NOON)) == ["a"]
    with pytest.raises(Fenced):
        await complete(store, lost)
