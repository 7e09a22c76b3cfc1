"""The messages of a media stream, as Twilio documents them, in and out.

Source: https://www.twilio.com/docs/voice/media-streams/websocket-messages. Fields may be added at
any time, so unknown ones are ignored; what is used must be exactly right. How Telnyx spells the
same is in ``snake.py``.
"""

from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

MESSAGE_LIMIT = 64 * 1024
"""Longest message accepted, in bytes; Twilio's own are under 400."""

_PAYLOAD_LIMIT = 16 * 1024
Count = Annotated[str, Meta(pattern=r"^[0-9]{1,15}$")]
Id = Annotated[str, Meta(min_length=1, max_length=200)]
Value = Annotated[str, Meta(max_length=2000)]
Payload = Annotated[bytes, Meta(min_length=1, max_length=_PAYLOAD_LIMIT)]
Parameters = Annotated[dict[Id, Value], Meta(max_length=50)]


T = TypeVar("T")


class BadFrame(Exception):
    """A message that makes no sense; the only thing ``parse`` raises. Quotes nothing of it."""


class _Frame(Struct, frozen=True, tag_field="event", rename="camel"):
    pass


class Connected(_Frame, frozen=True, tag="connected"):
    """The socket is open; always the first message."""

    protocol: Annotated[str, Meta(max_length=100)] = ""


class MediaFormat(Struct, frozen=True, rename="camel"):
    """What the media frames carry."""

    encoding: Annotated[str, Meta(max_length=100)]
    sample_rate: int
    channels: int


class StartDetail(Struct, frozen=True, rename="camel"):
    """Which call this stream belongs to, and the parameters of our own TwiML."""

    account_sid: Id
    call_sid: Id
    stream_sid: Id
    media_format: MediaFormat
    custom_parameters: Parameters = {}


class Start(_Frame, frozen=True, tag="start"):
    """Comes once, right after ``connected``."""

    start: StartDetail


class MediaDetail(Struct, frozen=True, rename="camel"):
    """One stretch of audio: its number (from 1), its place in milliseconds, its octets."""

    chunk: Count
    timestamp: Count
    payload: Payload
    track: Annotated[str, Meta(max_length=20)] = "inbound"


class Media(_Frame, frozen=True, tag="media"):
    """The caller's audio, normally every 20 ms."""

    media: MediaDetail


class DtmfDetail(Struct, frozen=True, rename="camel"):
    """The key."""

    digit: Literal["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "#", "A", "B", "C", "D"]


class Dtmf(_Frame, frozen=True, tag="dtmf"):
    """A key was pressed."""

    dtmf: DtmfDetail


class MarkDetail(Struct, frozen=True, rename="camel"):
    """The name we gave the mark."""

    name: Id


class Mark(_Frame, frozen=True, tag="mark"):
    """What we sent before this mark was played, or cleared."""

    mark: MarkDetail


class Stop(_Frame, frozen=True, tag="stop"):
    """The call is over, or left the stream."""


Frame = Connected | Start | Media | Dtmf | Mark | Stop

_DECODER: msgspec.json.Decoder[Frame] = msgspec.json.Decoder(Frame)
_KNOWN = frozenset({"connected", "start", "media", "dtmf", "mark", "stop"})


def parse(message: str | bytes) -> Frame | None:
    """Return the frame, or None for an event that later versions may add; raises ``BadFrame``."""
    return decoded(message, _DECODER)


def decoded(message: str | bytes, decoder: "msgspec.json.Decoder[T]") -> T | None:
    """Return what a decoder of frames makes of a message, as ``parse`` does."""
    if isinstance(message, bytes):
        raise BadFrame("a binary message")
    if len(message) > MESSAGE_LIMIT:
        raise BadFrame("a message that is too long")
    try:
        return decoder.decode(message)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        if _is_of_an_unknown_kind(message):
            return None
        raise BadFrame("a message that is no frame of a media stream") from None


def _is_of_an_unknown_kind(message: str) -> bool:
    try:
        return msgspec.json.decode(message, type=_Kind).event not in _KNOWN
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return False


class _Kind(Struct):
    event: str


class _OutMedia(Struct):
    payload: bytes


class _OutMark(Struct):
    name: str


class _Out(Struct, rename="camel", omit_defaults=True):
    event: str
    stream_sid: str
    media: _OutMedia | None = None
    mark: _OutMark | None = None


def media(stream_sid: str, octets: bytes) -> str:
    """Return the message that plays these octets."""
    return _sent(_Out("media", stream_sid, media=_OutMedia(octets)))


def mark(stream_sid: str, name: str) -> str:
    """Return the message that asks to be told when everything before it was played."""
    return _sent(_Out("mark", stream_sid, mark=_OutMark(name)))


def clear(stream_sid: str) -> str:
    """Return the message that takes back what was not played yet."""
    return _sent(_Out("clear", stream_sid))


def _sent(out: _Out) -> str:
    return msgspec.json.encode(out).decode()
