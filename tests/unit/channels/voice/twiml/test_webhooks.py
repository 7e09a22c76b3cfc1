"""The signed webhooks around a call: what they answer, what they store, what they refuse."""

import asyncio
import contextlib
import dataclasses
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import unescape
from typing import Any, cast
from urllib.parse import parse_qsl, quote, urlsplit

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.voice import CHANNEL
from channels.voice.config import VoiceSettings
from channels.voice.simulator import TwilioSimulator, call_id
from channels.voice.twiml import build
from channels.voice.twiml.answers import ticket_of
from channels.voice.twiml.api import Api
from channels.voice.twiml.passage import Passes
from channels.voice.twiml.ticket import Tickets
from gateway.channel import (
    Account,
    AnswersAfterLookup,
    AnswersInContext,
    HttpReply,
    Lifecycle,
    Malformed,
    RawRequest,
    Unverified,
    WebhookChannel,
)
from gateway.channel.http import CONFIGURED, EgressError, EgressErrorKind, EgressReply
from gateway.config import ConfigError
from gateway.domain.intake import CallEvent, Event, Ignored, InboundMessage, MediaRef, Outcome
from tests.unit.channels.voice.fakes import CALL, World

GIVEN = {
    "kind": "voice",
    "account": "demo",
    "account_sid": "AC" + "0" * 32,
    "auth_token": "an-invented-auth-token",
}
SETTINGS = VoiceSettings.model_validate(GIVEN)
TWILIO = TwilioSimulator(SETTINGS, "https://hotline.example")
CITIZEN = "+8613800138000"
SID = CALL.call_id
RECORDING = "RE" + "5" * 32
IGNORED = Outcome(status="ignored")


def account(world: World | None = None, **changes: Any) -> Account:
    settings = VoiceSettings.model_validate({**GIVEN, **changes})
    return build(settings, (world or World()).ports)


def handler(path: str, of: Account | None = None) -> WebhookChannel:
    (route,) = (route for route in (of or account()).routes if route.path == path)
    assert route.method == "POST"
    return cast(WebhookChannel, route.handler)


def events(raw: RawRequest) -> Sequence[Event]:
    webhook = handler(raw.path)
    webhook.verify(raw)
    assert webhook.handshake(raw) is None
    return webhook.parse(raw)


def answer(raw: RawRequest, of: Account | None = None) -> str:
    question = handler(raw.path, of)
    question.verify(raw)
    assert all(isinstance(event, Ignored) for event in question.parse(raw))
    if isinstance(question, AnswersAfterLookup):
        reply = asyncio.run(question.answer_after(raw, IGNORED))
    else:
        assert isinstance(question, AnswersInContext)
        reply = question.answer(raw, IGNORED)
    assert (reply.status, reply.content_type) == (200, "text/xml")
    return reply.body.decode()


def test_a_new_call_is_connected_to_our_socket_with_its_ticket_and_a_way_on() -> None:
    world = World()
    twiml = answer(TWILIO.incoming(CITIZEN, call=SID), account(world))
    found = re.search(r'<Connect><Stream url="([^"]+)">', twiml)
    assert found
    assert found[1] == "wss://hotline.example/channels/voice/demo/media"
    given = dict(re.findall(r'<Parameter name="([^"]+)" value="([^"]+)"', twiml))
    assert all(len(name) + len(value) < 500 for name, value in given.items())
    passage, at = Passes(world.ports.site.key, "demo").open(unescape(ticket_of(given)))
    assert dataclasses.replace(passage.call, began_at=None) == CALL
    assert at == world.clock.now().replace(microsecond=0)
    assert twiml.index("</Connect>") < twiml.index(
        '<Redirect method="POST">https://hotline.example/channels/voice/demo/continue</Redirect>'
    )


def test_plain_http_on_loopback_becomes_a_plain_websocket() -> None:
    world = World()
    ports = dataclasses.replace(
        world.ports,
        site=dataclasses.replace(world.ports.site, public_url="http://127.0.0.1:12345"),
    )
    local = TwilioSimulator(SETTINGS, "http://127.0.0.1:12345")
    twiml = answer(local.incoming(CITIZEN), build(SETTINGS, ports))
    assert 'url="ws://127.0.0.1:12345/channels/voice/demo/media"' in twiml


def test_a_call_whose_stream_died_is_recorded_by_the_carrier() -> None:
    twiml = answer(TWILIO.goes_on(SID, CITIZEN))
    assert "<Record" in twiml
    assert 'action="https://hotline.example/channels/voice/demo/recorded"' in twiml
    assert 'language="zh-CN"' in twiml
    assert "<Hangup" in twiml
    assert "挂机" in twiml
    assert "13800138000" not in twiml


def test_the_carrier_speaks_the_language_of_the_account() -> None:
    twiml = answer(TWILIO.goes_on(SID, CITIZEN), account(language="en"))
    assert 'language="en-US"' in twiml


def test_after_a_recording_the_caller_is_thanked_and_let_go() -> None:
    twiml = answer(TWILIO.recorded(SID, CITIZEN))
    assert twiml.index("<Say") < twiml.index("<Hangup")
    assert "<Record" not in twiml


def test_the_news_of_a_recording_finds_its_caller_by_the_ticket_in_its_address() -> None:
    world = World()
    twiml = answer(TWILIO.goes_on(SID, CITIZEN), account(world))
    found = re.search(r'recordingStatusCallback="([^"]+)"', twiml)
    assert found
    url = urlsplit(unescape(found[1]))
    assert url.path == "/channels/voice/demo/recording"
    ticket = dict(parse_qsl(url.query))["ticket"]
    (message,) = events(TWILIO.recording(SID, RECORDING, ticket=ticket, seconds=12))
    assert isinstance(message, InboundMessage)
    assert message.contact == f"tel:{CITIZEN}"
    assert message.entry == "+15005550006"
    assert message.conversation == SID
    (media,) = message.media
    assert media.kind == "recording"
    assert media.url
    assert media.url.endswith(f"/Recordings/{RECORDING}.wav")
    assert media.duration_ms == 12_000


def test_a_recording_without_ticket_is_kept_although_nobody_knows_whose_it_is() -> None:
    (message,) = events(TWILIO.recording(SID, RECORDING))
    assert isinstance(message, InboundMessage)
    assert message.contact == f"unknown:{SID}"
    assert message.reporter is not None
    assert message.reporter.anonymous


def test_a_recording_with_the_ticket_of_another_call_is_malformed() -> None:
    world = World()
    ticket = Tickets(world.ports.site.key, "demo").seal(CALL, world.clock.now())
    with pytest.raises(Malformed):
        events(TWILIO.recording("CA" + "2" * 32, RECORDING, ticket=ticket))


@pytest.mark.parametrize("status", ["absent", "failed", "in-progress"])
def test_news_of_no_recording_is_ignored(status: str) -> None:
    (event,) = events(TWILIO.recording(SID, RECORDING, RecordingStatus=status))
    assert isinstance(event, Ignored)


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest",
        "https://api.twilio.com.evil.example/x",
        "https://api.twilio.com@evil.example/x",
        "http://api.twilio.com/x",
        "",
    ],
)
def test_a_recording_elsewhere_is_refused(url: str) -> None:
    with pytest.raises(Malformed):
        events(TWILIO.recording(SID, RECORDING, RecordingUrl=url))


@pytest.mark.parametrize(
    ("status", "moment"),
    [
        ("completed", "ended"),
        ("no-answer", "abandoned"),
        ("canceled", "abandoned"),
        ("busy", "abandoned"),
        ("failed", "abandoned"),
    ],
)
def test_the_end_of_a_call_is_told_once_for_each_status(status: str, moment: str) -> None:
    raw = TWILIO.status(SID, status, sender=CITIZEN, seconds=42)
    (event,) = events(raw)
    assert isinstance(event, CallEvent)
    assert event.moment == moment
    assert event.dedupe_key == f"{SID}:status:{status}"
    assert event.duration_ms == 42_000
    assert events(raw) == [event], "telling it again tells the same"


@pytest.mark.parametrize("status", ["queued", "ringing", "in-progress", "teleported"])
def test_a_status_on_the_way_is_ignored(status: str) -> None:
    (event,) = events(TWILIO.status(SID, status, sender=CITIZEN))
    assert isinstance(event, Ignored)


def test_the_time_of_a_status_is_understood_and_a_bad_one_harmless() -> None:
    fields = dict(parse_qsl(TWILIO.status(SID, "completed", sender=CITIZEN).body.decode()))
    good = {**fields, "Timestamp": "Sat, 21 Nov 2026 10:30:00 +0000"}
    (event,) = events(TWILIO.request("/status", good))
    assert isinstance(event, CallEvent)
    assert event.occurred_at == datetime(2026, 11, 21, 10, 30, tzinfo=UTC)
    for bad in ("yesterday", "Sat, 99 Nov 2026 10:30:00 +0000", "2026-11-21"):
        (event,) = events(TWILIO.request("/status", {**fields, "Timestamp": bad}))
        assert isinstance(event, CallEvent)
        assert event.occurred_at is None


@pytest.mark.parametrize("sender", ["anonymous", "Anonymous", "+266696687", "Restricted"])
def test_withheld_numbers_are_anonymous(sender: str) -> None:
    (event,) = events(TWILIO.status(SID, "completed", sender=sender))
    assert isinstance(event, CallEvent)
    assert event.contact == f"unknown:{SID}"
    assert event.reporter is not None
    assert event.reporter.anonymous


@pytest.mark.parametrize(
    ("sender", "contact"),
    [("sip:li@pbx.example", "sip:li@pbx.example"), ("10086", "phone:10086")],
)
def test_other_callers_keep_their_address(sender: str, contact: str) -> None:
    (event,) = events(TWILIO.status(SID, "completed", sender=sender))
    assert isinstance(event, CallEvent)
    assert event.contact == contact
    assert event.reporter is not None
    assert event.reporter.phone is None


PATHS = ("", "/continue", "/recorded", "/status", "/recording")


def requests() -> Mapping[str, RawRequest]:
    return {
        "": TWILIO.incoming(CITIZEN, call=SID),
        "/continue": TWILIO.goes_on(SID, CITIZEN),
        "/recorded": TWILIO.recorded(SID, CITIZEN),
        "/status": TWILIO.status(SID, "completed", sender=CITIZEN),
        "/recording": TWILIO.recording(SID, RECORDING),
    }


@pytest.mark.parametrize("path", PATHS)
def test_what_is_not_signed_is_refused(path: str) -> None:
    raw = requests()[path]
    webhook = handler(path)
    for headers in ({}, {"X-Twilio-Signature": ""}, {"X-Twilio-Signature": "AAAA" * 7}):
        with pytest.raises(Unverified):
            webhook.verify(msgspec.structs.replace(raw, headers=headers))
    for body in (raw.body + b"&Extra=1", raw.body.replace(b"CA", b"CB"), b"", b"\xff"):
        with pytest.raises(Unverified):
            webhook.verify(msgspec.structs.replace(raw, body=body))


@pytest.mark.parametrize("path", PATHS)
def test_a_signature_for_another_address_is_refused(path: str) -> None:
    raw = requests()[path]
    moved = msgspec.structs.replace(raw, url=raw.url.replace("demo", "other"))
    with pytest.raises(Unverified):
        handler(path).verify(moved)


def test_a_newer_signature_scheme_is_refused_as_long_as_it_is_not_configured() -> None:
    raw = TWILIO.incoming(CITIZEN)
    settings = {"X-Twilio-Webhooks-Signature-Settings": "key=k,algorithm=HMAC_SHA256"}
    with pytest.raises(Unverified):
        handler("").verify(msgspec.structs.replace(raw, headers={**raw.headers, **settings}))


def test_both_tokens_are_good_while_one_replaces_the_other() -> None:
    both = account(auth_token=["the-new-token", GIVEN["auth_token"]])
    handler("", both).verify(TWILIO.incoming(CITIZEN))


def test_another_account_of_the_same_provider_is_refused() -> None:
    other = account(account_sid="AC" + "9" * 32)
    with pytest.raises(Unverified):
        handler("", other).verify(TWILIO.incoming(CITIZEN))


@pytest.mark.parametrize("path", ["", "/status"])
@pytest.mark.parametrize(
    ("field", "value"),
    [("CallSid", "nonsense"), ("CallSid", "CA" + "1" * 31), ("To", "\x07"), ("From", "a\nb")],
)
def test_a_signed_form_that_makes_no_sense_is_malformed(path: str, field: str, value: str) -> None:
    fields = dict(parse_qsl(requests()[path].body.decode()))
    raw = TWILIO.request(path, {**fields, field: value})
    webhook = handler(path)
    webhook.verify(raw)
    with pytest.raises(Malformed):
        webhook.parse(raw)


@given(body=st.binary(max_size=300), path=st.sampled_from(PATHS))
def test_parsing_raises_malformed_and_nothing_else(body: bytes, path: str) -> None:
    raw = msgspec.structs.replace(requests()[path], body=body)
    with contextlib.suppress(Malformed):
        HANDLERS[path].parse(raw)


@given(
    fields=st.dictionaries(
        st.sampled_from(["CallSid", "From", "To", "CallStatus", "RecordingSid", "RecordingUrl"]),
        st.text(max_size=40) | st.just(SID) | st.just(RECORDING),
    ),
    query=st.text(max_size=40).map(quote),
    path=st.sampled_from(PATHS),
)
def test_no_signed_form_breaks_the_parser(fields: dict[str, str], query: str, path: str) -> None:
    raw = TWILIO.request(path, {"CallSid": SID, "To": "+1", **fields}, query=f"ticket={query}")
    with contextlib.suppress(Malformed):
        HANDLERS[path].parse(raw)


HANDLERS = {path: handler(path) for path in PATHS}


@pytest.mark.parametrize("path", PATHS)
def test_a_busy_store_is_never_answered_with_success(path: str) -> None:
    busy = handler(path).acknowledge(Outcome(status="busy"))
    assert busy.status == 503
    for status in ("accepted", "duplicate", "ignored"):
        reply = handler(path).acknowledge(Outcome(status=status))
        assert reply == HttpReply(
            body=b'<?xml version="1.0" encoding="UTF-8"?><Response/>', content_type="text/xml"
        )


def test_an_account_without_its_secret_does_not_start() -> None:
    with pytest.raises(ValueError, match="auth_token"):
        VoiceSettings.model_validate({k: v for k, v in GIVEN.items() if k != "auth_token"})
    with pytest.raises(ValueError, match="auth_token"):
        VoiceSettings.model_validate({**GIVEN, "auth_token": ""})


def test_an_unusable_prompt_is_named_at_the_start(tmp_path: Any) -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        account(prompts=str(tmp_path / "nowhere"))
    (tmp_path / "zh").mkdir()
    (tmp_path / "zh" / "greeting.wav").write_bytes(b"RIFF0000WAVEnothing")
    with pytest.raises(ConfigError, match=r"greeting\.wav is a WAV file without audio"):
        account(prompts=str(tmp_path))


def test_our_credentials_go_to_the_provider_only() -> None:
    api = Api(SETTINGS)
    ref = MediaRef(
        id="r", kind="recording", media_type="audio/wav", url="https://api.twilio.com/x.wav"
    )
    call = api.request_for(ref)
    assert call.url == "https://api.twilio.com/x.wav"
    assert call.headers["Authorization"].startswith("Basic ")
    assert call.allow == ()
    for url in ("https://evil.example/x", "https://api.twilio.com@evil.example/x", None):
        elsewhere = MediaRef(id="r", kind="recording", media_type="audio/wav", url=url)
        with pytest.raises(Malformed):
            api.request_for(elsewhere)


def test_base_url_replaces_the_provider() -> None:
    api = Api(VoiceSettings.model_validate({**GIVEN, "base_url": "http://127.0.0.1:9/twin"}))
    ref = MediaRef(
        id="r", kind="recording", media_type="audio/wav", url="https://api.twilio.com/x.wav"
    )
    assert api.request_for(ref).url == "http://127.0.0.1:9/twin/x.wav"
    assert api.request_for(ref).allow == CONFIGURED


@pytest.mark.parametrize(("status", "words"), [(200, None), (401, "credentials"), (500, "500")])
async def test_the_probe_says_in_words_what_is_wrong(status: int, words: str | None) -> None:
    world = World()
    world.http.answer = EgressReply(
        status=status, headers={}, body=b"", truncated=False, elapsed=0.1
    )
    lifecycle = account(world).lifecycle
    assert lifecycle is not None
    found = await lifecycle.probe()
    assert found is None if words is None else words in str(found)
    assert GIVEN["auth_token"] not in str(found)


async def test_the_probe_says_when_the_provider_cannot_be_reached() -> None:
    world = World()
    world.http.answer = EgressError(EgressErrorKind.DNS, "no such name")
    lifecycle = cast(Lifecycle, account(world).lifecycle)
    assert "cannot be reached" in str(await lifecycle.probe())


def test_the_channel_is_found_by_its_folder() -> None:
    assert CHANNEL.kind == "voice"
    assert CHANNEL.simulator is not None
    assert isinstance(CHANNEL.simulator(SETTINGS, "https://hotline.example"), TwilioSimulator)
    assert call_id("x") == call_id("x") != call_id("y")
