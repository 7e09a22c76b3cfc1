"""The far end of a media stream, in the call's own time: 20 ms a frame at any speed.

The caller listens until the gateway stops talking, then does the next thing. The far end keeps
Twilio's promises: marks come back when the audio before them would have been heard, and ``clear``
empties what was not.
"""

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from aiohttp import ClientWebSocketResponse, WSMsgType

from channels.voice.twiml.far_wire import Wire
from channels.voice.twiml.profile import TWILIO, Profile

FRAME_MS = 20
OCTETS_PER_MS = 8
_SILENCE = b"\xff" * (FRAME_MS * OCTETS_PER_MS)
# A person draws breath before answering.
_REACTION_MS = 300
_LONGEST_MS = 20 * 60 * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Something a caller does: says these octets, then presses keys one after the other.

    One who ``leaves`` hangs up with the last octet, in the middle of what he had to say.
    """

    octets: bytes = b""
    keys: str = ""
    leaves: bool = False


class Acts(Protocol):
    """What a caller does, one thing after the other."""

    def next(self) -> Act | None:
        """Return the next thing; None to wait in silence. Raises ``Left`` to hang up."""


class Left(Exception):
    """The caller hangs up."""


@dataclass(slots=True)
class _Playing:
    """What the gateway has sent and the caller has not heard yet."""

    until_ms: float = 0.0
    marks: list[tuple[float, str]] = field(default_factory=list)

    def due(self, now_ms: float) -> Iterator[str]:
        """Take the marks whose audio has been heard by now."""
        while self.marks and self.marks[0][0] <= now_ms:
            yield self.marks.pop(0)[1]


class FarEnd:
    """One media stream as a provider holds it."""

    def __init__(
        self,
        socket: ClientWebSocketResponse,
        acts: Acts,
        *,
        speed: float,
        profile: Profile = TWILIO,
        hang_up_after_ms: int | None = None,
    ) -> None:
        """``hang_up_after_ms`` counts from the moment at which the caller first does something."""
        self._socket = socket
        self._wire = Wire(socket, profile)
        self._acts = acts
        self._hang_up_after_ms = hang_up_after_ms
        self._speed = speed
        self._act: Act | None = None
        self._keys: list[str] = []
        self._marks_before = 0
        self._playing = _Playing()
        self._chunk = 0
        self._spoken = 0
        self._spoke_at: int | None = None
        self.now_ms = 0
        self.marks = 0
        self.heard = bytearray()

    async def begin(self, call: str, account: str, parameters: Mapping[str, str]) -> None:
        """Send what opens every stream."""
        await self._wire.begin(
            "MZ" + call[2:], call, account, tracks=["inbound"], parameters=parameters
        )

    async def talk(self) -> Literal["gateway", "caller", "limit"]:
        """Send a frame every 20 ms of the call until one side ends it."""
        loop = asyncio.get_running_loop()
        began, start_ms = loop.time(), self.now_ms
        listening = asyncio.create_task(self._listen())
        try:
            while not listening.done():
                if self.now_ms >= _LONGEST_MS:
                    return "limit"
                if self._leaves():
                    raise Left
                await self._frame()
                spent_s = (self.now_ms - start_ms) / 1000
                await asyncio.sleep(began + spent_s / self._speed - loop.time())
        except Left:
            await self._wire.stop()
            return "caller"
        except ConnectionError:
            pass  # the gateway was quicker than our next frame
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
            await self._socket.close()
        return "gateway"

    def _leaves(self) -> bool:
        return (
            self._hang_up_after_ms is not None
            and self._spoke_at is not None
            and self.now_ms - self._spoke_at >= self._hang_up_after_ms
        )

    async def _frame(self) -> None:
        octets = self._next()
        self._chunk += 1
        await self._wire.media("inbound", self._chunk, self.now_ms, octets)
        self.now_ms += FRAME_MS
        self._go_on()
        if self._keys and self._spoken >= len(self._act.octets if self._act else b""):
            await self._wire.send("dtmf", track="inbound_track", digit=self._keys.pop(0))
        for name in self._playing.due(self.now_ms):
            self.marks += 1
            await self._wire.send("mark", name=name)

    def _go_on(self) -> None:
        """Begin the next thing once the last is done and the gateway has stopped talking."""
        if self._act is not None:
            if self._spoken < len(self._act.octets) or self._keys:
                return
            if self._act.leaves:
                raise Left
            if self._act.octets:
                # What was said into these words asks for nothing; only the next prompt does.
                self._marks_before = self.marks + len(self._playing.marks)
            self._act = None
        quiet_ms = self.now_ms - self._playing.until_ms
        if self.marks <= self._marks_before or quiet_ms < _REACTION_MS or self._playing.marks:
            return
        self._marks_before = self.marks
        act = self._acts.next()
        if act is not None:
            self._act, self._spoken, self._keys = act, 0, list(act.keys)
            if self._spoke_at is None:
                self._spoke_at = self.now_ms

    def _next(self) -> bytes:
        if self._act is None:
            return _SILENCE
        octets = self._act.octets[self._spoken : self._spoken + len(_SILENCE)]
        self._spoken += len(octets)
        return octets.ljust(len(_SILENCE), b"\xff")

    async def _listen(self) -> None:
        async for received in self._socket:
            if received.type is not WSMsgType.TEXT:
                continue
            message: dict[str, Any] = json.loads(received.data)
            match message["event"]:
                case "media":
                    octets = self._wire.played(message["media"]["payload"])
                    self.heard += octets
                    start = max(self._playing.until_ms, self.now_ms)
                    self._playing.until_ms = start + len(octets) / OCTETS_PER_MS
                case "mark":
                    due = max(self._playing.until_ms, self.now_ms)
                    self._playing.marks.append((due, message["mark"]["name"]))
                case "clear":
                    self._playing.until_ms = self.now_ms
                    self._playing.marks = [(0, name) for _, name in self._playing.marks]
                case _:
                    pass
