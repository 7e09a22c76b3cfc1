"""One end of a telephone call, whatever network carries it: events in, commands out.

A transport (``asterisk``, ``twiml``) hides codec, pacing, keep-alive, ordering and de-duplication
behind this seam. Audio is PCM, signed 16 bit, little-endian, mono, 8000 samples a second, and
gapless: the transport fills what the network lost with silence, so counting samples is counting
time.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

SAMPLE_RATE = 8000
BYTES_PER_MS = SAMPLE_RATE * 2 // 1000


class Capability(StrEnum):
    """What a transport can do beyond carrying audio both ways."""

    CLEAR = "clear"
    """Audio already handed over can be taken back: a prompt stops at once."""
    CONNECT = "connect"
    """The leg itself connects the caller with a person, and goes on listening to both."""
    HAND_BACK = "hand_back"
    """The transport can take the flow over, without audio, from a state of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Who called whom. ``call_id`` is the network's id; ``caller`` is None when withheld.

    ``caller`` is E.164 or an address of another scheme (``sip:…``); ``dialled`` the number as the
    network gave it; ``diverted_from`` the old number whose calls are diverted to it, ``trunk`` the
    line it came in on, as far as the network says so. ``merged``: ``diverted_from`` is a number of
    the site's own. ``began_at`` is when the network announced the call, if that is known: the same
    each time the call is told of.
    """

    call_id: str
    caller: str | None
    dialled: str
    began_at: datetime | None = None
    diverted_from: str | None = None
    trunk: str | None = None
    merged: bool = False

    @property
    def entry(self) -> str:
        """The number the citizen meant to call: an old one of ours, else the one dialled."""
        return self.diverted_from if self.merged and self.diverted_from else self.dialled


class Party(StrEnum):
    """Who is on a call beside the gateway itself."""

    CALLER = "caller"
    AGENT = "agent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Audio:
    """What one party sounded like next; each party's audio is gapless by itself.

    An agent's audio begins with ``Connection(answered)`` and ends with the connection.
    """

    pcm: bytes
    party: Party = Party.CALLER


@dataclass(frozen=True, slots=True, kw_only=True)
class Digit:
    """A key was pressed, told once for each press: ``0``-``9``, ``*``, ``#``, ``A``-``D``."""

    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkPlayed:
    """A playback reached its end, or was taken back; its ``Playback.done`` is true from now on."""

    playback_id: str


class Connecting(StrEnum):
    """How far a connection with a person has come; a closed set, all but the first two final."""

    RINGING = "ringing"
    ANSWERED = "answered"
    FINISHED = "finished"
    """The person hung up; the caller is still here."""
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    FAILED = "failed"
    """There is no such number, or the line to it is down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """News of what ``connect`` began; ``address`` is who it is about."""

    state: Connecting
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaLost:
    """No audio arrives although the call is up; told once, ``MediaResumed`` follows if it heals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaResumed:
    """Audio arrives again."""


class EndedBy(StrEnum):
    """Who or what ended the call; a closed set."""

    CALLER = "caller"
    GATEWAY = "gateway"
    NETWORK = "network"
    """The media stopped without a farewell."""
    LIMIT = "limit"
    """The deadline passed."""
    PROTOCOL = "protocol"
    """The other side sent too much that makes no sense."""
    HANDED_BACK = "handed_back"
    """The transport goes on with the flow; this was not the end of the call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The last event of a call."""

    by: EndedBy


LegEvent = Audio | Digit | MarkPlayed | Connection | MediaLost | MediaResumed | Ended


class Playback(Protocol):
    """Audio on its way to the caller."""

    @property
    def done(self) -> bool:
        """Whether the caller has heard all of it, or it was taken back."""

    async def cancel(self) -> None:
        """Take back what the caller has not heard yet; harmless once it is done."""


class CallLeg(Protocol):
    """One answered call."""

    @property
    def call(self) -> Call:
        """Who called whom."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What this transport can do."""

    def events(self) -> AsyncIterator[LegEvent]:
        """Yield what happens until ``Ended``, which is always the last; to be iterated once."""

    async def play(self, pcm: bytes) -> Playback:
        """Queue audio behind what is playing; returns at once. Does nothing on an ended call."""

    async def clear(self) -> None:
        """Take back everything the caller has not heard yet."""

    async def connect(
        self, addresses: Sequence[str], *, timeout_s: float, announcement: bytes = b""
    ) -> None:
        """Ring people, all at once, until one answers; what comes of it is told by ``Connection``.

        Returns at once. The one who answers hears ``announcement`` before being joined with the
        caller; meanwhile the caller hears what is played, and nothing from then on. Only with
        ``Capability.CONNECT``. While a person is connected, ``Audio`` tells the parties apart.
        """

    async def disconnect(self) -> None:
        """Let the person go, or stop ringing; harmless when nobody is there."""

    async def hand_back(self, state: str) -> None:
        """Leave the audio and let the transport go on with the flow from ``state``.

        Only with ``Capability.HAND_BACK``; ``Ended(by=HANDED_BACK)`` follows.
        """

    async def hangup(self) -> None:
        """End the call, because its conversation is complete."""

    def set_deadline(self, seconds: float) -> None:
        """End the call this many seconds from now, whatever happens; a later call replaces it."""
