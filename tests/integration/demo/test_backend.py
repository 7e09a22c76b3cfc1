"""The sample backend believes signatures only, and keeps every case it has acknowledged."""

from datetime import UTC
from ipaddress import ip_network
from pathlib import Path

import aiohttp
import msgspec
import pytest
from pydantic import SecretStr

from gateway.config import Endpoint
from gateway.delivery.keyring import signing_keys
from gateway.delivery.signing import sign
from gateway.demo.backend import SampleBackend
from gateway.demo.pages import CasePages
from gateway.domain.clock import SystemClock
from gateway.domain.draft import WorkOrderDraft
from gateway.domain.errors import GatewayError
from gateway.domain.lifecycle import State
from tests.integration.store.samples import draft

ENDPOINT = Endpoint(
    name="casework",
    url="http://127.0.0.1:1/hook",
    secret=SecretStr("invented-for-the-test"),
    allow=(ip_network("127.0.0.0/8"),),
)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "data" / "sample-backend.jsonl"


def backend(journal: Path) -> SampleBackend:
    """As `hotline serve` would build it."""
    return SampleBackend(ENDPOINT, clock=SystemClock(), pages=CasePages(UTC), journal=journal)


def event(about: WorkOrderDraft, type_: str = "draft.ready") -> bytes:
    """An event's body."""
    said = {"type": type_, "timestamp": SystemClock().now(), "data": {"draft": about}}
    return msgspec.json.encode(said)


async def posted(origin: str, body: bytes, *, event_id: str = "evt_1", signed: bool = True) -> int:
    """Deliver a body and return the answer's status."""
    headers = sign(
        signing_keys(ENDPOINT),
        message_id=event_id,
        sent_at=SystemClock().now(),
        body=body if signed else b"something else",
    )
    async with (
        aiohttp.ClientSession() as web,
        web.post(f"{origin}/hook", data=body, headers=headers) as answer,
    ):
        return answer.status


async def test_what_nobody_signed_opens_no_case(journal: Path) -> None:
    one = backend(journal)
    async with one.serving("127.0.0.1", 0) as origin:
        assert await posted(origin, event(draft()), signed=False) == 401
    assert (one.refused, list(one.cases)) == (1, [])


async def test_what_is_signed_but_no_event_is_refused_and_not_kept(journal: Path) -> None:
    one = backend(journal)
    async with one.serving("127.0.0.1", 0) as origin:
        assert await posted(origin, b'{"type": 7}') == 400
    assert journal.read_bytes() == b""


async def test_an_event_that_comes_twice_opens_one_case(journal: Path) -> None:
    one = backend(journal)
    async with one.serving("127.0.0.1", 0) as origin:
        about = draft()
        for _ in range(2):
            assert await posted(origin, event(about)) == 200
        assert await posted(origin, event(about), event_id="evt_2") == 200
    assert one.repeated == 1
    assert [case.number for case in one.cases] == ["WO-000001"]


async def test_an_older_snapshot_does_not_replace_a_newer_one(journal: Path) -> None:
    one = backend(journal)
    newer = msgspec.structs.replace(draft(), revision=3, state=State.READY)
    older = msgspec.structs.replace(newer, revision=2, state=State.QUEUED)
    async with one.serving("127.0.0.1", 0) as origin:
        await posted(origin, event(newer), event_id="evt_2")
        await posted(origin, event(older, "draft.queued"), event_id="evt_1")
    (case,) = one.cases
    assert case.draft.revision == 3


async def test_cases_outlive_the_process_and_a_line_that_broke_off(journal: Path) -> None:
    first = backend(journal)
    async with first.serving("127.0.0.1", 0) as origin:
        await posted(origin, event(draft()))
    with journal.open("ab") as file:
        file.write(b'{"id": "evt_2", "heard": "2026-')
    second = backend(journal)
    async with second.serving("127.0.0.1", 0) as origin:
        other = msgspec.structs.replace(draft(), draft_id="01J00000000000000000000009")
        assert await posted(origin, event(other), event_id="evt_2") == 200
    third = backend(journal)
    async with third.serving("127.0.0.1", 0):
        assert [case.number for case in third.cases] == ["WO-000001", "WO-000002"]
        assert third.cases.has_seen("evt_2")


async def test_a_journal_that_makes_no_sense_is_named(journal: Path) -> None:
    journal.parent.mkdir()
    journal.write_bytes(b"not a journal\n")
    with pytest.raises(GatewayError, match=r"sample-backend\.jsonl"):
        async with backend(journal).serving("127.0.0.1", 0):
            pass


async def test_a_citizens_words_are_shown_as_words(journal: Path) -> None:
    about = draft()
    request = msgspec.structs.replace(about.request, title="<b>灯</b>", content="<script>")
    one = backend(journal)
    async with one.serving("127.0.0.1", 0) as origin, aiohttp.ClientSession() as web:
        await posted(origin, event(msgspec.structs.replace(about, request=request)))
        for page in ("/", "/cases/WO-000001"):
            async with web.get(origin + page) as answer:
                html = await answer.text()
            assert "<script>" not in html
            assert "&lt;b&gt;灯" in html
        async with web.get(f"{origin}/cases/WO-000009") as answer:
            assert answer.status == 404
