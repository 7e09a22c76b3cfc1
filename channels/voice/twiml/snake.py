"""The messages of a media stream as Telnyx spells them; inside they are what Twilio's are.

Source: https://developers.telnyx.com/api-reference/websockets/stream-call-media-over-websocket. A
stream is named outside ``start``, and numbers may come as numbers.
"""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from channels.voice.twiml import frames
from channels.voice.twiml.frames import Count, Id, Parameters, Payload

_Number = Count | Annotated[int, Meta(ge=0, lt=10**15)]


class _Frame(Struct, frozen=True, tag_field="event"):
    pass


class _Connected(_Frame, frozen=True, tag="connected"):
    pass


class _Format(Struct, frozen=True):
    encoding: Annotated[str, Meta(max_length=100)]
    sample_rate: int
    channels: int


class _StartDetail(Struct, frozen=True):
    user_id: Id
    call_control_id: Id
    media_format: _Format
    custom_parameters: Parameters = {}


class _Start(_Frame, frozen=True, tag="start"):
    stream_id: Id
    start: _StartDetail


class _MediaDetail(Struct, frozen=True):
    chunk: _Number
    timestamp: _Number
    payload: Payload
    track: Annotated[str, Meta(max_length=20)] = "inbound"


class _Media(_Frame, frozen=True, tag="media"):
    media: _MediaDetail


class _Dtmf(_Frame, frozen=True, tag="dtmf"):
    dtmf: frames.DtmfDetail


class _Mark(_Frame, frozen=True, tag="mark"):
    mark: frames.MarkDetail


class _Stop(_Frame, frozen=True, tag="stop"):
    pass


_Any = _Connected | _Start | _Media | _Dtmf | _Mark | _Stop
_DECODER: msgspec.json.Decoder[_Any] = msgspec.json.Decoder(_Any)


def parse(message: str | bytes) -> frames.Frame | None:
    """Return the frame, or None for an event that later versions may add; raises ``BadFrame``."""
    frame = frames.decoded(message, _DECODER)
    match frame:
        case None:
            return None
        case _Connected():
            return frames.Connected()
        case _Start(stream_id=stream, start=start):
            return frames.Start(_opened(stream, start))
        case _Media(media=media):
            return frames.Media(
                frames.MediaDetail(
                    str(media.chunk), str(media.timestamp), media.payload, media.track
                )
            )
        case _Dtmf(dtmf=detail):
            return frames.Dtmf(detail)
        case _Mark(mark=name):
            return frames.Mark(name)
        case _Stop():
            return frames.Stop()


def _opened(stream: str, start: _StartDetail) -> frames.StartDetail:
    coding = start.media_format
    return frames.StartDetail(
        account_sid=start.user_id,
        call_sid=start.call_control_id,
        stream_sid=stream,
        media_format=frames.MediaFormat(coding.encoding, coding.sample_rate, coding.channels),
        custom_parameters=start.custom_parameters,
    )


class _Played(Struct):
    payload: bytes


class _Named(Struct):
    name: str


class _Out(Struct, omit_defaults=True):
    event: str
    stream_id: str
    media: _Played | None = None
    mark: _Named | None = None


def media(stream_id: str, octets: bytes) -> str:
    """Return the message that plays these octets."""
    return msgspec.json.encode(_Out("media", stream_id, media=_Played(octets))).decode()


def mark(stream_id: str, name: str) -> str:
    """Return the message that asks to be told when everything before it was played."""
    return msgspec.json.encode(_Out("mark", stream_id, mark=_Named(name))).decode()


def clear(stream_id: str) -> str:
    """Return the message that takes back what was not played yet."""
    return msgspec.json.encode(_Out("clear", stream_id)).decode()
