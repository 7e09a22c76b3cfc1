"""Order per case, pauses, the breaker and its probe, key rotation, replay, restarts."""

import asyncio
import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import standardwebhooks

from gateway.delivery.breaker import BreakerPolicy
from gateway.delivery.office import BadRequest
from gateway.domain.lifecycle import State
from gateway.store import audit
from gateway.store.deliveries import Outcome
from gateway.store.engine import Store
from gateway.store.errors import NotFound, StoreDown
from tests.integration.delivery.world import SECRET, TurnedClock, endpoint, world
from tests.peers.hostile_backend import (
    Backend,
    Exchange,
    answering,
    hostile_backend,
    well_behaved,
)

OLD = "whsec_" + base64.b64encode(b"the old secret of many bytes").decode()
NEW = "whsec_" + base64.b64encode(b"the new secret of many bytes").decode()


def numbers(backend: Backend, draft_id: str) -> list[int]:
    """The revisions of one case in the order in which they arrived first."""
    seen: list[int] = []
    for got in backend.received:
        data = json.loads(got.body)["data"]
        if data["draft"]["draft_id"] == draft_id and data["draft"]["revision"] not in seen:
            seen.append(data["draft"]["revision"])
    return seen


async def test_events_of_a_case_arrive_in_order_while_cases_do_not_wait_for_each_other(
    any_store: Store,
) -> None:
    seen: set[str] = set()

    async def stumbling(exchange: Exchange) -> None:
        """Fail every third event at its first attempt."""
        event = exchange.request.headers["webhook-id"]
        stumbles = event not in seen and len(seen) % 3 == 2
        seen.add(event)
        await answering(500 if stumbles else 200)(exchange)

    async with (
        hostile_backend(stumbling) as backend,
        world(any_store, endpoint(url=backend.url)) as one,
    ):
        cases = [await one.forward() for _ in range(6)]
        for _ in range(400):
            summary = await one.summary()
            if summary.pending == 0:
                break
            one.clock.turn(seconds=3)
            await asyncio.sleep(0.02)
        assert (await one.summary()).pending == 0
        assert (await one.summary()).dead == 0
        for case in cases:
            assert (await one.draft(case)).state is State.FORWARDED
            assert numbers(backend, case) == sorted(numbers(backend, case))
            assert len(numbers(backend, case)) == 4


async def test_every_valid_secret_signs_so_that_a_rotation_loses_nothing(store: Store) -> None:
    clock = TurnedClock()
    turn = (clock.now() + timedelta(hours=1)).isoformat()
    end = (clock.now() + timedelta(hours=2)).isoformat()
    both = [{"value": OLD, "valid_to": end}, {"value": NEW, "valid_from": turn}]

    def accepts(secret: str, got: Any) -> bool:
        # The published library reads its own clock; only the signature is in question here.
        hook = standardwebhooks.Webhook(secret)
        sent = int(got.headers["webhook-timestamp"])
        expected = hook.sign(
            got.headers["webhook-id"], datetime.fromtimestamp(sent, UTC), got.body.decode()
        )
        return expected in got.headers["webhook-signature"].split(" ")

    async with (
        hostile_backend(well_behaved) as backend,
        world(store, endpoint(url=backend.url, secrets=both), clock=clock) as one,
    ):
        for number in range(1, 4):
            await one.tell()
            await one.until_attempts(number)
            clock.turn(minutes=61)
        accepted = [(accepts(OLD, got), accepts(NEW, got)) for got in backend.received]
        assert accepted == [(True, False), (True, True), (False, True)]


async def test_without_a_valid_secret_nothing_leaves_and_nothing_is_lost(store: Store) -> None:
    clock = TurnedClock()
    later = [{"value": NEW, "valid_from": (clock.now() + timedelta(hours=1)).isoformat()}]
    async with (
        hostile_backend(well_behaved) as backend,
        world(store, endpoint(url=backend.url, secrets=later), clock=clock) as one,
    ):
        await one.tell()
        (attempt,) = await one.until_attempts(1)
        assert attempt.outcome is Outcome.HELD
        assert backend.received == []
        clock.turn(hours=2)
        await one.until_attempts(2)
        assert await one.outcomes() == [Outcome.HELD, Outcome.DELIVERED]
        assert (await one.summary()).breaker == "closed"


async def test_the_message_id_stays_and_the_timestamp_moves_with_each_attempt(
    store: Store,
) -> None:
    async with (
        hostile_backend(answering(500)) as backend,
        world(store, endpoint(url=backend.url)) as one,
    ):
        event = await one.tell()
        await one.until_attempts(1)
        backend.behave = well_behaved
        one.clock.turn(seconds=6)
        await one.until_attempts(2)
        first, second = backend.received
        assert first.headers["webhook-id"] == second.headers["webhook-id"] == event
        stamps = [int(got.headers["webhook-timestamp"]) for got in (first, second)]
        assert stamps[1] - stamps[0] == 6
        assert first.body == second.body
        assert first.headers["content-type"] == "application/json"


async def test_gone_pauses_events_keep_their_order_and_flow_at_resume(any_store: Store) -> None:
    async with (
        hostile_backend(answering(410)) as backend,
        world(any_store, endpoint(url=backend.url)) as one,
    ):
        case = await one.open_draft(state=State.QUEUED)
        await one.until_attempts(1)
        await one.move(case, State.READY, State.FORWARDING)
        backend.behave = well_behaved
        await one.settle()
        one.clock.turn(days=3)
        await one.settle()
        assert len(backend.received) == 1
        summary = await one.summary()
        assert summary.paused == "HTTP 410: the endpoint is gone"
        assert summary.pending == 3
        assert one.note.count("endpoint.paused") == 1
        await one.office.resume("casework", actor="operator:li")
        await one.until_empty()
        assert numbers(backend, case) == [1, 2, 3, 4]
        assert [one.number for one in await one.attempts()][:2] == [1, 1]
        assert (await one.draft(case)).state is State.FORWARDED
        trail = await any_store.read(lambda c: audit.about(c, "casework"))
        assert [(entry.actor, entry.action) for entry in trail] == [
            ("endpoint:casework", "endpoint.paused"),
            ("operator:li", "endpoint.resumed"),
        ]


async def test_a_person_may_pause_and_a_restart_remembers(store: Store) -> None:
    async with hostile_backend(well_behaved) as backend:
        async with world(store, endpoint(url=backend.url)) as one:
            await one.office.pause("casework", actor="operator:li", reason="maintenance")
            await one.settle()
            await one.tell()
            await one.settle()
        async with world(store, endpoint(url=backend.url)) as one:
            await one.settle()
            assert backend.received == []
            assert (await one.summary()).paused == "maintenance"
            await one.office.resume("casework", actor="operator:li")
            await one.until_attempts(1)


async def test_the_breaker_opens_probes_once_and_recovers(any_store: Store) -> None:
    policy = BreakerPolicy(threshold=3)
    async with (
        hostile_backend(answering(500)) as backend,
        world(any_store, endpoint(url=backend.url, order="none"), breaker=policy) as one,
    ):
        for _ in range(6):
            await one.tell()

        async def opened() -> bool:
            return (await one.summary()).breaker == "open"

        await one.until(opened)
        seen = len(backend.received)
        one.clock.turn(seconds=10)
        await one.settle()
        assert len(backend.received) == seen
        assert (await one.summary()).reason == "HTTP 500"
        one.clock.turn(seconds=6)  # the cool-down is over: one probe, and shut again
        await one.until_attempts(seen + 1)
        await one.settle()
        assert len(backend.received) == seen + 1
        assert (await one.summary()).breaker == "open"
        backend.behave = well_behaved
        one.clock.turn(seconds=31)
        await one.until_empty()
        assert (await one.summary()).breaker == "closed"
        assert (await one.summary()).dead == 0
        assert one.note.count("endpoint.breaker") >= 2


async def test_two_processes_share_one_probe(any_store: Store) -> None:
    """Two couriers with gates of their own on one store; the probe is taken in the row."""
    policy = BreakerPolicy(threshold=1)
    clock = TurnedClock()
    async with hostile_backend(answering(500)) as backend:
        mine = endpoint(url=backend.url, order="none", timeout="30 s")
        async with (
            world(any_store, mine, breaker=policy, clock=clock) as one,
            world(any_store, mine, breaker=policy, clock=clock) as other,
        ):
            await one.tell()
            await one.until_attempts(1)
            for _ in range(5):
                await one.tell()
            await one.settle()
            gate = asyncio.Event()

            async def slow(exchange: Exchange) -> None:
                await gate.wait()
                await well_behaved(exchange)

            backend.behave = slow
            before = len(backend.received)
            clock.turn(seconds=16)
            await one.until(lambda: len(backend.received) > before)
            await other.settle()
            assert len(backend.received) == before + 1
            gate.set()
            await one.until_empty()


async def test_a_throttled_endpoint_is_left_alone_for_as_long_as_it_asks(store: Store) -> None:
    async with (
        hostile_backend(answering(429, headers={"Retry-After": "120"})) as backend,
        world(store, endpoint(url=backend.url, order="none")) as one,
    ):
        await one.tell()
        await one.until_attempts(1)
        backend.behave = well_behaved
        await one.tell()
        one.clock.turn(seconds=100)
        await one.settle()
        assert len(backend.received) == 1
        one.clock.turn(seconds=21)
        await one.until_attempts(3)
        assert (await one.summary()).breaker == "closed"


async def test_replay_by_id_by_filter_and_since_a_time(store: Store) -> None:
    async with (
        hostile_backend(well_behaved) as backend,
        world(store, endpoint(url=backend.url), endpoint("other", backend.url)) as one,
    ):
        first = await one.tell()
        case = await one.open_draft()
        one.clock.turn(hours=1)
        since = one.clock.now()
        second = await one.tell()
        await one.until_empty("casework")
        await one.until_empty("other")

        async def sent_again(**chosen: Any) -> list[str]:
            seen = len(backend.received)
            count = await one.office.replay(actor="operator:li", endpoint="casework", **chosen)
            await one.until_attempts(seen + count)
            await one.until_empty("casework")
            return [got.headers["webhook-id"] for got in backend.received[seen:]]

        assert await sent_again(event_ids=[first]) == [first]
        assert await sent_again(since=since) == [second]
        assert await sent_again(types=["report.*"]) == [first, second]
        assert len(await sent_again(draft_id=case)) == 1
        assert await one.office.replay(actor="operator:li", event_ids=[first]) == 2
        with pytest.raises(BadRequest):
            await one.office.replay(actor="operator:li")
        with pytest.raises(NotFound, match="nobody"):
            await one.office.replay(actor="operator:li", endpoint="nobody", event_ids=[first])
        trail = await store.read(lambda c: audit.about(c, "casework"))
        assert [entry.action for entry in trail] == ["delivery.replayed"] * 5


async def test_an_endpoint_gets_only_what_it_subscribed_to_even_in_a_replay(store: Store) -> None:
    async with (
        hostile_backend(well_behaved) as backend,
        world(store, endpoint(url=backend.url, events=["draft.*"])) as one,
    ):
        await one.tell()
        assert await one.office.replay(actor="operator:li", types=["*"]) == 0


async def test_the_store_may_fail_after_the_post_without_a_second_post(store: Store) -> None:
    """The answer is in hand: only the transaction is tried again."""
    async with (
        hostile_backend(answering(422)) as backend,
        world(store, endpoint(url=backend.url)) as one,
    ):
        failing = {"left": 2}
        whole = one.ledgers.store.write

        async def write(operation: Any, **how: Any) -> Any:
            if failing["left"] and backend.received:
                failing["left"] -= 1
                raise StoreDown("away", "wait")
            return await whole(operation, **how)

        one.ledgers.store.write = write  # type: ignore[method-assign]
        await one.tell()
        await one.until_attempts(1)
        assert failing["left"] == 0
        assert len(backend.received) == 1
        assert await one.outcomes() == [Outcome.DEAD]


async def test_cloudevents_go_out_in_structured_mode_with_the_same_data(store: Store) -> None:
    async with (
        hostile_backend(well_behaved) as plain,
        hostile_backend(well_behaved) as events,
        world(
            store,
            endpoint("plain", plain.url),
            endpoint("events", events.url, cloudevents=True),
        ) as one,
    ):
        case = await one.open_draft()
        await one.until_attempts(2)
        await one.until_empty("plain")
        await one.until_empty("events")
        (a,), (b,) = plain.received, events.received
        body, event = json.loads(a.body), json.loads(b.body)
        assert event["data"] == body["data"]
        assert {name: event[name] for name in event if name != "data"} == {
            "specversion": "1.0",
            "id": body["id"],
            "source": "https://hotline.example",
            "type": "draft.created",
            "time": body["timestamp"],
            "datacontenttype": "application/json",
            "subject": case,
        }
        assert b.headers["content-type"] == "application/cloudevents+json"
        sent = datetime.fromtimestamp(int(b.headers["webhook-timestamp"]), UTC)
        hook = standardwebhooks.Webhook(SECRET)
        signed = hook.sign(b.headers["webhook-id"], sent, b.body.decode())
        assert b.headers["webhook-signature"] == signed
