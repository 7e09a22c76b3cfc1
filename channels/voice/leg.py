"""One end of a telephone call, whatever network carries it: events in, commands out.

A transport (``twiml`` now, a PBX later) hides codec, pacing, ordering and de-duplication behind
this seam. Audio is PCM, signed 16 bit, little-endian, mono, 8000 samples a second, and gapless:
the transport fills what the network lost with silence, so counting samples is counting time.
"""

from collections.abc import AsyncIterator
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
    HOLD = "hold"
    TRANSFER = "transfer"
    SERVER_VAD = "server_vad"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Who called whom. ``call_id`` is the network's id; ``caller`` is None when withheld.

    ``caller`` is E.164 or an address of another scheme (``sip:…``); ``dialled`` the number as the
    network gave it. ``began_at`` is when the network announced the call, if that is known: the same
    each time the call is told of.
    """

    call_id: str
    caller: str | None
    dialled: str
    began_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Audio:
    """What the caller's side sounded like next."""

    pcm: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Digit:
    """A key was pressed, told once for each press: ``0``-``9``, ``*``, ``#``, ``A``-``D``."""

    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkPlayed:
    """A playback reached its end, or was taken back; its ``Playback.done`` is true from now on."""

    playback_id: str


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The last event of a call."""

    by: EndedBy


LegEvent = Audio | Digit | MarkPlayed | Ended


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

    async def hangup(self) -> None:
        """End the call, because its conversation is complete."""

    def set_deadline(self, seconds: float) -> None:
        """End the call this many seconds from now, whatever happens; a later call replaces it."""
