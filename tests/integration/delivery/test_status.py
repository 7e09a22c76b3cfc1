"""Status callbacks of a backend: genuine, once, in order, and in our vocabulary."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, get_args

import pytest

from gateway.channel.errors import Malformed
from gateway.delivery.keyring import signing_keys
from gateway.delivery.signing import BadSignature, sign
from gateway.delivery.status import (
    MirroredStatus,
    NotForwarded,
    StatusDesk,
    StatusOutcome,
)
from gateway.domain.lifecycle import State
from gateway.store import feed
from gateway.store.engine import Store
from gateway.store.errors import NotFound
from tests.integration.delivery.world import World, endpoint, world
from tests.peers.hostile_backend import answering, hostile_backend

CASEWORK = endpoint()


class Backend:
    """The backend's side: signs reports and sends them."""

    def __init__(self, one: World, draft_id: str) -> None:
        self.world = one
        self.draft_id = draft_id
        self.desk = StatusDesk(ledgers=one.ledgers, endpoints=(CASEWORK,))
        self._sent = 0

    async def report(self, message_id: str | None = None, **body: Any) -> StatusOutcome:
        self._sent += 1
        raw = json.dumps(body).encode()
        headers = sign(
            signing_keys(CASEWORK),
            message_id=message_id or f"msg_{self._sent}",
            sent_at=self.world.clock.now(),
            body=raw,
        )
        return await self.desk.record_backend_status("casework", headers, raw)

    async def status(self) -> str | None:
        draft = await self.world.draft(self.draft_id)
        assert draft.backend_refs is not None
        return draft.backend_refs[0].status

    async def told(self) -> list[dict[str, Any]]:
        events, _, _ = await self.world.store.read(
            lambda c: feed.after(c, 0, limit=100, patterns=("backend.*",))
        )
        return [json.loads(one.body)["data"] for one in events]


@asynccontextmanager
async def forwarded(store: Store) -> AsyncIterator[Backend]:
    async with (
        hostile_backend(answering(200, body=b'{"external_id":"WO-7"}')) as backend,
        world(store, endpoint(url=backend.url)) as one,
    ):
        draft_id = await one.forward()

        async def there() -> bool:
            return (await one.draft(draft_id)).state is State.FORWARDED

        await one.until(there)
        yield Backend(one, draft_id)


async def test_a_status_is_mirrored_and_told(any_store: Store) -> None:
    async with forwarded(any_store) as backend:
        at = backend.world.clock.now().isoformat()
        outcome = await backend.report(
            external_id="WO-7", status="in_progress", status_at=at, message="已派人"
        )
        assert outcome is StatusOutcome.APPLIED
        assert await backend.status() == "in_progress"
        (told,) = await backend.told()
        assert told["backend"] == "casework"
        assert told["external_id"] == "WO-7"
        assert told["status"] == "in_progress"
        assert told["message"] == "已派人"
        assert told["draft"]["backend_refs"][0]["status"] == "in_progress"


async def test_every_way_to_name_the_case_works_and_they_must_agree(store: Store) -> None:
    async with forwarded(store) as backend:
        draft = await backend.world.draft(backend.draft_id)
        names = {
            "draft_id": draft.draft_id,
            "external_id": "WO-7",
            "receipt_no": draft.receipt_no,
        }
        for name, value in names.items():
            assert await backend.report(status="accepted", **{name: value}) == "applied"
        assert await backend.report(status="closed", **names) == "applied"
        other = await backend.world.open_draft()
        with pytest.raises(Malformed, match="different cases"):
            await backend.report(status="closed", external_id="WO-7", draft_id=other)


async def test_a_repeated_message_is_handled_once(any_store: Store) -> None:
    async with forwarded(any_store) as backend:
        report = {"external_id": "WO-7", "status": "resolved"}
        assert await backend.report("msg_same", **report) is StatusOutcome.APPLIED
        revision = (await backend.world.draft(backend.draft_id)).revision
        assert await backend.report("msg_same", **report) is StatusOutcome.DUPLICATE
        assert (await backend.world.draft(backend.draft_id)).revision == revision
        assert len(await backend.told()) == 1


async def test_an_older_status_does_not_overwrite_a_newer_one(store: Store) -> None:
    async with forwarded(store) as backend:
        now = backend.world.clock.now()
        before = (now - timedelta(hours=1)).isoformat()
        await backend.report(external_id="WO-7", status="closed", status_at=now.isoformat())
        outcome = await backend.report(external_id="WO-7", status="accepted", status_at=before)
        assert outcome is StatusOutcome.STALE
        assert await backend.status() == "closed"


@pytest.mark.parametrize("status", get_args(MirroredStatus))
async def test_every_word_of_the_vocabulary_is_taken(store: Store, status: str) -> None:
    async with forwarded(store) as backend:
        assert await backend.report(external_id="WO-7", status=status) is StatusOutcome.APPLIED


@pytest.mark.parametrize(
    "body",
    [
        {"external_id": "WO-7", "status": "done"},
        {"external_id": "WO-7"},
        {"status": "closed"},
        {"external_id": "WO-7", "status": "closed", "surprise": 1},
        {"external_id": "WO-7", "status": "closed", "status_at": "2026-11-21T04:00:00"},
        {"external_id": "WO-7", "status": "closed", "status_at": "2099-01-01T00:00:00Z"},
        {"external_id": "W" * 201, "status": "closed"},
    ],
)
async def test_a_report_that_is_not_as_documented_changes_nothing(
    store: Store, body: dict[str, Any]
) -> None:
    async with forwarded(store) as backend:
        with pytest.raises(Malformed):
            await backend.report(**body)
        assert await backend.status() is None


async def test_an_unknown_case_and_one_of_another_backend_are_told_apart(store: Store) -> None:
    async with forwarded(store) as backend:
        with pytest.raises(NotFound):
            await backend.report(external_id="WO-8", status="closed")
        with pytest.raises(NotFound):
            await backend.report(receipt_no="999", status="closed")
        with pytest.raises(NotFound):
            await backend.report(draft_id="01ARZ3NDEKTSV4RRFFQ69G5FAV", status="closed")
        unforwarded = await backend.world.open_draft()
        with pytest.raises(NotForwarded):
            await backend.report(draft_id=unforwarded, status="closed")


async def test_only_the_backends_own_secret_vouches(store: Store) -> None:
    async with forwarded(store) as backend:
        raw = b'{"external_id":"WO-7","status":"closed"}'
        forged = sign(
            signing_keys(endpoint(secret="another secret")),
            message_id="msg_1",
            sent_at=backend.world.clock.now(),
            body=raw,
        )
        for name in ("casework", "nobody"):
            with pytest.raises(BadSignature):
                await backend.desk.record_backend_status(name, forged, raw)
        good = sign(
            signing_keys(CASEWORK),
            message_id="msg_1",
            sent_at=backend.world.clock.now(),
            body=raw,
        )
        with pytest.raises(BadSignature):
            await backend.desk.record_backend_status("casework", good, raw + b" ")
        assert await backend.status() is None
