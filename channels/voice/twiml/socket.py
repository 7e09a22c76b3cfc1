"""The media socket: nobody is listened to before the stream has shown a ticket of ours."""

import asyncio
from dataclasses import dataclass

from channels.voice.config import VoiceSettings
from channels.voice.leg import SAMPLE_RATE, Call
from channels.voice.prompts import Prompts
from channels.voice.session import CallSession, Rules
from channels.voice.twiml import frames
from channels.voice.twiml.answers import PARAMETER
from channels.voice.twiml.calls import Admission, Calls
from channels.voice.twiml.leg import StreamLeg
from channels.voice.twiml.profile import PROFILES
from channels.voice.twiml.ticket import BadTicket, Tickets
from gateway.channel import Ports, RawRequest, Socket

START_WITHIN_S = 5.0
_MESSAGES_BEFORE_START = 3
# Prompts, the reminder and the receipt number take their time beside the statement.
_BESIDE_THE_STATEMENT_S = 300.0

_REFUSED = 1008  # RFC 6455: policy violation
_TRY_LATER = 1013


class _Refused(Exception):
    """A stream we do not take; ``why`` goes to the log, ``code`` to the other side."""

    def __init__(self, why: str, code: int = _REFUSED) -> None:
        super().__init__(why)
        self.why = why
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaSocket:
    """Turns each media stream of one account into a conversation."""

    settings: VoiceSettings
    ports: Ports
    prompts: Prompts
    language: str
    rules: Rules
    tickets: Tickets
    calls: Calls

    def verify(self, raw: RawRequest) -> None:
        """Let the upgrade pass: what proves a stream is the ticket in its first message.

        The provider's signature of an upgrade covers no call, so it could be played back.
        """

    async def converse(self, socket: Socket, raw: RawRequest) -> None:
        """Hold the conversation of one call; a stream that proves nothing is closed."""
        try:
            start, call = await self._announced(socket)
        except _Refused as refused:
            self.ports.log.warning("media_stream_refused", why=refused.why)
            await socket.close(refused.code)
            return
        try:
            await self._hold(socket, start, call)
        finally:
            self.calls.leave()
            await socket.close()

    async def _announced(self, socket: Socket) -> tuple[frames.StartDetail, Call]:
        try:
            async with asyncio.timeout(START_WITHIN_S):
                start = await self._start(socket)
        except TimeoutError:
            raise _Refused("no start message in time") from None
        try:
            call = self.tickets.open(
                start.custom_parameters.get(PARAMETER, ""), self.ports.clock.now()
            )
        except BadTicket:
            raise _Refused("no valid ticket") from None
        if start.call_sid != call.call_id or start.account_sid != self.settings.account_sid:
            raise _Refused("the ticket of another call")
        wanted = (PROFILES[self.settings.profile].encoding, SAMPLE_RATE, 1)
        given = start.media_format
        if (given.encoding, given.sample_rate, given.channels) != wanted:
            raise _Refused("audio in another coding")
        match self.calls.admit(call.call_id):
            case Admission.REPLAYED:
                raise _Refused("a stream of this call was here before")
            case Admission.FULL:
                raise _Refused("too many calls", _TRY_LATER)
            case Admission.TAKEN:
                return start, call

    async def _start(self, socket: Socket) -> frames.StartDetail:
        for _ in range(_MESSAGES_BEFORE_START):
            message = await socket.receive()
            if message is None:
                raise _Refused("gone before it began")
            try:
                frame = frames.parse(message)
            except frames.BadFrame as bad:
                raise _Refused(str(bad)) from None
            if isinstance(frame, frames.Start):
                return frame.start
        raise _Refused("no start message")

    async def _hold(self, socket: Socket, start: frames.StartDetail, call: Call) -> None:
        leg = StreamLeg(
            socket,
            call,
            start.stream_sid,
            calls=self.calls,
            clock=self.ports.clock,
            log=self.ports.log,
        )
        leg.set_deadline(self.rules.statement_s + _BESIDE_THE_STATEMENT_S)
        session = CallSession(
            leg, ports=self.ports, prompts=self.prompts, language=self.language, rules=self.rules
        )
        try:
            if not await session.run():
                self.ports.log.warning("media_stream_refused", why="this call was taken before")
                return
        finally:
            if not session.end_stored:
                self.calls.forget(call.call_id)
