"""The far end of a stream that only listens: both tracks of a talk, 20 ms a frame at any speed."""

import asyncio
import json
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress

from aiohttp import ClientWebSocketResponse

from channels.voice.twiml.far_end import FRAME_MS, OCTETS_PER_MS

_SILENCE = b"\xff" * (FRAME_MS * OCTETS_PER_MS)
_PAUSE_MS = 1200
"""People leave each other so much time."""


class FarTalk:
    """One such stream, as Twilio holds it."""

    def __init__(self, socket: ClientWebSocketResponse, *, speed: float) -> None:
        self._socket = socket
        self._speed = speed
        self._stream_sid = ""
        self._ids: Mapping[str, str] = {}
        self._sequence = 0
        self._chunk = 0
        self.now_ms = 0

    async def begin(self, call: str, account: str, parameters: Mapping[str, str]) -> None:
        """Send what opens every stream."""
        self._stream_sid = "MY" + call[2:]
        self._ids = {"accountSid": account, "callSid": call}
        await self._raw({"event": "connected", "protocol": "Call", "version": "1.0.0"})
        await self._send(
            "start",
            **self._ids,
            streamSid=self._stream_sid,
            tracks=["inbound", "outbound"],
            mediaFormat={"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            customParameters=dict(parameters),
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
            for track, octets in (("inbound", inbound), ("outbound", outbound)):
                await self._media(track, octets[at : at + size].ljust(size, b"\xff"))
            self.now_ms += FRAME_MS
            spent_s = (self.now_ms - start_ms) / 1000 / self._speed
            await asyncio.sleep(began + spent_s - loop.time())

    async def stop(self) -> None:
        """End the stream, as the provider does when it is told to or the call is over."""
        await self._send("stop", **self._ids)
        await self._socket.close()

    async def _media(self, track: str, octets: bytes) -> None:
        await self._send(
            "media",
            track=track,
            chunk=str(self._chunk),
            timestamp=str(self.now_ms),
            payload=b64encode(octets).decode(),
        )

    async def _send(self, event: str, **detail: object) -> None:
        self._sequence += 1
        await self._raw(
            {
                "event": event,
                "sequenceNumber": str(self._sequence),
                "streamSid": self._stream_sid,
                event: detail,
            }
        )

    async def _raw(self, message: Mapping[str, object]) -> None:
        # A gateway that will not listen is no reason to part two people who are talking.
        if not self._socket.closed:
            with suppress(ConnectionError):
                await self._socket.send_str(json.dumps(message))
