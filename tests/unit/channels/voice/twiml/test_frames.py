"""Messages of a media stream: exactly right, or refused in one way only."""

import contextlib
import json
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.voice.twiml import frames

START = {
    "event": "start",
    "sequenceNumber": "1",
    "streamSid": "MZ1",
    "start": {
        "accountSid": "AC1",
        "callSid": "CA1",
        "streamSid": "MZ1",
        "tracks": ["inbound"],
        "customParameters": {"ticket": "t"},
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
    },
}
MEDIA = {
    "event": "media",
    "sequenceNumber": "3",
    "streamSid": "MZ1",
    "media": {
        "track": "inbound",
        "chunk": "1",
        "timestamp": "5",
        "payload": b64encode(b"\xff" * 160).decode(),
    },
}


def test_the_documented_messages_are_understood() -> None:
    connected = '{"event":"connected","protocol":"Call","version":"1.0.0"}'
    assert isinstance(frames.parse(connected), frames.Connected)
    start = frames.parse(json.dumps(START))
    assert isinstance(start, frames.Start)
    assert start.start.custom_parameters == {"ticket": "t"}
    media = frames.parse(json.dumps(MEDIA))
    assert isinstance(media, frames.Media)
    assert media.media.payload == b"\xff" * 160
    digit = '{"event":"dtmf","streamSid":"MZ1","dtmf":{"track":"inbound_track","digit":"#"}}'
    key = frames.parse(digit)
    assert isinstance(key, frames.Dtmf)
    assert key.dtmf.digit == "#"
    mark = frames.parse('{"event":"mark","streamSid":"MZ1","mark":{"name":"p1"}}')
    assert isinstance(mark, frames.Mark)
    assert isinstance(frames.parse('{"event":"stop","stop":{"callSid":"CA1"}}'), frames.Stop)


def test_an_event_of_a_later_version_is_no_error() -> None:
    assert frames.parse('{"event":"emotion","emotion":{"mood":"angry"}}') is None


@pytest.mark.parametrize(
    "message",
    [
        b"\x00\x01",
        "",
        "null",
        "[]",
        "{}",
        '{"event":7}',
        '{"event":"media"}',
        '{"event":"media","media":{"chunk":"1","timestamp":"0","payload":"###"}}',
        '{"event":"media","media":{"chunk":"1","timestamp":"0","payload":""}}',
        '{"event":"media","media":{"chunk":"-1","timestamp":"0","payload":"/w=="}}',
        '{"event":"media","media":{"chunk":"9999999999999999","timestamp":"0","payload":"/w=="}}',
        '{"event":"dtmf","dtmf":{"digit":"12"}}',
        '{"event":"dtmf","dtmf":{"digit":"x"}}',
        '{"event":"start","start":{"callSid":"CA1"}}',
        '{"event":"mark","mark":{"name":""}}',
        "[" * 60_000,
        '{"event":"stop"}' + " " * frames.MESSAGE_LIMIT,
        '{"event":"\ud800"}',
    ],
)
def test_what_makes_no_sense_is_a_bad_frame(message: str | bytes) -> None:
    with pytest.raises(frames.BadFrame):
        frames.parse(message)


def test_an_oversized_payload_is_a_bad_frame() -> None:
    big = json.loads(json.dumps(MEDIA))
    big["media"]["payload"] = b64encode(bytes(17 * 1024)).decode()
    with pytest.raises(frames.BadFrame):
        frames.parse(json.dumps(big))


def test_a_bad_frame_quotes_nothing_of_the_message() -> None:
    with pytest.raises(frames.BadFrame) as caught:
        frames.parse('{"event":"media","media":"13800138000"}')
    assert "138" not in str(caught.value)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
_EVENTS = st.sampled_from(["connected", "start", "media", "dtmf", "mark", "stop", "new"])


@given(
    message=st.text()
    | st.binary()
    | _JSON.map(json.dumps)
    | st.builds(lambda event, detail: json.dumps({"event": event, event: detail}), _EVENTS, _JSON)
)
def test_parse_raises_bad_frame_and_nothing_else(message: str | bytes) -> None:
    try:
        found = frames.parse(message)
    except frames.BadFrame:
        return
    assert found is None or isinstance(
        found,
        frames.Connected | frames.Start | frames.Media | frames.Dtmf | frames.Mark | frames.Stop,
    )


@given(place=st.integers(0, 400), octet=st.integers(0, 255))
def test_a_flipped_byte_is_harmless(place: int, octet: int) -> None:
    raw = bytearray(json.dumps(START).encode())
    raw[place % len(raw)] = octet
    with contextlib.suppress(frames.BadFrame):
        frames.parse(raw.decode("utf-8", "surrogateescape"))


@given(octets=st.binary(min_size=1, max_size=2000))
def test_what_we_send_carries_the_octets(octets: bytes) -> None:
    sent = json.loads(frames.media("MZ1", octets))
    assert sent["event"] == "media"
    assert sent["streamSid"] == "MZ1"
    assert sent["media"]["payload"] == b64encode(octets).decode()


def test_marks_and_clear_are_sent_as_documented() -> None:
    assert json.loads(frames.mark("MZ1", "p1")) == {
        "event": "mark",
        "streamSid": "MZ1",
        "mark": {"name": "p1"},
    }
    assert json.loads(frames.clear("MZ1")) == {"event": "clear", "streamSid": "MZ1"}
