"""How a media stream begins: a few messages, one of which says what the stream is and proves it."""

import asyncio

from channels.voice.leg import SAMPLE_RATE
from channels.voice.twiml import frames
from channels.voice.twiml.coding import ENCODINGS, Coding
from channels.voice.twiml.dialect import DIALECTS
from channels.voice.twiml.profile import Profile
from gateway.channel import Socket

START_WITHIN_S = 5.0
_MESSAGES_BEFORE_START = 3

REFUSED = 1008  # RFC 6455: policy violation
TRY_LATER = 1013


class Refused(Exception):
    """A stream we do not take; ``why`` goes to the log, ``code`` to the other side."""

    def __init__(self, why: str, code: int = REFUSED) -> None:
        super().__init__(why)
        self.why = why
        self.code = code


async def opened(socket: Socket, profile: Profile) -> frames.StartDetail:
    """Return what the stream says of itself; raises ``Refused``."""
    try:
        async with asyncio.timeout(START_WITHIN_S):
            return await _start(socket, profile)
    except TimeoutError:
        raise Refused("no start message in time") from None


async def _start(socket: Socket, profile: Profile) -> frames.StartDetail:
    parse = DIALECTS[profile.case].parse
    for _ in range(_MESSAGES_BEFORE_START):
        message = await socket.receive()
        if message is None:
            raise Refused("gone before it began")
        try:
            frame = parse(message)
        except frames.BadFrame as bad:
            raise Refused(str(bad)) from None
        if isinstance(frame, frames.Start):
            return frame.start
    raise Refused("no start message")


def coding_of(start: frames.StartDetail, profile: Profile) -> Coding:
    """Return how a stream's audio is written; raises ``Refused``."""
    given = start.media_format
    usual = given.encoding.lower() in profile.encodings
    if not usual or (given.sample_rate, given.channels) != (SAMPLE_RATE, 1):
        raise Refused("audio in another coding")
    return ENCODINGS[given.encoding.lower()]
