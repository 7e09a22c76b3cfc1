"""Whatever a backend does, each event ends in the right state and nobody else notices."""

import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from gateway.delivery.verdict import HELD_WAIT
from gateway.egress.client import EgressClient
from gateway.store.deliveries import Outcome
from gateway.store.engine import Store
from tests.integration.delivery.world import World, endpoint, world
from tests.peers.hostile_backend import (
    Backend,
    Behaviour,
    Exchange,
    FlippingResolver,
    answering,
    dripping_body,
    dripping_headers,
    endless_body,
    garbage_status_line,
    hostile_backend,
    redirecting,
    resetting_at_once,
    resetting_mid_body,
    silent,
    well_behaved,
)


@asynccontextmanager
async def beside_a_healthy_one(
    store: Store, behave: Behaviour
) -> AsyncIterator[tuple[World, Backend, Backend]]:
    async with (
        hostile_backend(behave) as bad,
        hostile_backend(well_behaved) as good,
        world(
            store,
            endpoint("bad", bad.url),
            endpoint("good", good.url),
        ) as one,
    ):
        yield one, bad, good


@pytest.mark.parametrize(
    ("behave", "outcome", "status", "why"),
    [
        (answering(500), Outcome.RETRY, 500, "HTTP 500"),
        (answering(404), Outcome.RETRY, 404, "HTTP 404"),
        (answering(429, headers={"Retry-After": "9" * 40}), Outcome.RETRY, 429, "HTTP 429"),
        (answering(503), Outcome.RETRY, 503, "HTTP 503"),
        (answering(400), Outcome.DEAD, 400, "HTTP 400"),
        (answering(415), Outcome.DEAD, 415, "HTTP 415"),
        (answering(422), Outcome.DEAD, 422, "HTTP 422"),
        (answering(410), Outcome.PAUSED, 410, "HTTP 410"),
        (silent, Outcome.RETRY, None, "no complete answer"),
        (dripping_headers(), Outcome.RETRY, None, "no complete answer"),
        (dripping_body(), Outcome.RETRY, None, "no complete answer"),
        (resetting_at_once, Outcome.RETRY, None, "ended"),
        (resetting_mid_body, Outcome.RETRY, None, "ended"),
        (garbage_status_line, Outcome.RETRY, None, "HTTP"),
    ],
)
async def test_a_bad_answer_leads_to_the_right_state_and_healthy_endpoints_do_not_notice(
    store: Store, behave: Behaviour, outcome: Outcome, status: int | None, why: str
) -> None:
    async with beside_a_healthy_one(store, behave) as (one, _, good):
        await one.tell()
        await one.until_attempts(1, endpoint="good")
        for _ in range(5):
            await one.tell()
        await one.until_attempts(6, endpoint="good")
        attempt = (await one.until_attempts(1, endpoint="bad"))[0]
        await one.until_empty("good")
        assert (attempt.outcome, attempt.status) == (outcome, status)
        assert why.lower() in (attempt.error or "").lower()
        summary = await one.summary("bad")
        assert (summary.paused is not None) == (outcome is Outcome.PAUSED)
        assert (summary.dead > 0) == (outcome is Outcome.DEAD)
        assert await one.outcomes(endpoint="good") == [Outcome.DELIVERED] * 6
        assert len(good.received) == 6


async def test_an_endless_answer_is_cut_off_and_counts_by_its_status(store: Store) -> None:
    async with (
        hostile_backend(endless_body) as backend,
        world(store, endpoint(url=backend.url)) as one,
    ):
        await one.tell()
        (attempt,) = await one.until_attempts(1)
        assert attempt.outcome is Outcome.DELIVERED
        assert attempt.response == "a" * 16 * 1024


async def test_an_absurd_retry_after_parks_a_case_for_an_hour_at_most(store: Store) -> None:
    behave = answering(429, headers={"Retry-After": "999999999999"})
    async with hostile_backend(behave) as backend, world(store, endpoint(url=backend.url)) as one:
        await one.tell()
        await one.until_attempts(1)
        backend.behave = well_behaved
        one.clock.turn(minutes=59)
        await one.settle()
        assert len(backend.received) == 1
        one.clock.turn(minutes=2)
        await one.until_attempts(2)
        assert (await one.outcomes())[-1] is Outcome.DELIVERED


async def test_a_redirect_is_never_followed_into_the_machine(store: Store) -> None:
    async with (
        hostile_backend(well_behaved) as inside,
        hostile_backend(redirecting(inside.url)) as backend,
        world(store, endpoint(url=backend.url)) as one,
    ):
        await one.tell()
        (attempt,) = await one.until_attempts(1)
        assert (attempt.outcome, attempt.status) == (Outcome.RETRY, 302)
        assert inside.connections == 0


async def test_a_name_that_flips_to_a_private_address_holds_the_event_for_ever_but_never_kills_it(
    store: Store,
) -> None:
    resolver = FlippingResolver(["127.0.0.1"], ["10.0.0.7"])
    async with hostile_backend(well_behaved) as backend:
        url = f"http://cases.test:{backend.port}/hook"
        async with (
            EgressClient(resolver=resolver) as http,
            world(store, endpoint(url=url), http=http) as one,
        ):
            await one.tell()
            await one.until_attempts(1)
            await http.close()
        async with (
            EgressClient(resolver=resolver) as http,
            world(store, endpoint(url=url), http=http) as one,
        ):
            await one.tell()
            for number in range(2, 8):
                (*_, attempt) = await one.until_attempts(number)
                assert attempt.outcome is Outcome.HELD
                assert attempt.number == 1
                one.clock.turn(hours=1)
            assert (await one.summary()).dead == 0
        assert len(backend.received) == 1


async def test_a_fault_of_our_own_is_not_charged_to_the_endpoint(store: Store) -> None:
    resolver = FlippingResolver(socket.gaierror(socket.EAI_AGAIN, "try again"))
    async with (
        EgressClient(resolver=resolver) as http,
        world(store, endpoint(url="http://cases.test/hook"), http=http) as one,
    ):
        await one.tell()
        for number in range(1, 8):
            await one.until_attempts(number)
            one.clock.turn(seconds=HELD_WAIT.total_seconds())
        summary = await one.summary()
        assert (summary.breaker, summary.pending, summary.dead) == ("closed", 1, 0)


async def refusing_the_first(exchange: Exchange) -> None:
    """Fail whatever holds the number 1."""
    number = json.loads(exchange.request.body)["data"]["n"]
    await answering(500 if number == 1 else 200)(exchange)


async def test_the_end_of_the_schedule_is_a_dead_letter_and_the_lane_goes_on(store: Store) -> None:
    async with (
        hostile_backend(refusing_the_first) as backend,
        world(store, endpoint(url=backend.url)) as one,
    ):
        first = await one.tell(n=1)
        second = await one.tell(n=2)
        await one.until_attempts(1)
        one.clock.turn(seconds=6)
        await one.until_attempts(2)
        assert len(backend.received) == 2
        one.clock.turn(seconds=31)
        await one.until_attempts(1, event_id=second)
        log = await one.attempts(event_id=first)
        assert [attempt.number for attempt in log] == [1, 2, 3]
        assert [a.outcome for a in log] == [Outcome.RETRY, Outcome.RETRY, Outcome.DEAD]
        await one.until_empty()
        (letter,) = await one.office.dead_letters()
        assert (letter.event_id, letter.held, letter.attempts) == (first, False, 3)
        assert letter.error == "HTTP 500"
        assert one.note.count("delivery.dead") == 1


async def test_a_strict_lane_stops_at_what_cannot_be_delivered_until_a_person_decides(
    store: Store,
) -> None:
    async with (
        hostile_backend(answering(422)) as backend,
        world(store, endpoint(url=backend.url, order="strict")) as one,
    ):
        first = await one.tell(n=1)
        second = await one.tell(n=2)
        await one.until_attempts(1)
        await one.settle()
        assert [json.loads(got.body)["id"] for got in backend.received] == [first]
        (letter,) = await one.office.dead_letters(endpoint="casework")
        assert letter.held
        backend.behave = well_behaved
        assert await one.office.revive(actor="operator:li", seqs=[letter.seq]) == 1
        await one.until_attempts(3)
        await one.until_empty()
        ids = [json.loads(got.body)["id"] for got in backend.received]
        assert ids == [first, first, second]


async def test_the_attempt_log_keeps_the_answer_but_no_secret(store: Store) -> None:
    behave = answering(500, body="受理失败\0".encode() + b"\xff")
    async with hostile_backend(behave) as backend, world(store, endpoint(url=backend.url)) as one:
        event = await one.tell()
        (attempt,) = await one.until_attempts(1)
        assert attempt.response == "受理失败\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"
        assert (attempt.endpoint, attempt.event_id) == ("casework", event)
        assert attempt.took_us > 0
        assert "whsec" not in repr(attempt)
        assert timedelta(0) <= timedelta(microseconds=attempt.took_us) < timedelta(seconds=30)
