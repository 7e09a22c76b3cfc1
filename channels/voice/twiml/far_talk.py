"""The far end of a stream that only listens: both tracks of a talk, 20 ms a frame at any speed."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from aiohttp import ClientWebSocketResponse

from channels.voice.twiml.far_end import FRAME_MS, OCTETS_PER_MS
from channels.voice.twiml.far_wire import Wire
from channels.voice.twiml.profile import TWILIO, Profile

_SILENCE = b"\xff" * (FRAME_MS * OCTETS_PER_MS)
_PAUSE_MS = 1200
"""People leave each other so much time."""


class FarTalk:
    """One such stream, as a provider holds it."""

    def __init__(
        self, socket: ClientWebSocketResponse, *, speed: float, profile: Profile = TWILIO
    ) -> None:
        self._socket = socket
        self._wire = Wire(socket, profile)
        self._speed = speed
        self._chunk = 0
        self.now_ms = 0

    async def begin(self, call: str, account: str, parameters: Mapping[str, str]) -> None:
        """Send what opens every stream."""
        await self._wire.begin(
            "MY" + call[2:],
            call,
            account,
            tracks=["inbound", "outbound"],
            parameters=parameters,
        )

    async def talk(self, caller: bytes, person: bytes) -> None:
        """Let the caller say something, then the person; both wait a moment, before and after."""
        pause = b"\xff" * (_PAUSE_MS * OCTETS_PER_MS)
        quiet = b"\xff" * len(caller)
        inbound = pause + caller + pause + b"\xff" * len(person) + pause
        outbound = pause + quiet + pause + person + pause
        loop = asyncio.get_running_loop()
        began, start_ms, size = loop.time(), self.now_ms, len(_SILENCE)
        for at in range(0, len(inbound), size):
            self._chunk += 1
            # A gateway that will not listen is no reason to part two people who are talking.
            with suppress(ConnectionError):
                for track, octets in (("inbound", inbound), ("outbound", outbound)):
                    frame = octets[at : at + size].ljust(size, b"\xff")
                    await self._wire.media(track, self._chunk, self.now_ms, frame)
            self.now_ms += FRAME_MS
            spent_s = (self.now_ms - start_ms) / 1000 / self._speed
            await asyncio.sleep(began + spent_s - loop.time())

    async def stop(self) -> None:
        """End the stream, as the provider does when it is told to or the call is over."""
        with suppress(ConnectionError):
            await self._wire.stop()
        await self._socket.close()
