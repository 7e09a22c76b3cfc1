"""The feed tells every event to every reader: numbered in order of commit, without a gap."""

import asyncio
import json
import random
from collections.abc import Sequence

import pytest
from sqlalchemy import Connection

from gateway.domain.feed import FeedEvent
from gateway.store import drafts, feed, work
from gateway.store.engine import Store
from gateway.store.feed import Subscription, Told
from gateway.store.times import from_us
from tests.integration.store.samples import (
    NOON,
    claim,
    draft,
    enqueue,
    filing,
    how_many,
    job,
    new_id,
)

CASEWORK = Subscription(endpoint="casework", events=("draft.*",))


def event(type_: str = "draft.queued", **more: object) -> FeedEvent:
    return FeedEvent(event_id=f"evt_{new_id()}", type=type_, at=from_us(NOON), **more)  # type: ignore[arg-type]


async def publish(
    store: Store, *events: FeedEvent, subscriptions: Sequence[Subscription] = ()
) -> None:
    await store.write(lambda connection: feed.publish(connection, events, subscriptions))


async def after(
    store: Store, cursor: int = 0, *, limit: int = 100, patterns: Sequence[str] = ("*",)
) -> tuple[list[Told], int, bool]:
    return await store.read(
        lambda connection: feed.after(connection, cursor, limit=limit, patterns=patterns)
    )


async def test_a_cursor_reads_page_after_page(store: Store) -> None:
    events = [event() for _ in range(5)]
    await publish(store, *events[:2])
    await publish(store, *events[2:])

    first, cursor, more = await after(store, limit=3)
    assert more
    second, end, more = await after(store, cursor, limit=3)
    assert not more
    assert [told.event_id for told in first + second] == [one.event_id for one in events]
    assert [told.seq for told in first + second] == [1, 2, 3, 4, 5]
    assert await after(store, end) == ([], end, False)


async def test_the_cursor_of_a_narrow_reader_moves_over_what_it_does_not_want(
    store: Store,
) -> None:
    wanted = event("call.ended")
    await publish(store, event(), event(), wanted, event())
    told, cursor, more = await after(store, limit=4, patterns=["call.*"])
    assert ([one.event_id for one in told], cursor, more) == ([wanted.event_id], 4, False)


async def test_an_event_carries_the_snapshot_of_its_own_revision(store: Store) -> None:
    one = draft()
    told = event("draft.created", draft_id=one.draft_id, revision=1, changed=("*",))

    def create(connection: Connection) -> None:
        drafts.create(connection, one, filing(), actor="gateway")
        feed.publish(connection, [told], [])

    await store.write(create)
    ((sent,), _, _) = await after(store)
    body = json.loads(sent.body)
    assert (body["id"], body["type"]) == (told.event_id, "draft.created")
    assert body["timestamp"].endswith("Z")
    assert body["data"]["draft"]["draft_id"] == one.draft_id
    assert body["data"]["changed"] == ["*"]
    assert await store.read(lambda connection: feed.by_id(connection, told.event_id)) == sent
    assert await store.read(lambda connection: feed.by_id(connection, "evt_none")) is None


async def test_what_an_event_says_besides_is_in_its_data(store: Store) -> None:
    await publish(store, event("call.started", data={"call": {"id": "CA1", "said": "喂\u0000"}}))
    ((sent,), _, _) = await after(store)
    assert json.loads(sent.body)["data"] == {"call": {"id": "CA1", "said": "喂\u0000"}}


async def test_every_endpoint_gets_what_it_subscribed_to_in_its_own_queue(store: Store) -> None:
    other = Subscription(endpoint="archive", events=("*",), order="none")
    ended = event("call.ended")
    queued = event(draft_id=new_id())
    await publish(store, queued, ended, subscriptions=[CASEWORK, other])

    (one,) = await claim(store, queue="deliver:casework")
    assert one.payload == {"event": queued.event_id, "type": "draft.queued"}
    assert (one.lane, one.subject) == (f"out:casework:{queued.draft_id}", queued.draft_id)
    archived = await claim(store, queue="deliver:archive")
    assert [(work.lane, work.payload["event"]) for work in archived] == [
        (None, queued.event_id),
        (None, ended.event_id),
    ]


@pytest.mark.parametrize(
    ("order", "lane"),
    [("per_case", "out:x:D"), ("strict", "out:x"), ("none", None)],
)
def test_the_order_of_an_endpoint_decides_its_lanes(order: feed.Order, lane: str | None) -> None:
    one = Subscription(endpoint="x", events=("*",), order=order)
    assert one.lane(event(draft_id="D")) == lane


async def test_a_transaction_that_fails_leaves_neither_event_nor_gap(store: Store) -> None:
    def fail(connection: Connection) -> None:
        feed.publish(connection, [event(), event()], [CASEWORK])
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await store.write(fail)
    await publish(store, event())
    ((told,), _, _) = await after(store)
    assert told.seq == 1
    assert await how_many(store, "work") == 0


async def test_a_reader_never_misses_an_event_that_was_still_on_its_way(
    stores: list[Store],
) -> None:
    """Writers on four stores take different times between publishing and committing."""
    rounds, seen, cursor = 15, list[str](), 0
    published: list[str] = []
    randomness = random.Random(20261121)
    writing = asyncio.Event()

    async def write(store: Store, number: int) -> None:
        for turn in range(rounds):
            events = [event(draft_id=new_id()) for _ in range(randomness.randint(1, 3))]

            def tell(connection: Connection, events: list[FeedEvent] = events) -> None:
                connection.exec_driver_sql("SELECT count(*) FROM draft")
                feed.publish(connection, events, [CASEWORK])
                for _ in range(randomness.randint(0, 5)):
                    connection.exec_driver_sql("SELECT count(*) FROM event")

            await store.write(tell, locks=[f"w{number}-{turn}"])
            published.extend(one.event_id for one in events)

    async def read() -> None:
        nonlocal cursor
        while not writing.is_set() or len(seen) < len(published):
            told, cursor, _ = await after(stores[3], cursor, limit=7)
            seen.extend(one.event_id for one in told)
            assert cursor == len(seen)  # a number that was skipped would never be read

    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        reader = tasks.create_task(read())
        async with asyncio.TaskGroup() as writers:
            for number in range(8):
                writers.create_task(write(stores[number % 4], number))
        writing.set()
        await reader

    assert sorted(seen) == sorted(published)


async def test_past_events_are_sent_again_in_order_and_only_those_chosen(store: Store) -> None:
    mine = new_id()
    events = [event(draft_id=mine), event("call.ended", draft_id=mine), event(draft_id=new_id())]
    await publish(store, *events)

    strict = Subscription(endpoint="casework", events=("draft.*", "call.ended"), order="strict")

    async def replay(subscription: Subscription = strict, **chosen: object) -> list[str]:
        count, cursor = await store.write(
            lambda c: feed.replay(c, subscription, now=NOON, **chosen)  # type: ignore[arg-type]
        )
        assert cursor is None
        names: list[str] = []
        while works := await claim(store, queue="deliver:casework"):
            for one in works:
                names.append(one.payload["event"])
                await store.write(lambda c, one=one: work.complete(c, one))  # type: ignore[misc]
        assert len(names) == count
        return names

    ids = [one.event_id for one in events]
    assert await replay() == ids
    assert await replay(CASEWORK) == [ids[0], ids[2]]
    assert await replay(draft_id=mine) == ids[:2]
    assert await replay(draft_id=mine, patterns=["draft.*"]) == ids[:1]
    assert await replay(event_ids=[ids[2]]) == ids[2:]
    assert await replay(since=NOON + 1) == []


async def test_a_long_replay_goes_on_where_the_last_step_ended(store: Store) -> None:
    await publish(store, *(event() for _ in range(5)))
    cursor: int | None = 0
    counts = []
    while cursor is not None:
        count, cursor = await store.write(
            lambda c, cursor=cursor: feed.replay(c, CASEWORK, now=NOON, cursor=cursor, limit=2)  # type: ignore[misc]
        )
        counts.append(count)
    assert counts == [2, 2, 1]


async def test_replayed_events_wait_behind_what_their_lane_still_has(store: Store) -> None:
    one = event(draft_id=new_id())
    await publish(store, one)
    lane = CASEWORK.lane(one)
    await enqueue(store, job("busy", lane=lane, queue=CASEWORK.queue))
    await store.write(lambda connection: feed.replay(connection, CASEWORK, now=NOON))
    (first,) = await claim(store, queue=CASEWORK.queue)
    assert first.payload == {"name": "busy"}
