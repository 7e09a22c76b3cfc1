"""The far end's messages in the spelling and the coding of one provider."""

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from aiohttp import ClientWebSocketResponse

from channels.voice.twiml.coding import ENCODINGS
from channels.voice.twiml.profile import Case, Profile
from gateway.domain.g711 import mulaw_to_pcm, pcm_to_mulaw

_SNAKE: Mapping[str, str] = MappingProxyType(
    {
        "streamSid": "stream_id",
        "sequenceNumber": "sequence_number",
        "accountSid": "user_id",
        "callSid": "call_control_id",
        "mediaFormat": "media_format",
        "sampleRate": "sample_rate",
        "customParameters": "custom_parameters",
    }
)


class Wire:
    """One stream; audio is µ-law on our side, whatever it is on the wire."""

    def __init__(self, socket: ClientWebSocketResponse, profile: Profile) -> None:
        self._socket = socket
        self._snake = profile.case is Case.SNAKE
        usual = {"audio/x-mulaw", "pcmu"} & profile.encodings
        self._encoding = min(usual or profile.encodings)
        self._coding = ENCODINGS[self._encoding]
        self._stream = ""
        self._ids: Mapping[str, str] = {}
        self._sequence = 0

    async def begin(
        self,
        stream: str,
        call: str,
        account: str,
        *,
        tracks: Sequence[str],
        parameters: Mapping[str, str],
    ) -> None:
        """Send what opens every stream."""
        self._stream = stream
        self._ids = {"accountSid": account, "callSid": call}
        await self._raw({"event": "connected", "protocol": "Call", "version": "1.0.0"})
        await self.send(
            "start",
            **self._ids,
            streamSid=stream,
            tracks=list(tracks),
            mediaFormat={"encoding": self._encoding, "sampleRate": 8000, "channels": 1},
            customParameters=dict(parameters),
        )

    async def media(self, track: str, chunk: int, at_ms: int, octets: bytes) -> None:
        """Send a frame of µ-law audio."""
        if self._encoding not in ("audio/x-mulaw", "pcmu"):
            octets = self._coding.encode(mulaw_to_pcm(octets))
        payload = b64encode(octets).decode()
        await self.send(
            "media", track=track, chunk=str(chunk), timestamp=str(at_ms), payload=payload
        )

    async def stop(self) -> None:
        """Send what ends every stream."""
        await self.send("stop", **self._ids)

    def played(self, payload: str) -> bytes:
        """Return the µ-law audio of a frame that the gateway plays."""
        octets = b64decode(payload)
        if self._encoding in ("audio/x-mulaw", "pcmu"):
            return octets
        return pcm_to_mulaw(self._coding.decode(octets))

    async def send(self, event: str, **detail: object) -> None:
        """Send any message of a stream."""
        self._sequence += 1
        await self._raw(
            {
                "event": event,
                "sequenceNumber": str(self._sequence),
                "streamSid": self._stream,
                event: detail,
            }
        )

    async def _raw(self, message: Mapping[str, object]) -> None:
        if not self._socket.closed:
            spelled = _spelled(message) if self._snake else message
            await self._socket.send_str(json.dumps(spelled))


def _spelled(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_SNAKE.get(name, name): _spelled(one) for name, one in value.items()}
    return value
