"""Deliveries are claimed with what they bring; one that brings nothing stands in nobody's way."""

import asyncio
import json

from sqlalchemy import text

from gateway.store import deliveries
from gateway.store.deliveries import Outcome
from gateway.store.engine import Store
from gateway.store.times import to_us
from tests.integration.delivery.world import World, endpoint, world
from tests.integration.store.samples import new_id
from tests.peers.hostile_backend import Exchange, answering, hostile_backend, well_behaved


async def forget(one: World, event_id: str) -> None:
    """Take an event out of the feed, as nobody should."""
    query = text("DELETE FROM event WHERE event_id = :event_id")
    await one.store.write(lambda connection: connection.execute(query, {"event_id": event_id}))


async def test_a_claim_brings_each_event_as_it_goes_out(any_store: Store) -> None:
    async with world(any_store, endpoint(order="none"), working=False) as one:
        told = [await one.tell(number=number) for number in range(3)]
        await forget(one, told[1])
        now = to_us(one.clock.now())
        claimed = await any_store.write(
            lambda connection: deliveries.claim(
                connection,
                queue="deliver:casework",
                limit=10,
                now=now,
                lease=now + 1,
                claim_id=new_id(),
            )
        )
    first, gone, last = claimed
    assert gone.told is None
    assert first.told is not None
    assert last.told is not None
    body = json.loads(first.told.body)
    assert (body["id"], body["data"]) == (told[0], {"number": 0})
    assert body["timestamp"] == "2026-11-21T04:00:00.000Z"
    assert last.told.event_id == told[2]


async def test_an_event_that_is_gone_becomes_a_dead_letter_and_its_lane_goes_on(
    any_store: Store,
) -> None:
    async with world(any_store, endpoint(), working=False) as one:
        told = [await one.tell(number=number) for number in range(2)]
        await forget(one, told[0])
    async with (
        hostile_backend(well_behaved) as backend,
        world(any_store, endpoint(url=backend.url)) as one,
    ):
        await one.until_empty()
        assert [got.headers["webhook-id"] for got in backend.received] == [told[1]]
        assert (await one.summary()).dead == 1
        assert one.note.count("worker.failed") == 1


async def test_all_that_is_in_hand_is_delivered_before_the_courier_stops(store: Store) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def behave(exchange: Exchange) -> None:
        begun.set()
        await go_on.wait()
        await answering(200)(exchange)

    async with (
        hostile_backend(behave) as backend,
        world(store, endpoint(url=backend.url, order="none", timeout="10 s")) as one,
    ):
        for number in range(5):
            await one.tell(number=number)
        await begun.wait()
        for courier in one.couriers:
            courier.stop()
        go_on.set()
    log = await store.read(deliveries.attempts)
    assert log
    assert {attempt.outcome for attempt in log} == {Outcome.DELIVERED}
    assert len(log) == len(backend.received)
