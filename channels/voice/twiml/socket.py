"""The media socket: nobody is listened to before the stream has shown a ticket of ours."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from channels.voice.call.handover import Handover
from channels.voice.config import VoiceSettings
from channels.voice.ivr.steps import StaleState
from channels.voice.telephone import Telephone
from channels.voice.twiml import frames
from channels.voice.twiml.answers import ticket_of
from channels.voice.twiml.calls import Admission, Calls
from channels.voice.twiml.dialect import DIALECTS
from channels.voice.twiml.leg import Stream, StreamLeg
from channels.voice.twiml.opening import TRY_LATER, Refused, coding_of, opened
from channels.voice.twiml.passage import Passage, Passes
from channels.voice.twiml.profile import PROFILES
from channels.voice.twiml.ticket import STREAM_TTL_S, BadTicket
from gateway.channel import Ports, RawRequest, Socket

_LAST_QUESTIONS_S = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaSocket:
    """Turns each media stream of one account into a conversation."""

    settings: VoiceSettings
    ports: Ports
    telephone: Telephone
    passes: Passes
    calls: Calls

    def verify(self, raw: RawRequest) -> None:
        """Let the upgrade pass: what proves a stream is the ticket in its first message.

        The provider's signature of an upgrade covers no call, so it could be played back.
        """

    async def converse(self, socket: Socket, raw: RawRequest) -> None:
        """Hold the conversation of one call; a stream that proves nothing is closed."""
        try:
            start, passage = await self._announced(socket)
        except Refused as refused:
            self.ports.log.warning("media_stream_refused", why=refused.why)
            await socket.close(refused.code)
            return
        try:
            await self._hold(socket, start, passage)
        finally:
            await socket.close()

    async def drain(self) -> None:
        """Let calls under way end, with an apology if need be, and the provider's last questions.

        A call whose stream was closed is asked about within moments; then it is told to hang up.
        """
        held = len(self.telephone.admission) > 0
        await self.telephone.drain()
        if held:
            await asyncio.sleep(_LAST_QUESTIONS_S)

    async def _announced(self, socket: Socket) -> tuple[frames.StartDetail, Passage]:
        profile = PROFILES[self.settings.profile]
        start = await opened(socket, profile)
        try:
            passage, at = self.passes.open(ticket_of(start.custom_parameters))
        except BadTicket:
            raise Refused("no valid ticket") from None
        if self.ports.clock.now() - at > timedelta(seconds=STREAM_TTL_S):
            raise Refused("a ticket from long ago")
        if start.call_sid != passage.call_id or start.account_sid != self.settings.account_sid:
            raise Refused("the ticket of another call")
        coding_of(start, profile)
        if self.telephone.full:
            raise Refused("too many calls", TRY_LATER)
        if self.calls.admit(passage.call_id, passage.turn) is Admission.REPLAYED:
            raise Refused("a stream of this call was here before")
        return start, passage

    async def _hold(self, socket: Socket, start: frames.StartDetail, passage: Passage) -> None:
        profile, call = PROFILES[self.settings.profile], passage.call
        leg = StreamLeg(
            socket,
            call,
            Stream(
                name=start.stream_sid,
                dialect=DIALECTS[profile.case],
                coding=coding_of(start, profile),
                window=profile.window,
                goes_on=profile.goes_on,
            ),
            calls=self.calls,
            clock=self.ports.clock,
            log=self.ports.log,
        )
        session = self.telephone.session(leg, handover=_left(passage), result=passage.told)
        try:
            if not await session.run():
                self.ports.log.warning("media_stream_refused", why="this call was taken before")
                return
        finally:
            if not session.end_stored:
                self.calls.forget(call.call_id)


def _left(passage: Passage) -> Handover | None:
    """Return the state in which a call comes back to live audio, None for a new one."""
    if not passage.handover:
        return None
    try:
        return Handover.parse(passage.handover)
    except StaleState:
        return None
