"""What a channel brings for trying it out: simulated citizens, and a provider's stand-in."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from gateway.channel.wire import RawRequest


@runtime_checkable
class SendsPhotos(Protocol):
    """A simulator of a channel that carries pictures."""

    def image(self, text: str, *, sender: str, message_id: str | None = None) -> RawRequest:
        """Return a signed, well-formed delivery of one picture with a text."""


@runtime_checkable
class FillsInForms(Protocol):
    """A simulator of a channel with a form for people."""

    def filled_in(self, text: str, *, sender: str) -> RawRequest:
        """Return the form with this text and a picture, as a browser sends it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedCall:
    """What the caller experienced.

    ``numbers`` are the numbers that were read out digit by digit, in order (receipt number,
    receipt number again, query code). ``heard_ms`` is how much the gateway said, ``duration_ms``
    how long the call was, both in the call's own time. ``afterwards`` is what the gateway answered
    when the carrier asked what to do next: ``hangup``, ``record``, or nothing when the caller left.
    """

    call_id: str
    ended_by: Literal["gateway", "caller", "limit"]
    numbers: tuple[str, ...] = ()
    heard_ms: int = 0
    heard: bytes = b""
    marks: int = 0
    duration_ms: int = 0
    afterwards: Literal["hangup", "record"] | None = None


@runtime_checkable
class PlacesCalls(Protocol):
    """A simulator of a channel that takes telephone calls."""

    async def place_call(
        self,
        pcm: bytes,
        *,
        sender: str,
        server: str,
        speed: float = 1.0,
        keys: str = "",
        hang_up_after_ms: int | None = None,
    ) -> PlacedCall:
        """Call the gateway that listens at ``server`` and say ``pcm`` once it stops talking.

        ``pcm``: signed 16 bit, little-endian, mono, 8000 Hz. ``speed`` is how many times faster
        than life the call goes. ``keys`` are pressed after the last word. The caller hangs up that
        long after beginning to speak, or stays until the gateway ends the call. Raises
        ``GatewayError`` when the gateway does not take the call.
        """


@runtime_checkable
class FollowsScripts(Protocol):
    """A simulator of telephone calls whose caller can follow a script."""

    async def follow_script(
        self, script: Sequence[str], *, sender: str, server: str, speed: float = 1.0
    ) -> PlacedCall:
        """Call the gateway at ``server``; a line for each time the caller is asked something.

        A line holds keys; ``wav FILE``, what is said where there is live audio; words, what is said
        where there is none; nothing, for silence; ``hangup``. Where somebody is rung it tells what
        becomes of it: ``finished``, ``busy``, ``no_answer`` or ``failed``. Raises ``GatewayError``
        when the gateway does not take the call, or a line cannot be done.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class SentToCitizen:
    """What a stand-in was asked to carry to a citizen (``to`` as the provider writes it)."""

    to: str
    text: str


class StandIn(Protocol):
    """Takes the place of one account's provider, so that nothing of a trial leaves the machine.

    ``shows`` says what people see at its address, None when there is nothing to see.
    """

    shows: str | None

    def serving(self, host: str, port: int) -> AbstractAsyncContextManager[str]:
        """Listen until left and yield the ``base_url`` that leads here; port 0 takes a free one.

        Raises ``OSError`` when the address cannot be used.
        """

    def sent(self) -> Sequence[SentToCitizen]:
        """Return what it was asked to carry so far, oldest first."""
