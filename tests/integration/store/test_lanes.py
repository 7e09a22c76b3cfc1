"""Work of one lane is done one after the other, in order, and no lane stands in another's way."""

import asyncio

from sqlalchemy import Connection

from gateway.store import work
from gateway.store.engine import Store
from gateway.store.times import SECOND
from gateway.store.work import Work, WorkState
from tests.integration.store.samples import NOON, claim, complete, enqueue, how_many, job, names


async def bury(store: Store, one: Work, error: str = "no use") -> None:
    await store.write(lambda connection: work.bury(connection, one, error=error))


async def hold(store: Store, one: Work) -> None:
    await store.write(lambda connection: work.hold(connection, one, error="ask somebody"))


async def revive(store: Store, *seqs: int, now: int = NOON) -> int:
    return await store.write(lambda connection: work.revive(connection, seqs, now=now))


async def stopped(store: Store, **filters: str | int) -> list[Work]:
    return await store.read(lambda connection: work.stopped(connection, **filters))  # type: ignore[arg-type]


async def test_only_the_first_of_a_lane_can_be_claimed(store: Store) -> None:
    await enqueue(store, job("a1", lane="a"), job("a2", lane="a"), job("b1", lane="b"))
    assert names(await claim(store)) == ["a1", "b1"]
    assert await claim(store) == []


async def test_finishing_the_first_lets_the_second_go(store: Store) -> None:
    await enqueue(store, *(job(name) for name in "abc"))
    done = []
    while works := await claim(store):
        done += names(works)
        await complete(store, works[0])
    assert done == ["a", "b", "c"]
    assert await how_many(store, "work") == 0


async def test_work_that_comes_while_the_lane_is_busy_waits(store: Store) -> None:
    await enqueue(store, job("a"))
    (first,) = await claim(store)
    await enqueue(store, job("b"))
    assert await claim(store) == []
    await complete(store, first)
    assert names(await claim(store)) == ["b"]


async def test_work_without_a_lane_waits_for_nothing(store: Store) -> None:
    await enqueue(store, *(job(name, lane=None) for name in "abc"))
    assert names(await claim(store)) == ["a", "b", "c"]


async def test_work_is_claimed_when_it_is_due_and_the_longest_due_first(store: Store) -> None:
    await enqueue(
        store,
        job("later", lane="a", due=NOON + SECOND),
        job("second", lane="b", due=NOON - 1),
        job("first", lane="c", due=NOON - 2),
    )
    assert names(await claim(store, 1)) == ["first"]
    assert names(await claim(store)) == ["second"]
    assert names(await claim(store, now=NOON + SECOND)) == ["later"]


async def test_a_queue_gives_only_its_own_work_and_no_more_than_asked(store: Store) -> None:
    await enqueue(store, job("mine", lane=None), job("yours", lane=None, queue="other"))
    await enqueue(store, *(job(f"n{n}", lane=None) for n in range(5)))
    assert names(await claim(store, 3)) == ["mine", "n0", "n1"]
    assert names(await claim(store, queue="other")) == ["yours"]


async def test_a_lane_waits_with_its_head_that_is_tried_again_later(store: Store) -> None:
    await enqueue(store, job("a"), job("b"))
    (first,) = await claim(store)
    later = NOON + 30 * SECOND
    await store.write(lambda connection: work.retry(connection, first, due=later, error="503"))

    assert await claim(store) == []
    (again,) = await claim(store, now=later)
    assert (names([again]), again.attempts, again.error) == (["a"], 1, "503")


async def test_putting_work_back_without_having_tried_counts_nothing(store: Store) -> None:
    await enqueue(store, job())
    (one,) = await claim(store)
    await store.write(
        lambda connection: work.retry(connection, one, due=NOON, error="stopping", tried=False)
    )
    (again,) = await claim(store)
    assert (again.attempts, again.claims) == (0, 1)


async def test_dead_letters_wait_for_a_person_while_their_lane_goes_on(store: Store) -> None:
    await enqueue(store, job("a"), job("b"))
    (first,) = await claim(store)
    await bury(store, first)

    assert names(await claim(store)) == ["b"]
    (dead,) = await stopped(store)
    assert (dead.state, dead.error, dead.attempts) == (WorkState.DEAD, "no use", 1)


async def test_a_revived_dead_letter_goes_to_the_end_of_its_lane(store: Store) -> None:
    await enqueue(store, job("a"), job("b"))
    (first,) = await claim(store)
    await bury(store, first)
    assert await revive(store, first.seq) == 1

    (second,) = await claim(store)
    assert names([second]) == ["b"]
    await complete(store, second)
    (again,) = await claim(store)
    assert (names([again]), again.attempts, again.subject) == (["a"], 0, first.subject)
    assert await stopped(store) == []


async def test_held_work_holds_its_lane_until_it_is_released(store: Store) -> None:
    await enqueue(store, job("a"), job("b"))
    (first,) = await claim(store)
    await hold(store, first)

    assert await claim(store, now=NOON + 86_400 * SECOND) == []
    (held,) = await stopped(store)
    assert held.state is WorkState.HELD

    assert await revive(store, held.seq) == 1
    assert names(await claim(store)) == ["a"]


async def test_only_stopped_work_can_be_revived(store: Store) -> None:
    await enqueue(store, job("a"))
    (one,) = await claim(store)
    assert await revive(store, one.seq, 4711) == 0
    await complete(store, one)


async def test_a_dead_letter_that_two_people_revive_at_once_comes_back_once(
    stores: list[Store],
) -> None:
    await enqueue(stores[0], job("a"))
    (one,) = await claim(stores[0])
    await bury(stores[0], one)

    counts = await asyncio.gather(*(revive(each, one.seq) for each in stores))

    assert sum(counts) == 1
    assert await how_many(stores[0], "work") == 1


async def test_stopped_work_is_listed_by_queue_and_page_by_page(store: Store) -> None:
    await enqueue(store, *(job(f"n{n}", lane=None, queue=f"q{n % 2}") for n in range(4)))
    for queue in ("q0", "q1"):
        for one in await claim(store, queue=queue):
            await bury(store, one)

    assert names(await stopped(store)) == ["n0", "n1", "n2", "n3"]
    (first, _) = await stopped(store, queue="q1")
    assert names(await stopped(store, queue="q1", after=first.seq, limit=5)) == ["n3"]


async def test_depths_count_each_queue_by_state(store: Store) -> None:
    await enqueue(store, job("a"), job("b"), job("c", lane=None, queue="other"))
    await claim(store, queue="other")
    assert await store.read(work.depths) == {("q", "ready"): 2, ("other", "claimed"): 1}


async def test_lanes_keep_their_order_when_everybody_works_at_once(stores: list[Store]) -> None:
    lanes, length = 5, 8
    done: dict[str, list[int]] = {f"lane{n}": [] for n in range(lanes)}
    left = lanes * length

    async def produce(lane: str) -> None:
        for number in range(length):
            await enqueue(stores[number % 4], job(f"{number}", lane=lane))

    async def consume(store: Store) -> None:
        nonlocal left
        while left:
            works = await claim(store, 3)
            for one in works:
                assert one.lane is not None
                done[one.lane].append(int(one.payload["name"]))
                left -= 1
                await store.write_batched(work.complete_batched, one, lock=one.lane)
            if not works:
                await asyncio.sleep(0.001)

    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        for lane in done:
            tasks.create_task(produce(lane))
        for store in stores:
            tasks.create_task(consume(store))

    assert done == {lane: list(range(length)) for lane in done}
    assert await how_many(stores[0], "work") == 0


async def test_everything_is_claimed_exactly_once_by_many(stores: list[Store]) -> None:
    await enqueue(stores[0], *(job(f"n{n}", lane=None) for n in range(200)))
    claimed = await asyncio.gather(*(claim(stores[n % 4], 20) for n in range(20)))
    # A claimer that meets a neighbour's rows skips them, so one more round may be needed.
    rest = await claim(stores[0], 200)
    every = sorted(name for works in (*claimed, rest) for name in names(works))
    assert every == sorted(f"n{n}" for n in range(200))
    assert all(len(works) <= 20 for works in claimed)


async def test_the_empty_claim_does_not_look_through_blocked_lanes(store: Store) -> None:
    """The plan is what keeps it cheap, so the plan is what is tested."""
    await enqueue(store, *(job(f"{n}", lane=f"l{n % 50}", due=NOON + SECOND) for n in range(500)))

    def plan(connection: Connection) -> str:
        query = (
            "SELECT seq FROM work WHERE queue = 'q' AND state = 0 AND head AND due <= 1"
            " ORDER BY due, seq LIMIT 10"
        )
        explain = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
        return str(connection.exec_driver_sql(f"{explain} {query}").fetchall())

    def analyze(connection: Connection) -> None:
        connection.exec_driver_sql("ANALYZE work")

    await store.write(analyze)
    assert "ix_work_claimable" in await store.read(plan)
