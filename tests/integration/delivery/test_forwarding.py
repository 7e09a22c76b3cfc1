"""A draft is forwarded when every backend has its case, and comes back when one never will."""

import json

import pytest
from msgspec.structs import replace

from gateway.delivery.forwarding import case_subject
from gateway.domain.draft import BackendRef, WorkOrderDraft
from gateway.domain.lifecycle import State
from gateway.store import audit, drafts
from gateway.store.deliveries import Outcome
from gateway.store.engine import Store
from gateway.store.ledger import Ledger
from tests.integration.delivery.world import World, endpoint, world
from tests.peers.hostile_backend import (
    Backend,
    Behaviour,
    Exchange,
    answering,
    hostile_backend,
    well_behaved,
)


def type_of(exchange: Exchange) -> str:
    return str(json.loads(exchange.request.body)["type"])


def on_ready(then: Behaviour) -> Behaviour:
    """Behave like this when a draft is handed over, and well otherwise."""

    async def behave(exchange: Exchange) -> None:
        await (then if type_of(exchange) == "draft.ready" else well_behaved)(exchange)

    return behave


def types(backend: Backend) -> list[str]:
    return [json.loads(got.body)["type"] for got in backend.received]


async def until_state(one: World, draft_id: str, state: State) -> WorkOrderDraft:
    async def there() -> bool:
        return (await one.draft(draft_id)).state is state

    await one.until(there)
    return await one.draft(draft_id)


OPENED = answering(200, body=b'{"external_id":"WO-7","url":"http://cases.example/7"}')


async def test_an_acknowledged_draft_is_forwarded_and_carries_the_backends_number(
    any_store: Store,
) -> None:
    async with (
        hostile_backend(on_ready(OPENED)) as backend,
        world(any_store, endpoint(url=backend.url)) as one,
    ):
        draft_id = await one.forward()
        draft = await until_state(one, draft_id, State.FORWARDED)
        assert draft.backend_refs == (
            BackendRef(
                backend="casework", external_id="WO-7", external_url="http://cases.example/7"
            ),
        )
        await one.until_empty()
        assert types(backend) == [
            "draft.created",
            "draft.ready",
            "draft.updated",
            "draft.forwarded",
        ]
        trail = await any_store.read(lambda c: audit.about(c, case_subject("casework", "WO-7")))
        assert [(entry.actor, entry.action) for entry in trail] == [
            ("endpoint:casework", "case.opened")
        ]


async def test_a_draft_is_forwarded_only_when_both_backends_have_it(any_store: Store) -> None:
    async with (
        hostile_backend(on_ready(OPENED)) as quick,
        hostile_backend(on_ready(answering(500))) as slow,
        world(
            any_store, endpoint("quick", quick.url), endpoint("slow", slow.url, events=["draft.*"])
        ) as one,
    ):
        draft_id = await one.forward()
        await one.until_attempts(4, endpoint="quick")
        await one.until_attempts(2, endpoint="slow")
        assert (await one.draft(draft_id)).state is State.FORWARDING
        slow.behave = well_behaved
        one.clock.turn(seconds=6)
        draft = await until_state(one, draft_id, State.FORWARDED)
        refs = {ref.backend: ref.external_id for ref in draft.backend_refs or ()}
        assert refs == {"quick": "WO-7", "slow": draft_id}


async def test_an_endpoint_that_only_listens_does_not_decide(store: Store) -> None:
    async with (
        hostile_backend(on_ready(OPENED)) as backend,
        hostile_backend(answering(500)) as listener,
        world(
            store,
            endpoint("casework", backend.url),
            endpoint("listener", listener.url, forwards=False),
        ) as one,
    ):
        draft = await until_state(one, await one.forward(), State.FORWARDED)
        assert [ref.backend for ref in draft.backend_refs or ()] == ["casework"]


async def test_a_refused_draft_comes_back_to_the_operators(any_store: Store) -> None:
    async with (
        hostile_backend(on_ready(answering(422))) as backend,
        world(any_store, endpoint(url=backend.url)) as one,
    ):
        draft_id = await one.forward()
        await until_state(one, draft_id, State.READY)
        await one.until_empty()
        assert types(backend)[-1] == "draft.forward_failed"
        trail = await any_store.read(lambda c: audit.about(c, draft_id))
        assert [entry.action for entry in trail] == ["draft.forward_failed"]
        assert trail[0].detail["backend"] == "casework"
        assert one.note.count("draft.forward_failed") == 1


async def test_a_dead_letter_that_is_delivered_after_all_forwards_the_draft(store: Store) -> None:
    async with (
        hostile_backend(on_ready(answering(422))) as backend,
        world(store, endpoint(url=backend.url)) as one,
    ):
        draft_id = await one.forward()
        await until_state(one, draft_id, State.READY)
        backend.behave = OPENED
        assert await one.office.revive(actor="operator:li", endpoint="casework") == 1
        draft = await until_state(one, draft_id, State.FORWARDED)
        assert [ref.external_id for ref in draft.backend_refs or ()] == ["WO-7"]


async def test_a_replayed_event_moves_a_forwarded_draft_no_more(store: Store) -> None:
    async with (
        hostile_backend(on_ready(OPENED)) as backend,
        world(store, endpoint(url=backend.url)) as one,
    ):
        draft_id = await one.forward()
        await until_state(one, draft_id, State.FORWARDED)
        await one.until_empty()
        before = await one.draft(draft_id)
        backend.behave = answering(200, body=b'{"id": 99}')
        count = await one.office.replay(
            actor="operator:li", draft_id=draft_id, types=["draft.ready"]
        )
        assert count == 1
        await one.until_attempts(5)
        await one.until_empty()
        assert await one.draft(draft_id) == before
        backend.behave = answering(422)
        await one.office.replay(actor="operator:li", draft_id=draft_id, types=["draft.ready"])
        await one.until_attempts(6)
        await one.settle()
        assert await one.draft(draft_id) == before


async def test_a_case_that_changed_meanwhile_costs_no_second_post(store: Store) -> None:
    async with hostile_backend(on_ready(OPENED)) as backend:
        busy: list[World] = []

        async def behave(exchange: Exchange) -> None:
            if type_of(exchange) == "draft.ready":
                await edit(busy[0], json.loads(exchange.request.body)["data"]["draft"]["draft_id"])
            await on_ready(OPENED)(exchange)

        backend.behave = behave
        async with world(store, endpoint(url=backend.url, events=["draft.ready"])) as one:
            busy.append(one)
            draft_id = await one.forward()
            draft = await until_state(one, draft_id, State.FORWARDED)
            assert draft.extra == {"edited": True}
            assert await one.outcomes() == [Outcome.DELIVERED]


async def edit(one: World, draft_id: str) -> None:
    def change(ledger: Ledger) -> None:
        filed = drafts.get(ledger.connection, draft_id)
        ledger.revise(filed, replace(filed.draft, extra={"edited": True}))

    await one.ledgers.write("test", change)


@pytest.mark.parametrize("state", [State.CLAIMED, State.QUEUED])
async def test_a_draft_in_other_hands_keeps_its_state_but_the_case_is_noted(
    store: Store, state: State
) -> None:
    async with (
        hostile_backend(answering(500)) as backend,
        world(store, endpoint(url=backend.url, events=["draft.ready"])) as one,
    ):
        draft_id = await one.open_draft(state=State.QUEUED)
        moves = [State.READY, State.CLAIMED, *([State.QUEUED] if state is State.QUEUED else [])]
        await one.move(draft_id, *moves)
        await one.until_attempts(1)
        backend.behave = OPENED
        one.clock.turn(seconds=6)
        await one.until_attempts(2)
        draft = await one.draft(draft_id)
        assert draft.state is state
        assert [ref.external_id for ref in draft.backend_refs or ()] == ["WO-7"]
