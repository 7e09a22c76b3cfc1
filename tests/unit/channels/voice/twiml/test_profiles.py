"""Five dialects: what proves a request, how audio is written, what each account needs."""

import json
from base64 import b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, cast
from urllib.parse import unquote_plus, urlencode

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict
from twilio.request_validator import RequestValidator

from channels.voice.config import VoiceSettings
from channels.voice.twiml import build, frames, snake
from channels.voice.twiml.passage import Passage, Passes
from channels.voice.twiml.profile import PROFILES
from channels.voice.twiml.proof import TELNYX_TOLERANCE
from channels.voice.twiml.socket import MediaSocket
from gateway.channel import Account, RawRequest, Unverified, WebhookChannel
from gateway.config import ConfigError
from gateway.domain.intake import InboundMessage
from tests.unit.channels.voice.fakes import CALL, World
from tests.unit.channels.voice.twiml.test_stream import STOP, UPGRADE, FakeSocket

UUID = "0b1c2d3e-0000-4000-8000-000000000001"
TELNYX_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC_KEY = b64encode(TELNYX_KEY.public_key().public_bytes_raw()).decode()
CALLS = {"twilio": CALL.call_id, "telnyx": "v3:MdI91X4lWFEs7IgbBEOT9M4AigoY", "kazoo": "1-2@sbc"}
ACCOUNTS: dict[str, dict[str, Any]] = {
    "twilio": {"account_sid": "AC" + "0" * 32},
    "signalwire": {
        "account_sid": UUID,
        "signing_key": "a-signing-key",
        "base_url": "https://city.signalwire.com/api/laml",
    },
    "telnyx": {"account_sid": UUID, "public_key": PUBLIC_KEY},
    "somleng": {"account_sid": UUID, "base_url": "https://pbx.example"},
    "kazoo": {"account_sid": "0" * 32},
}
URL = "https://hotline.example/channels/voice/demo"


def settings(profile: str, **changes: Any) -> VoiceSettings:
    given = {"kind": "voice", "account": "demo", "auth_token": "a-token", "profile": profile}
    return VoiceSettings.model_validate({**given, **ACCOUNTS[profile], **changes})


def account(profile: str, world: World | None = None, **changes: Any) -> Account:
    return build(settings(profile, **changes), (world or World()).ports)


def handler(of: Account, path: str) -> WebhookChannel:
    (route,) = (one for one in of.routes if one.path == path and one.method == "POST")
    return cast(WebhookChannel, route.handler)


def form(profile: str, **more: str) -> bytes:
    fields = {
        "AccountSid": ACCOUNTS[profile]["account_sid"],
        "CallSid": CALLS.get(profile, UUID),
        "From": "+8613800138000",
        "To": "+15005550006",
        "CallStatus": "completed",
        **more,
    }
    return urlencode(fields).encode()


def signed(profile: str, body: bytes, world: World, path: str = "/status") -> RawRequest:
    fields = dict(one.split("=") for one in body.decode().split("&"))
    plain = {name: unquote_plus(value) for name, value in fields.items()}
    headers: dict[str, str] = {}
    match profile:
        case "twilio" | "somleng":
            value = RequestValidator("a-token").compute_signature(URL + path, plain)
            headers = {"X-Twilio-Signature": value}
        case "signalwire":
            value = RequestValidator("a-signing-key").compute_signature(URL + path, plain)
            headers = {"X-SignalWire-Signature": value}
        case "telnyx":
            stamp = str(int(world.clock.now().timestamp()))
            value = b64encode(TELNYX_KEY.sign(stamp.encode() + b"|" + body)).decode()
            headers = {"telnyx-timestamp": stamp, "telnyx-signature-ed25519": value}
        case "kazoo":
            pair = b64encode(f"{'0' * 32}:a-token".encode()).decode()
            headers = {"Authorization": f"Basic {pair}"}
        case _:
            raise AssertionError(profile)
    return RawRequest(
        method="POST", url=URL + path, path=path, headers=CIMultiDict(headers), body=body
    )


@pytest.mark.parametrize("profile", PROFILES)
def test_each_provider_proves_itself_in_its_own_way(profile: str) -> None:
    world = World()
    webhook = handler(account(profile, world), "/status")
    raw = signed(profile, form(profile), world)
    webhook.verify(raw)
    (event,) = webhook.parse(raw)
    assert event.contact == "tel:+8613800138000"  # type: ignore[union-attr]


@pytest.mark.parametrize("profile", PROFILES)
def test_no_provider_is_believed_without_its_proof(profile: str) -> None:
    world = World()
    webhook = handler(account(profile, world), "/status")
    raw = signed(profile, form(profile), world)
    (name, value), *_ = reversed(list(raw.headers.items()))
    spoilt = [
        {},
        {**raw.headers, name: ""},
        {**raw.headers, name: value[:-4] + "AAAA"},
        {**raw.headers, name: "é" * 20},
    ]
    for headers in spoilt:
        with pytest.raises(Unverified):
            webhook.verify(msgspec.structs.replace(raw, headers=CIMultiDict(headers)))
    for body in (b"", b"\xff", raw.body.replace(b"AccountSid=", b"AccountSid=9")):
        with pytest.raises(Unverified):
            webhook.verify(msgspec.structs.replace(raw, body=body))


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("other", PROFILES)
def test_the_proof_of_another_provider_proves_nothing(profile: str, other: str) -> None:
    same_scheme = {profile, other} <= {"twilio", "somleng"}
    if profile == other or same_scheme:
        return
    world = World()
    webhook = handler(account(profile, world), "/status")
    raw = signed(other, form(profile), world)
    with pytest.raises(Unverified):
        webhook.verify(raw)


@pytest.mark.parametrize("minutes", [-6, 6, 60 * 24])
def test_telnyx_requests_from_another_time_are_replays(minutes: int) -> None:
    world = World()
    webhook = handler(account("telnyx", world), "/status")
    raw = signed("telnyx", form("telnyx"), world)
    world.clock.advance(minutes * 60)
    assert abs(timedelta(minutes=minutes)) > TELNYX_TOLERANCE
    with pytest.raises(Unverified, match="too long ago"):
        webhook.verify(raw)


def test_the_old_header_of_signalwire_is_good_too() -> None:
    world = World()
    raw = signed("signalwire", form("signalwire"), world)
    moved = CIMultiDict({"X-Twilio-Signature": raw.headers["X-SignalWire-Signature"]})
    handler(account("signalwire", world), "/status").verify(
        msgspec.structs.replace(raw, headers=moved)
    )


# --- settings


@pytest.mark.parametrize(
    ("profile", "without", "why"),
    [
        ("signalwire", "signing_key", "signing_key"),
        ("telnyx", "public_key", "public_key"),
        ("twilio", "auth_token", "auth_token"),
        ("kazoo", "auth_token", "auth_token"),
    ],
)
def test_an_account_without_what_proves_requests_does_not_start(
    profile: str, without: str, why: str
) -> None:
    given = {"kind": "voice", "account": "demo", "auth_token": "a-token", "profile": profile}
    given |= ACCOUNTS[profile]
    del given[without]
    with pytest.raises(ValueError, match=why):
        VoiceSettings.model_validate(given)


def test_settings_of_another_profile_are_refused() -> None:
    with pytest.raises(ValueError, match="belongs to profile: telnyx"):
        settings("twilio", public_key=PUBLIC_KEY)
    with pytest.raises(ValueError, match="belongs to profile: signalwire"):
        settings("telnyx", signing_key="k")


@pytest.mark.parametrize(
    ("profile", "changes", "why"),
    [
        ("twilio", {"account_sid": UUID}, "account_sid"),
        ("telnyx", {"account_sid": "AC" + "0" * 32}, "account_sid"),
        ("signalwire", {"base_url": None}, "base_url is missing"),
        ("kazoo", {"media": "none"}, "media is none"),
    ],
)
def test_what_does_not_fit_a_profile_is_said_at_the_start(
    profile: str, changes: dict[str, Any], why: str
) -> None:
    with pytest.raises(ConfigError, match=why):
        account(profile, **changes)


# --- media


def start(profile: str, ticket: str) -> str:
    encoding = {"telnyx": "PCMU", "kazoo": "audio/L16"}.get(profile, "audio/x-mulaw")
    sid, call = ACCOUNTS[profile]["account_sid"], CALLS.get(profile, UUID)
    if profile == "telnyx":
        return json.dumps(
            {
                "event": "start",
                "sequence_number": "1",
                "stream_id": "s1",
                "start": {
                    "user_id": sid,
                    "call_control_id": call,
                    "client_state": "x",
                    "custom_parameters": {"ticket": ticket},
                    "media_format": {"encoding": encoding, "sample_rate": 8000, "channels": 1},
                },
            }
        )
    return json.dumps(
        {
            "event": "start",
            "start": {
                "accountSid": sid,
                "callSid": call,
                "streamSid": "MZ1",
                "customParameters": {"ticket": ticket},
                "mediaFormat": {"encoding": encoding, "sampleRate": 8000, "channels": 1},
            },
        }
    )


def passage(profile: str, now: datetime) -> Passage:
    return Passage(
        call_id=CALLS.get(profile, UUID),
        caller="+8613800138000",
        dialled="+15005550006",
        began=int(now.timestamp()),
    )


@pytest.mark.parametrize("profile", PROFILES)
async def test_each_providers_stream_is_taken(profile: str) -> None:
    world = World()
    (media,) = (
        route.handler
        for route in account(profile, world).routes
        if isinstance(route.handler, MediaSocket)
    )
    now = world.clock.now()
    ticket = Passes(world.ports.site.key, "demo").seal(passage(profile, now), now)
    socket = FakeSocket([start(profile, ticket), STOP])
    await media.converse(socket, UPGRADE)
    assert world.sink.moments[0].conversation == CALLS.get(profile, UUID)
    name = "stream_id" if profile == "telnyx" else "streamSid"
    assert all(name in message for message in socket.sent)


def test_a_stream_of_telnyx_is_asked_for_with_what_it_needs() -> None:
    world = World()
    webhook = handler(account("telnyx", world), "")
    raw = signed("telnyx", form("telnyx", CallStatus="ringing"), world, "")
    webhook.verify(raw)
    document = webhook.answer(raw, cast(Any, None)).body.decode()  # type: ignore[attr-defined]
    for needed in ('bidirectionalMode="rtp"', 'bidirectionalCodec="PCMU"', 'codec="PCMU"'):
        assert needed in document


def test_telnyx_spells_the_same_messages_in_its_own_way() -> None:
    began = snake.parse(start("telnyx", "t"))
    assert isinstance(began, frames.Start)
    assert began.start.call_sid == CALLS["telnyx"]
    assert began.start.stream_sid == "s1"
    for chunk in ('"2"', "2"):
        detail = f'"track":"inbound","chunk":{chunk},"timestamp":{chunk},"payload":"//8="'
        media = snake.parse(f'{{"event":"media","stream_id":"s1","media":{{{detail}}}}}')
        assert isinstance(media, frames.Media)
        assert (media.media.chunk, media.media.payload) == ("2", b"\xff\xff")
    digit = snake.parse('{"event":"dtmf","stream_id":"s1","dtmf":{"digit":"5"}}')
    assert isinstance(digit, frames.Dtmf)
    assert snake.parse('{"event":"error","payload":{"title":"x"}}') is None
    assert json.loads(snake.clear("s1")) == {"event": "clear", "stream_id": "s1"}
    assert json.loads(snake.mark("s1", "p1"))["mark"] == {"name": "p1"}


@given(text=st.text(max_size=200) | st.binary(max_size=200))
def test_no_message_breaks_the_reader(text: str | bytes) -> None:
    for parse in (cast(Callable[[str | bytes], object], snake.parse), frames.parse):
        try:
            parse(text)
        except frames.BadFrame:
            continue


# --- recordings


def test_a_recording_in_telnyx_file_store_is_fetched_without_our_credentials() -> None:
    world = World()
    telnyx = account("telnyx", world)
    url = "https://s3.amazonaws.com/telephony-recorder/a/b.mp3?X-Amz-Signature=abc"
    webhook = handler(telnyx, "/recording")
    body = form(
        "telnyx",
        RecordingSid="e9cea0be-7dbd",
        RecordingUrl=url,
        RecordingStatus="completed",
        RecordingDuration="9",
    )
    raw = signed("telnyx", body, world, "/recording")
    webhook.verify(raw)
    (message,) = webhook.parse(raw)
    assert isinstance(message, InboundMessage)
    assert message.media[0].url == url
    assert telnyx.media is not None
    assert telnyx.media.request_for(message.media[0]).headers == {}
