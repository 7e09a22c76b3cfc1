"""While a provider joins a caller with a person: a stream of both voices, which we only listen to.

It has a ticket and a door of its own. The ticket is good for one stream of one talk of one call;
what comes through the door is never spoken to.
"""

import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
from cryptography.fernet import Fernet, InvalidToken

from channels.voice.config import VoiceSettings
from channels.voice.leg import Call
from channels.voice.telephone import Telephone
from channels.voice.twiml import frames
from channels.voice.twiml.answers import ticket_of
from channels.voice.twiml.calls import Calls
from channels.voice.twiml.dialect import DIALECTS
from channels.voice.twiml.leg import Stream, StreamLeg
from channels.voice.twiml.opening import TRY_LATER, Refused, coding_of, opened
from channels.voice.twiml.profile import PROFILES
from channels.voice.twiml.ticket import BadTicket
from gateway.channel import Ports, RawRequest, Socket

TALK_TTL_S = 180
"""So long a provider may play what comes before the ringing; the stream begins with that."""


class Talk(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One talk: ``name`` tells it from all others, ``at_ms`` is when in the call it begins."""

    name: str
    call_id: str
    caller: str | None
    dialled: str
    began: int
    at_ms: int
    language: str

    @property
    def call(self) -> Call:
        """Who called whom."""
        return Call(
            call_id=self.call_id,
            caller=self.caller,
            dialled=self.dialled,
            began_at=datetime.fromtimestamp(self.began, UTC),
        )


class TalkTickets:
    """Seals and opens the tickets of one account; ``site_key`` is ``Site.key``."""

    def __init__(self, site_key: bytes, account: str) -> None:
        key = hmac.digest(site_key, b"voice talk:" + account.encode(), "sha256")
        self._seal = Fernet(urlsafe_b64encode(key))

    def seal(self, talk: Talk, now: datetime) -> str:
        """Return a ticket: at most 500 of ``A-Za-z0-9_-``."""
        note = msgspec.msgpack.encode(talk)
        return self._seal.encrypt_at_time(note, int(now.timestamp())).decode().rstrip("=")

    def open(self, ticket: str, now: datetime) -> Talk:
        """Return the talk of a ticket that is fresh; raises ``BadTicket``."""
        try:
            sealed = ticket.encode("ascii") + b"=" * (-len(ticket) % 4)
            note = self._seal.decrypt_at_time(sealed, TALK_TTL_S, int(now.timestamp()))
            return msgspec.msgpack.decode(note, type=Talk)
        except (InvalidToken, UnicodeEncodeError, msgspec.MsgspecError):
            raise BadTicket("a ticket that does not fit") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class TalkSocket:
    """Listens to the talks of one account."""

    settings: VoiceSettings
    ports: Ports
    telephone: Telephone
    tickets: TalkTickets
    calls: Calls

    def verify(self, raw: RawRequest) -> None:
        """Let the upgrade pass: what proves a stream is the ticket in its first message."""

    async def converse(self, socket: Socket, raw: RawRequest) -> None:
        """Listen to one talk; a stream that proves nothing is closed."""
        try:
            start, talk = await self._announced(socket)
            leg = self._leg(socket, start, talk)
        except Refused as refused:
            self.ports.log.warning("talk_stream_refused", why=refused.why)
            await socket.close(refused.code)
            return
        try:
            heard = await self.telephone.overhearing(
                leg, name=talk.name, language=talk.language, at_ms=talk.at_ms
            ).run()
            if not heard:
                self.ports.log.warning("talk_stream_refused", why="this talk was heard before")
        finally:
            await socket.close()

    async def drain(self) -> None:
        """Let talks under way end, as calls may; what was said until then is kept."""
        await self.telephone.drain()

    async def _announced(self, socket: Socket) -> tuple[frames.StartDetail, Talk]:
        profile = PROFILES[self.settings.profile]
        start = await opened(socket, profile)
        try:
            talk = self.tickets.open(ticket_of(start.custom_parameters), self.ports.clock.now())
        except BadTicket:
            raise Refused("no valid ticket") from None
        if start.call_sid != talk.call_id or start.account_sid != self.settings.account_sid:
            raise Refused("the ticket of another call")
        coding_of(start, profile)
        if self.telephone.full:
            raise Refused("too many calls", TRY_LATER)
        if not self.calls.overhear(talk.name):
            raise Refused("a stream of this talk was here before")
        return start, talk

    def _leg(self, socket: Socket, start: frames.StartDetail, talk: Talk) -> StreamLeg:
        profile = PROFILES[self.settings.profile]
        return StreamLeg(
            socket,
            talk.call,
            Stream(
                name=start.stream_sid,
                dialect=DIALECTS[profile.case],
                coding=coding_of(start, profile),
                window=profile.window,
                both=True,
            ),
            calls=self.calls,
            clock=self.ports.clock,
            log=self.ports.log,
        )
