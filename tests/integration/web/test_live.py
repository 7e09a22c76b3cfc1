"""The live stream over HTTP: seen at once, taken up again, and ended when it must."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientPayloadError, ClientResponse
from prometheus_client import CollectorRegistry

from gateway.channel.ports import LiveNews
from gateway.domain.intake import CallEvent, CallMoment, InboundMessage
from gateway.store import tokens
from gateway.store.times import to_us
from gateway.store.tokens import Scope
from gateway.web.api.live import LivePace
from gateway.web.live import MOST_WAITING, LiveHub, LiveMeter, Wanted
from gateway.web.live_relay import relayed
from tests.contract.kit.office import Office
from tests.integration.intake.conftest import CITIZEN, VOICE
from tests.integration.web.conftest import Door, opened_door

SOON = 20.0
"""Seconds after which a test gives up; nothing here is expected to take long."""


class Stream:
    """An open stream as a client reads it."""

    def __init__(self, response: ClientResponse) -> None:
        self.response = response
        self.last_id = ""

    async def block(self) -> list[str]:
        """Return the lines of the next block; none at the end of the stream."""
        lines: list[str] = []
        async with asyncio.timeout(SOON):
            while line := (await self.response.content.readline()).decode():
                if line == "\n":
                    return lines
                lines.append(line.rstrip("\n"))
        return lines

    async def event(self) -> tuple[str, dict[str, Any]]:
        """Return name and data of the next event; signs of life are passed over."""
        while block := await self.block():
            fields = dict(line.split(": ", 1) for line in block if not line.startswith(":"))
            if "event" in fields:
                self.last_id = fields.get("id", self.last_id)
                return fields["event"], json.loads(fields["data"])
        raise AssertionError("the stream has ended")

    async def ends(self) -> None:
        """Read until the end, which must come by itself."""
        try:
            while await self.block():
                pass
        except ClientPayloadError:  # cut off instead of ended: as good an end
            return


@asynccontextmanager
async def watching(
    door: Door, query: str = "", *, token: str = "", last_id: str = ""
) -> AsyncIterator[Stream]:
    """Open a stream and wait for its welcome."""
    headers = {"Authorization": f"Bearer {token or door.token}"}
    if last_id:
        headers["Last-Event-ID"] = last_id
    async with door.session.get(f"{door.url}/api/v1/live{query}", headers=headers) as response:
        assert response.status == 200, await response.text()
        assert response.headers["Content-Type"] == "text/event-stream"
        assert response.headers["Cache-Control"] == "no-store"
        stream = Stream(response)
        assert ": welcome" in await stream.block()
        yield stream


@pytest.fixture
async def door(office: Office, tmp_path: Path) -> AsyncIterator[Door]:
    """Every surface, with streams that stay open."""
    pace = LivePace(heartbeat_s=0.05, longest_s=3600)
    async with opened_door(office, tmp_path, live_pace=pace) as opened:
        yield opened


def partial(door: Door, text: str, call: str = "CA1") -> LiveNews:
    return LiveNews(
        type="transcript.partial",
        conversation=call,
        at=door.office.clock.now(),
        data={"text": text},
    )


def started(call: str = "CA1") -> CallEvent:
    return CallEvent(
        contact=CITIZEN,
        entry="12345",
        dedupe_key=f"{call}:started",
        conversation=call,
        moment=CallMoment.STARTED,
    )


async def test_words_are_seen_while_they_are_spoken(door: Door) -> None:
    async with watching(door, "?types=transcript.*") as stream:
        door.hub.tell(partial(door, "路灯"))
        name, news = await stream.event()
        assert name == "transcript.partial"
        assert (news["conversation"], news["data"]) == ("CA1", {"text": "路灯"})
        assert stream.last_id == "e-1"


async def test_drafts_and_calls_come_from_the_feed_in_short(door: Door) -> None:
    async with watching(door, "?types=draft.*,call.*") as stream:
        outcome = await door.office.hears(started(), VOICE)
        name, news = await stream.event()
        assert name == "draft.created"
        assert news["draft_id"] == outcome.draft_id
        assert news["conversation"] == "CA1"
        draft = news["data"]["draft"]
        assert draft["receipt_no"] == outcome.receipt_no
        assert draft["state"] == "collecting"
        assert "reporter" not in draft
        assert (await stream.event())[0] == "call.started"


async def test_one_call_alone_can_be_watched(door: Door) -> None:
    async with watching(door, "?conversation=CA2") as stream:
        await door.office.hears(started("CA1"), VOICE)
        door.hub.tell(partial(door, "别人的", "CA1"))
        await door.office.hears(started("CA2"), VOICE)
        assert (await stream.event())[1]["conversation"] == "CA2"


async def test_one_draft_alone_can_be_watched(door: Door) -> None:
    await door.office.hears(started("CA1"), VOICE)
    (draft,) = await door.office.drafts()
    async with watching(door, f"?draft={draft.draft_id}&types=message.*") as stream:
        for call in ("CA2", "CA1"):
            await door.office.hears(
                InboundMessage(
                    contact=CITIZEN,
                    entry="12345",
                    dedupe_key=f"{call}:1",
                    conversation=call,
                    text="停水了",
                ),
                VOICE,
            )
        assert (await stream.event())[1]["draft_id"] == draft.draft_id


async def test_a_stream_that_broke_is_taken_up_without_a_gap(door: Door) -> None:
    async with watching(door) as stream:
        door.hub.tell(partial(door, "一"))
        await stream.event()
    door.hub.tell(partial(door, "二"))
    await door.office.hears(started(), VOICE)
    async with watching(door, last_id=stream.last_id) as again:
        assert (await again.event())[1]["data"] == {"text": "二"}
        assert (await again.event())[0] == "draft.created"


async def test_who_comes_from_another_process_is_told_that_news_were_lost(door: Door) -> None:
    door.hub.tell(partial(door, "一"))
    async with watching(door, last_id="another-7") as stream:
        assert await stream.event() == ("lost", {"count": 1})


async def test_who_lost_touch_with_the_feed_is_told_so(door: Door) -> None:
    async with watching(door) as stream:
        door.hub.tell(partial(door, "一"))
        await stream.event()
    door.hub.tell(partial(door, "二"))
    door.hub.feed_was_not_followed()
    door.hub.feed_is_followed.set()
    async with watching(door, last_id=stream.last_id) as again:
        assert (await again.event())[0] == "lost"


async def test_who_cannot_keep_up_is_told_how_much_was_lost(door: Door) -> None:
    async with watching(door) as stream:
        for number in range(MOST_WAITING + 5):
            door.hub.tell(partial(door, str(number)))
        assert await stream.event() == ("lost", {"count": 5})
        assert (await stream.event())[1]["data"] == {"text": "5"}


async def test_a_watcher_who_reads_nothing_at_all_holds_up_nobody(door: Door) -> None:
    async with watching(door):
        for _ in range(20):
            for _ in range(MOST_WAITING):
                door.hub.tell(partial(door, "路" * 500))
            await asyncio.sleep(0)
        async with watching(door) as other:
            door.hub.tell(partial(door, "路灯"))
            assert (await other.event())[1]["data"] == {"text": "路灯"}


async def test_a_quiet_stream_gives_signs_of_life(door: Door) -> None:
    async with watching(door) as stream:
        assert await stream.block() == [": still here"]


async def test_a_revoked_token_ends_the_stream(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.web.api.access.REMEMBERED_S", 0.0)
    token = await door.make_token({Scope.FEED_READ})
    async with watching(door, token=token) as stream:
        token_id = tokens.id_in(token)
        assert token_id is not None
        now = to_us(door.office.clock.now())
        await door.office.store.write(lambda c: tokens.revoke(c, token_id, now=now, actor="test"))
        await stream.ends()


async def test_a_stream_ends_after_its_longest_time(office: Office, tmp_path: Path) -> None:
    async with opened_door(office, tmp_path) as door, watching(door) as stream:
        await stream.ends()


async def test_open_streams_do_not_hold_up_a_stop(office: Office, tmp_path: Path) -> None:
    pace = LivePace(longest_s=3600)
    async with asyncio.timeout(10):  # a stop waits 20 s for what is open by itself
        async with opened_door(office, tmp_path, live_pace=pace) as door:
            headers = {"Authorization": f"Bearer {door.token}"}
            response = await door.session.get(f"{door.url}/api/v1/live", headers=headers)
            assert response.status == 200


async def test_a_hub_that_has_closed_sends_watchers_elsewhere(door: Door) -> None:
    async with watching(door) as stream:
        door.hub.close()
        await stream.ends()
    answer = await door.ask("GET", "/api/v1/live")
    assert (answer.status, answer.code) == (503, "busy")


async def test_the_stream_needs_the_scope_of_the_feed(door: Door) -> None:
    token = await door.make_token({Scope.DRAFTS_READ})
    assert (await door.ask("GET", "/api/v1/live", token=token)).code == "forbidden"
    assert (await door.ask("GET", "/api/v1/live", token=None)).code == "unauthorized"


@pytest.mark.parametrize("query", ["types=Draft", "draft=1", "conversation=a%0Ab", "call=1"])
async def test_a_wrong_filter_is_named(door: Door, query: str) -> None:
    answer = await door.ask("GET", f"/api/v1/live?{query}")
    assert answer.code == "bad_parameter"


async def test_head_answers_without_a_stream(door: Door) -> None:
    answer = await door.ask("HEAD", "/api/v1/live")
    assert (answer.status, answer.body) == (200, b"")


async def test_watchers_are_counted(door: Door) -> None:
    async with watching(door):
        assert door.registry.get_sample_value("hotline_live_watchers") == 1
    async with asyncio.timeout(SOON):
        while door.registry.get_sample_value("hotline_live_watchers"):
            await asyncio.sleep(0.01)


@pytest.mark.redis
async def test_calls_of_another_process_are_seen_as_well(door: Door, redis_url: str) -> None:
    def note(name: str, **values: object) -> None:
        pass

    other = LiveHub(epoch="o", meter=LiveMeter(CollectorRegistry()))
    async with relayed(door.hub, redis_url, note), relayed(other, redis_url, note):
        with other.watched(Wanted()) as watcher:
            await until_heard(lambda: door.hub.tell(partial(door, "路灯")), watcher.take)


async def until_heard(tell: Callable[[], None], take: Callable[[float], Any]) -> None:
    """Repeat news until it arrives: each may be lost."""
    async with asyncio.timeout(SOON):
        while True:
            tell()
            if found := await take(0.05):
                assert json.loads(found[0].body)["data"] == {"text": "路灯"}
                return
