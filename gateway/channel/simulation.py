"""A simulated telephone call: how a channel's simulator places one, and what it brings back."""

from dataclasses import dataclass
from typing import Literal, Protocol


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
