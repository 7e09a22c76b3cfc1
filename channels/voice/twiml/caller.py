"""A caller at the far end of a media stream, in the call's own time: 20 ms a frame at any speed.

He listens until the gateway stops talking, says his piece, and stays on the line. The far end keeps
Twilio's promises: marks come back when the audio before them would have been heard, and ``clear``
empties what was not.
"""

import asyncio
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any, Literal, Protocol

from aiohttp import (
    ClientConnectionError,
    ClientSession,
    ClientTimeout,
    ClientWebSocketResponse,
    WSMsgType,
    WSServerHandshakeError,
)

from channels.voice import prompts
from channels.voice.config import VoiceSettings
from channels.voice.wav import read_wav
from gateway.channel import RawRequest
from gateway.channel.simulation import PlacedCall
from gateway.domain.errors import GatewayError
from gateway.domain.g711 import pcm_to_mulaw

FRAME_MS = 20
FASTEST = 50.0
_OCTETS_PER_MS = 8
_SILENCE = b"\xff" * (FRAME_MS * _OCTETS_PER_MS)
# A person draws breath before answering.
_REACTION_MS = 300
_LONGEST_MS = 20 * 60 * 1000
# Digits of one number follow each other within this time; two numbers are further apart.
_SAME_NUMBER_MS = 800


class CallRefused(GatewayError):
    """The gateway did not take the call."""


class Requests(Protocol):
    """The signed requests around a call."""

    def incoming(self, sender: str, *, call: str | None = None) -> RawRequest:
        """Return the question what to do with a new call."""

    def goes_on(self, call: str, sender: str) -> RawRequest:
        """Return the question what to do after the media stream."""

    def status(self, call: str, status: str, *, sender: str, seconds: int = 30) -> RawRequest:
        """Return the news that a call has reached a status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """How the gateway is reached: ``server`` is where it listens, ``public_url`` what is signed."""

    simulator: Requests
    settings: VoiceSettings
    public_url: str
    server: str
    speed: float


async def place_call(
    line: Line, pcm: bytes, *, sender: str, keys: str, hang_up_after_ms: int | None
) -> PlacedCall:
    """Hold one call from the first ring to the news of its end."""
    if not 0 < line.speed <= FASTEST:
        raise CallRefused(f"a call cannot go {line.speed} times faster than life", "use up to 50")
    timeout = ClientTimeout(total=None, sock_connect=5, sock_read=30)
    async with ClientSession(timeout=timeout) as web:
        try:
            return await _call(web, line, pcm, sender, keys, hang_up_after_ms)
        except (ClientConnectionError, WSServerHandshakeError, TimeoutError) as error:
            raise CallRefused(
                f"no gateway takes calls at {line.server} ({type(error).__name__})",
                "start it with hotline serve, or name its address with --url",
            ) from None


async def _call(
    web: ClientSession,
    line: Line,
    pcm: bytes,
    sender: str,
    keys: str,
    hang_up_after_ms: int | None,
) -> PlacedCall:
    question = line.simulator.incoming(sender)
    call = dict(_fields(question))["CallSid"]
    twiml = await _post(web, line, question)
    stream, parameters = _stream(twiml)
    place = line.public_url.replace("http", "ws", 1)
    address = line.server.replace("http", "ws", 1) + stream.removeprefix(place)
    async with web.ws_connect(address, max_msg_size=256 * 1024) as socket:
        end = _FarEnd(socket, pcm_to_mulaw(pcm), keys, hang_up_after_ms, line.speed)
        await end.begin(call, line.settings.account_sid, parameters)
        ended_by = await end.talk()
    afterwards: Literal["hangup", "record"] | None = None
    if ended_by != "caller":
        answer = await _post(web, line, line.simulator.goes_on(call, sender))
        afterwards = "record" if "<Record" in answer else "hangup"
    seconds = max(1, end.now_ms // 1000)
    await _post(web, line, line.simulator.status(call, "completed", sender=sender, seconds=seconds))
    heard = bytes(end.heard)
    return PlacedCall(
        call_id=call,
        ended_by=ended_by,
        numbers=tuple(_spelled(heard, line.settings.prompts or prompts.SHIPPED)),
        heard_ms=len(heard) // _OCTETS_PER_MS,
        heard=heard,
        marks=end.marks,
        duration_ms=end.now_ms,
        afterwards=afterwards,
    )


@dataclass(slots=True)
class _Playing:
    """What the gateway has sent and the caller has not heard yet."""

    until_ms: float = 0.0
    marks: list[tuple[float, str]] = field(default_factory=list)

    def due(self, now_ms: float) -> Iterator[str]:
        """Take the marks whose audio has been heard by now."""
        while self.marks and self.marks[0][0] <= now_ms:
            yield self.marks.pop(0)[1]


class _FarEnd:
    """One media stream as Twilio holds it."""

    def __init__(
        self,
        socket: ClientWebSocketResponse,
        speech: bytes,
        keys: str,
        hang_up_after_ms: int | None,
        speed: float,
    ) -> None:
        self._socket = socket
        self._speech = speech
        self._keys = list(keys)
        self._hang_up_after_ms = hang_up_after_ms
        self._speed = speed
        self._playing = _Playing()
        self._stream_sid = ""
        self._ids: Mapping[str, str] = {}
        self._sequence = 0
        self._chunk = 0
        self._spoken = 0
        self._spoke_at: int | None = None
        self.now_ms = 0
        self.marks = 0
        self.heard = bytearray()

    async def begin(self, call: str, account: str, parameters: Mapping[str, str]) -> None:
        """Send what opens every stream."""
        self._stream_sid = "MZ" + call[2:]
        self._ids = {"accountSid": account, "callSid": call}
        await self._raw({"event": "connected", "protocol": "Call", "version": "1.0.0"})
        await self._send(
            "start",
            **self._ids,
            streamSid=self._stream_sid,
            tracks=["inbound"],
            mediaFormat={"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            customParameters=dict(parameters),
        )

    async def talk(self) -> Literal["gateway", "caller", "limit"]:
        """Send a frame every 20 ms of the call until one side ends it."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        listening = asyncio.create_task(self._listen())
        try:
            while not listening.done():
                if self.now_ms >= _LONGEST_MS:
                    return "limit"
                if self._leaves():
                    await self._send("stop", **self._ids)
                    return "caller"
                await self._frame()
                await asyncio.sleep(began + self.now_ms / 1000 / self._speed - loop.time())
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
        await self._send(
            "media",
            track="inbound",
            chunk=str(self._chunk),
            timestamp=str(self.now_ms),
            payload=b64encode(octets).decode(),
        )
        self.now_ms += FRAME_MS
        if self._keys and self._spoke_at is not None and self._spoken >= len(self._speech):
            await self._send("dtmf", track="inbound_track", digit=self._keys.pop(0))
        for name in self._playing.due(self.now_ms):
            self.marks += 1
            await self._send("mark", name=name)

    def _next(self) -> bytes:
        quiet_ms = self.now_ms - self._playing.until_ms
        if self._spoke_at is None and self.marks and quiet_ms >= _REACTION_MS:
            self._spoke_at = self.now_ms
        if self._spoke_at is None:
            return _SILENCE
        octets = self._speech[self._spoken : self._spoken + len(_SILENCE)]
        self._spoken += len(octets)
        return octets.ljust(len(_SILENCE), b"\xff")

    async def _listen(self) -> None:
        async for received in self._socket:
            if received.type is not WSMsgType.TEXT:
                continue
            message: dict[str, Any] = json.loads(received.data)
            match message["event"]:
                case "media":
                    octets = b64decode(message["media"]["payload"])
                    self.heard += octets
                    start = max(self._playing.until_ms, self.now_ms)
                    self._playing.until_ms = start + len(octets) / _OCTETS_PER_MS
                case "mark":
                    due = max(self._playing.until_ms, self.now_ms)
                    self._playing.marks.append((due, message["mark"]["name"]))
                case "clear":
                    self._playing.until_ms = self.now_ms
                    self._playing.marks = [(0, name) for _, name in self._playing.marks]
                case _:
                    pass

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
        if not self._socket.closed:
            await self._socket.send_str(json.dumps(message))


async def _post(web: ClientSession, line: Line, raw: RawRequest) -> str:
    url = line.server + raw.url.removeprefix(line.public_url)
    async with web.post(url, data=raw.body, headers=dict(raw.headers)) as answer:
        text = await answer.text()
        if answer.status != 200:
            raise CallRefused(
                f"the gateway answered {answer.status} to the carrier",
                "let the simulator use the gateway's own configuration (account, auth_token, "
                "site.public_url)",
            )
        return text


def _fields(raw: RawRequest) -> Sequence[tuple[str, str]]:
    from urllib.parse import parse_qsl

    return parse_qsl(raw.body.decode())


def _stream(twiml: str) -> tuple[str, Mapping[str, str]]:
    stream = re.search(r'<Stream [^>]*url="([^"]+)"', twiml)
    if stream is None:
        raise CallRefused("the gateway did not offer a media stream", "look into its log")
    parameters = re.findall(r"<Parameter ([^>]*)>", twiml)
    named = (dict(re.findall(r'(\w+)="([^"]*)"', one)) for one in parameters)
    return unescape(stream[1]), {unescape(p["name"]): unescape(p["value"]) for p in named}


def _spelled(heard: bytes, folder: Path) -> list[str]:
    """Return the numbers that were read out, found by the very recordings they are read with."""
    found = max((_digits(heard, folder / name) for name in ("zh", "en")), key=len)
    numbers: list[str] = []
    last_end = -1
    for start, end, digit in found:
        if not numbers or start - last_end > _SAME_NUMBER_MS * _OCTETS_PER_MS:
            numbers.append("")
        numbers[-1] += digit
        last_end = end
    return numbers


def _digits(heard: bytes, folder: Path) -> list[tuple[int, int, str]]:
    found: list[tuple[int, int, str]] = []
    for digit in "0123456789":
        path = folder / f"digit_{digit}.wav"
        if not path.is_file():
            return []
        octets = pcm_to_mulaw(read_wav(path.read_bytes()))
        place = heard.find(octets)
        while place >= 0:
            found.append((place, place + len(octets), digit))
            place = heard.find(octets, place + 1)
    return sorted(found)
