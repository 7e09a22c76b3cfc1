"""Files that a provider only points at: words never wait for them, and their fate shows."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from channels.sms import CHANNEL
from channels.sms.simulator import TwilioSimulator
from channels.sms.twin import PNG, Twin
from gateway.channel import Account, WebhookChannel
from gateway.domain.draft import ATTACHMENT_LIMIT, WorkOrderDraft
from gateway.domain.intake import CallEvent, CallMoment, InboundMessage, MediaRef
from gateway.egress.client import EgressClient
from gateway.intake.awaited import MEDIA_QUEUE, states_of
from gateway.intake.media import MediaFetcher
from gateway.intake.recognising import RECOGNISE
from gateway.store import work
from gateway.store.errors import StoreFull
from tests.contract.kit.fakes import FakeClock, FakeHttp, FakeLog, ports
from tests.contract.kit.office import KeptFiles, Office
from tests.integration.intake.conftest import CITIZEN, VOICE, text

SID = "AC0123456789abcdef0123456789abcdef"
MMS = "MM" + "a" * 32
HOUR = 3600.0
ASTRAY = "refused: redirect not permitted"
JPEG = b"\xff\xd8\xff\xe0" + bytes(200)

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def gives(
    body: bytes = b"", status: int = 200, media_type: str = "image/png", **headers: str
) -> Answer:
    """Answer every request alike."""

    async def answer(request: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, body=body, content_type=media_type, headers=named)

    return answer


async def endless(request: web.Request) -> web.StreamResponse:
    """Send a photograph that never ends."""
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(PNG)
    while True:
        await response.write(bytes(1 << 20))


@dataclass
class Provider:
    """The stand-in for Twilio, whose media answer as a test wants, and an account with it."""

    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    account: Account | None = None
    port: int = 0

    @web.middleware
    async def answer(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Let the stand-in check the credentials, then answer as arranged."""
        genuine = await handler(request)
        name = request.path.rpartition("/")[2]
        self.asked.append(name)
        arranged = self.answers.get(name)
        return await arranged(request) if arranged and genuine.status == 200 else genuine


@asynccontextmanager
async def provider() -> AsyncIterator[Provider]:
    """Start the stand-in on a free port."""
    token = "an-invented-auth-token-0123456789"
    twin, arranged = Twin(SID, token), Provider()
    twin.app.middlewares.append(arranged.answer)
    async with TestServer(twin.app) as server:
        settings = CHANNEL.settings.model_validate(
            {
                "kind": "sms",
                "account": "main",
                "provider": "twilio",
                "account_sid": SID,
                "auth_token": token,
                "number": "+15005550006",
                "base_url": f"http://127.0.0.1:{server.port}",
            }
        )
        clock = FakeClock()
        arranged.account = CHANNEL.build(
            settings, ports(clock=clock, http=FakeHttp(), log=FakeLog())
        )
        arranged.port = server.port or 0
        yield arranged


@pytest.fixture
async def twilio() -> AsyncIterator[Provider]:
    async with provider() as arranged:
        yield arranged


def url_of(name: str) -> str:
    """Where Twilio says a medium is."""
    return f"https://api.twilio.com/2010-04-01/Accounts/{SID}/Messages/{MMS}/Media/{name}"


def mms(words: str, *urls: str, media_type: str = "image/png", key: str = MMS) -> InboundMessage:
    """A message with pictures, as the SMS channel tells of it."""
    media = tuple(
        MediaRef(id=f"{key}-{place}", kind="image", media_type=media_type, url=url)
        for place, url in enumerate(urls)
    )
    return text(words, key, media=media)


async def fetch(office: Office, twilio: Provider, **changes: Any) -> int:
    """Do what is due in the media queue; return how many files were asked for."""
    assert twilio.account is not None
    async with EgressClient() as http:
        fetcher = MediaFetcher(
            **{
                "ledgers": office.ledgers,
                "accounts": {("sms", "main"): twilio.account},
                "http": http,
                "uploads": office.files,
                "clock": office.clock,
                "note": lambda name, **values: office.noted.append(name),
                **changes,
            }
        )
        return await office.do(MEDIA_QUEUE, fetcher.handle)


def states(draft: WorkOrderDraft) -> dict[str, str]:
    return dict(states_of(draft))


def names(draft: WorkOrderDraft) -> list[str]:
    return [one.id for one in draft.attachments or ()]


async def waiting(office: Office, queue: str) -> list[work.Work]:
    """Take what is due in a queue."""
    return await office._claim(queue)


async def test_the_words_are_there_before_the_picture_is_asked_for(
    office: Office, twilio: Provider
) -> None:
    await office.hears(mms("井盖坏了", url_of("ME1")))
    draft = await office.only_draft()
    assert draft.request.content == "井盖坏了"
    assert states(draft) == {f"{MMS}-0": "pending"}
    assert draft.attachments is None
    assert twilio.asked == []
    await fetch(office, twilio)
    draft = await office.only_draft()
    (file,) = draft.attachments or ()
    assert (file.id, file.kind, file.media_type, file.size) == (
        f"{MMS}-0",
        "image",
        "image/png",
        len(PNG),
    )
    assert office.files.files[file.sha256] == PNG
    assert [one.attachment_ids for one in draft.messages or ()] == [(f"{MMS}-0",)]
    assert draft.extra is None
    assert twilio.asked == ["ME1"]
    assert await fetch(office, twilio) == 0


async def test_a_signed_delivery_of_the_simulator_brings_its_picture(
    office: Office, twilio: Provider
) -> None:
    assert twilio.account is not None
    settings = CHANNEL.settings.model_validate(
        {
            "kind": "sms",
            "account": "main",
            "provider": "twilio",
            "account_sid": SID,
            "auth_token": "an-invented-auth-token-0123456789",
            "number": "+15005550006",
        }
    )
    simulator = TwilioSimulator(settings, "https://hotline.example")  # type: ignore[arg-type]
    raw = simulator.image("井盖坏了", sender="+8613800138000")
    handler = twilio.account.routes[0].handler
    reply = await office.inbox.door(twilio.account, cast(WebhookChannel, handler)).receive(raw)
    assert reply.status == 200
    await office.assemble()
    await fetch(office, twilio)
    assert len(names(await office.only_draft())) == 1


async def test_of_ten_pictures_one_is_gone_and_one_leads_astray(
    office: Office, twilio: Provider
) -> None:
    twilio.answers["ME3"] = gives(status=404)
    twilio.answers["ME7"] = gives(
        status=307, Location="http://169.254.169.254/latest/meta-data/iam/"
    )
    await office.hears(mms("井盖坏了", *(url_of(f"ME{n}") for n in range(10))))
    await fetch(office, twilio)
    draft = await office.only_draft()
    there = [f"{MMS}-{n}" for n in range(10) if n not in (3, 7)]
    assert sorted(names(draft)) == there
    assert [one.attachment_ids for one in draft.messages or ()] == [tuple(there)]
    assert states(draft) == {
        f"{MMS}-3": "expired",
        f"{MMS}-7": ASTRAY,
    }
    assert draft.request.content == "井盖坏了"
    assert sorted(twilio.asked) == [f"ME{n}" for n in range(10)]
    office.clock.turn(4 * 24 * HOUR)
    assert await fetch(office, twilio) == 0


@pytest.mark.parametrize(
    "url",
    [
        "https://169.254.169.254/latest/meta-data/",
        "https://[::ffff:127.0.0.1]/",
        "https://127.0.0.1/",
        "https://[64:ff9b::7f00:1]/",
        "https://10.0.0.1/",
    ],
)
async def test_an_address_inside_the_house_is_not_called(
    office: Office, twilio: Provider, url: str
) -> None:
    await office.hears(mms("井盖坏了", url))
    await fetch(office, twilio)
    draft = await office.only_draft()
    assert states(draft) == {f"{MMS}-0": "refused: address not permitted"}
    assert draft.request.content == "井盖坏了"


@pytest.mark.parametrize("url", ["http://api.twilio.com/x", "file:///etc/passwd", "ftp://a/b", "x"])
async def test_what_is_no_https_address_is_refused(
    office: Office, twilio: Provider, url: str
) -> None:
    await office.hears(mms("井盖坏了", url))
    await fetch(office, twilio)
    assert states(await office.only_draft()) == {f"{MMS}-0": "refused: address not usable"}


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (gives(b"<html><script>alert(1)</script>"), "refused: type not taken"),
        (gives(b'<svg xmlns="http://www.w3.org/2000/svg"/>'), "refused: type not taken"),
        (gives(b"#!/bin/sh\nreboot\n"), "refused: type not taken"),
        (gives(b"MZ" + bytes(100)), "refused: type not taken"),
        (gives(JPEG + b"<script>alert(1)</script>"), "refused: type not taken"),
        (gives(b"%PDF-1.7\n", media_type="image/png"), "refused: not what it claims to be"),
        (gives(b""), "refused: empty"),
        (gives(b"teapot", status=418), "refused: status 418"),
        (gives(status=410), "expired"),
        (gives(status=302), ASTRAY),
        (gives(status=302, Location="http://mms.twiliocdn.com/x"), ASTRAY),
        (gives(status=302, Location="https://mms.twiliocdn.com:8443/"), ASTRAY),
        (gives(status=302, Location="https://mms.twiliocdn.com.evil.example/"), ASTRAY),
        (gives(status=302, Location="https://u:p@mms.twiliocdn.com/"), ASTRAY),
        (gives(status=302, Location="https://[::1"), ASTRAY),
        (gives(status=302, Location="//169.254.169.254/"), ASTRAY),
        (endless, "refused: too large"),
    ],
)
async def test_a_file_that_cannot_be_taken_says_why(
    office: Office, twilio: Provider, answer: Answer, state: str
) -> None:
    twilio.answers["ME1"] = answer
    await office.hears(mms("井盖坏了", url_of("ME1")))
    await fetch(office, twilio)
    draft = await office.only_draft()
    assert states(draft) == {f"{MMS}-0": state}
    assert draft.attachments is None
    assert draft.request.content == "井盖坏了"
    assert office.files.files == {}
    assert "media.lost" in office.noted


async def test_a_picture_of_another_type_is_named_by_its_bytes(
    office: Office, twilio: Provider
) -> None:
    twilio.answers["ME1"] = gives(JPEG)
    await office.hears(mms("井盖坏了", url_of("ME1")))
    await fetch(office, twilio)
    (file,) = (await office.only_draft()).attachments or ()
    assert file.media_type == "image/jpeg"


async def test_a_house_that_is_down_is_asked_again_with_growing_pauses(
    office: Office, twilio: Provider
) -> None:
    twilio.answers["ME1"] = gives(status=503)
    await office.hears(mms("井盖坏了", url_of("ME1")))
    assert await fetch(office, twilio) == 1
    assert states(await office.only_draft()) == {f"{MMS}-0": "pending"}
    office.clock.turn(4)
    assert await fetch(office, twilio) == 0
    office.clock.turn(2)
    assert await fetch(office, twilio) == 1
    office.clock.turn(8)
    assert await fetch(office, twilio) == 0
    del twilio.answers["ME1"]
    office.clock.turn(3)
    assert await fetch(office, twilio) == 1
    draft = await office.only_draft()
    assert names(draft) == [f"{MMS}-0"]
    assert states(draft) == {}


async def test_a_wait_that_the_provider_asks_for_is_kept_within_reason(
    office: Office, twilio: Provider
) -> None:
    twilio.answers["ME1"] = gives(status=429, Retry_After="120")
    await office.hears(mms("井盖坏了", url_of("ME1")))
    await fetch(office, twilio)
    office.clock.turn(119)
    assert await fetch(office, twilio) == 0
    office.clock.turn(2)
    twilio.answers["ME1"] = gives(status=429, Retry_After="99999999")
    assert await fetch(office, twilio) == 1
    office.clock.turn(6 * HOUR + 1)
    assert await fetch(office, twilio) == 1


async def test_after_three_days_a_file_has_expired(office: Office, twilio: Provider) -> None:
    twilio.answers["ME1"] = gives(status=401)
    await office.hears(mms("井盖坏了", url_of("ME1")))
    asked = 0
    for _ in range(3 * 24 * 4 + 40):
        asked += await fetch(office, twilio)
        office.clock.turn(900)
    assert 20 <= asked <= 60
    assert states(await office.only_draft()) == {f"{MMS}-0": "expired"}
    assert await fetch(office, twilio) == 0


async def test_no_more_files_than_a_draft_may_have(office: Office, twilio: Provider) -> None:
    first = "MM" + "1" * 32
    await office.hears(mms("一", *(url_of(f"ME{n}") for n in range(48)), key=first))
    await office.hears(mms("二", *(url_of(f"MF{n}") for n in range(4))))
    await fetch(office, twilio)
    draft = await office.only_draft()
    assert len(names(draft)) == ATTACHMENT_LIMIT
    assert states(draft) == dict.fromkeys((f"{MMS}-2", f"{MMS}-3"), "refused: too many files")
    assert draft.request.content == "一\n二"


async def test_a_message_under_a_known_id_keeps_its_own_files(
    office: Office, twilio: Provider
) -> None:
    twilio.answers["ME2"] = gives(JPEG)
    await office.hears(mms("井盖坏了", url_of("ME1")))
    await office.hears(mms("路灯坏了", url_of("ME2")))
    await fetch(office, twilio)
    draft = await office.only_draft()
    assert sorted(one.media_type for one in draft.attachments or ()) == ["image/jpeg", "image/png"]
    assert [len(one.attachment_ids or ()) for one in draft.messages or ()] == [1, 1]
    assert len(set(names(draft))) == 2


async def test_a_file_follows_its_message_into_a_case_of_its_own(
    office: Office, twilio: Provider
) -> None:
    await office.hears(text("路灯坏了", "SM1"))
    await office.hears(mms("井盖也坏了", url_of("ME1")))
    draft = await office.only_draft()
    chosen = (draft.messages or ())[1].id
    await office.desk.split(draft.draft_id, {chosen}, operator="wang", seen=None)
    await fetch(office, twilio)
    left, new = await office.drafts()
    assert (names(left), names(new)) == ([], [f"{MMS}-0"])
    assert (states(left), states(new)) == ({}, {})


async def test_a_full_disk_delays_the_file_and_nothing_else(
    office: Office, twilio: Provider
) -> None:
    class Full(KeptFiles):
        async def put(self, content: bytes) -> str:
            raise StoreFull

    await office.hears(mms("井盖坏了", url_of("ME1")))
    await fetch(office, twilio, uploads=Full())
    draft = await office.only_draft()
    assert draft.request.content == "井盖坏了"
    assert states(draft) == {f"{MMS}-0": "pending"}
    office.clock.turn(10)
    await fetch(office, twilio)
    assert names(await office.only_draft()) == [f"{MMS}-0"]


async def test_a_file_of_an_account_that_is_gone_says_so(office: Office, twilio: Provider) -> None:
    await office.hears(mms("井盖坏了", url_of("ME1")))
    await fetch(office, twilio, accounts={})
    assert states(await office.only_draft()) == {
        f"{MMS}-0": "refused: its account is not configured any more"
    }


async def test_a_fetch_that_died_is_done_again_without_a_trace(
    office: Office, twilio: Provider
) -> None:
    class Died(Exception):
        pass

    def die(step: str) -> None:
        if step == "media.before_attach":
            raise Died

    await office.hears(mms("井盖坏了", url_of("ME1")))
    with pytest.raises(Died):
        await fetch(office, twilio, reach=die)
    office.clock.turn(61)
    await office.store.write(work.abandon_all_leases)
    await office.store.write(
        lambda c: work.rescue(c, now=round(office.clock.monotonic() * 1_000_000), max_claims=10)
    )
    await fetch(office, twilio)
    draft = await office.only_draft()
    assert names(draft) == [f"{MMS}-0"]
    assert len(office.files.files) == 1


async def test_a_fetched_recording_is_told_of_and_transcribed(
    office: Office, twilio: Provider
) -> None:
    wav = b"RIFF" + (36).to_bytes(4, "little") + b"WAVEfmt " + bytes(28)
    twilio.answers["RE1"] = gives(wav, media_type="audio/wav")
    ref = MediaRef(id="RE1", kind="recording", media_type="audio/wav", url=url_of("RE1"))
    call: dict[str, Any] = {"contact": CITIZEN, "entry": "12345", "conversation": "CA1"}
    started = CallEvent(dedupe_key="CA1:started", moment=CallMoment.STARTED, **call)
    await office.hears(started, VOICE)
    event = InboundMessage(dedupe_key="CA1:recording", media=(ref,), **call)
    await office.hears(event, VOICE)
    await fetch(office, twilio, accounts={("voice", "trunk"): twilio.account})
    draft = await office.only_draft()
    (file,) = draft.attachments or ()
    assert (file.id, file.kind) == ("RE1", "recording")
    assert "recording.ready" in [one.type for one in await office.told()]
    (job,) = await waiting(office, RECOGNISE)
    assert draft.messages is not None
    assert job.payload == {"sha256": file.sha256, "message_id": draft.messages[0].id}
