"""A call over a TwiML provider's media stream: µ-law in JSON, ordered, gapless and bounded here."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from channels.voice.leg import (
    SAMPLE_RATE,
    Audio,
    Call,
    Capability,
    Digit,
    Ended,
    EndedBy,
    LegEvent,
    MarkPlayed,
)
from channels.voice.twiml import frames
from channels.voice.twiml.calls import Calls
from gateway.channel import Socket
from gateway.channel.ports import Log
from gateway.domain.g711 import mulaw_to_pcm, pcm_to_mulaw
from gateway.domain.ids import Clock

IDLE_S = 10.0
"""Twilio sends a frame every 20 ms, silence too; so long without one means the call is gone."""

_OCTETS_PER_MS = SAMPLE_RATE // 1000
# One message holds a second of audio: few messages, and none near anybody's limit.
_PLAYED_AT_ONCE = SAMPLE_RATE
_LARGEST_GAP_MS = 2000
_BAD_FRAMES = 50
_KEYS = 1000


@dataclass(slots=True)
class _Counters:
    frames: int = 0
    bad: int = 0
    late: int = 0
    gap_ms: int = 0
    keys: int = 0


class StreamPlayback:
    """Audio handed to the provider, which tells by a mark when the caller has heard it."""

    def __init__(self, leg: "StreamLeg", name: str) -> None:
        self._leg = leg
        self.name = name
        self.done = False

    async def cancel(self) -> None:
        """Take back what was not heard; the stream can only take back everything at once."""
        if not self.done:
            await self._leg.clear()


class StreamLeg:
    """The ``CallLeg`` over one media stream whose ``start`` message was accepted."""

    def __init__(
        self,
        socket: Socket,
        call: Call,
        stream_sid: str,
        *,
        calls: Calls,
        clock: Clock,
        log: Log,
        idle_s: float = IDLE_S,
    ) -> None:
        self._socket = socket
        self._call = call
        self._stream_sid = stream_sid
        self._calls = calls
        self._clock = clock
        self._log = log
        self._idle_s = idle_s
        self._deadline: float | None = None
        self._playing: dict[str, StreamPlayback] = {}
        self._played = 0
        self._hung_up = False
        self._last_chunk = 0
        self._heard_to_ms: int | None = None
        self._counters = _Counters()

    @property
    def call(self) -> Call:
        """Who called whom."""
        return self._call

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What a bidirectional media stream can do."""
        return frozenset({Capability.CLEAR})

    async def events(self) -> AsyncIterator[LegEvent]:
        """Yield what happens until ``Ended``."""
        ended = None
        while ended is None:
            message, ended = await self._next()
            if ended is None and message is not None:
                async for event in self._understood(message):
                    if isinstance(event, Ended):
                        ended = event.by
                        break
                    yield event
        self._log.info(
            "media_ended",
            call=self._call.call_id,
            by=str(ended),
            frames=self._counters.frames,
            bad=self._counters.bad,
            late=self._counters.late,
            gap_ms=self._counters.gap_ms,
            keys=self._counters.keys,
        )
        yield Ended(by=ended)

    async def play(self, pcm: bytes) -> StreamPlayback:
        """Hand audio over; the provider plays it behind what it is playing."""
        self._played += 1
        playback = StreamPlayback(self, f"p{self._played}")
        self._playing[playback.name] = playback
        octets = pcm_to_mulaw(pcm)
        for start in range(0, len(octets), _PLAYED_AT_ONCE):
            part = octets[start : start + _PLAYED_AT_ONCE]
            await self._socket.send(frames.media(self._stream_sid, part))
        await self._socket.send(frames.mark(self._stream_sid, playback.name))
        return playback

    async def clear(self) -> None:
        """Take back everything; the provider answers with the marks, which then say nothing new."""
        for playback in self._playing.values():
            playback.done = True
        self._playing.clear()
        await self._socket.send(frames.clear(self._stream_sid))

    async def hangup(self) -> None:
        """Close the stream; the provider then asks what to do, and is told to hang up."""
        self._hung_up = True
        self._calls.complete(self._call.call_id)
        await self._socket.close()

    async def connect(
        self, addresses: Sequence[str], *, timeout_s: float, announcement: bytes = b""
    ) -> None:
        """Nobody is reached over a media stream; see ``capabilities``."""

    async def disconnect(self) -> None:
        """Nobody is there."""

    async def hand_back(self, state: str) -> None:
        """Not offered; see ``capabilities``."""

    def set_deadline(self, seconds: float) -> None:
        """End the call this long from now."""
        self._deadline = self._clock.monotonic() + seconds

    async def _next(self) -> tuple[str | bytes | None, EndedBy | None]:
        patience = self._idle_s
        if self._deadline is not None:
            patience = min(patience, self._deadline - self._clock.monotonic())
            if patience <= 0:
                return None, EndedBy.LIMIT
        try:
            async with asyncio.timeout(patience):
                message = await self._socket.receive()
        except TimeoutError:
            late = self._deadline is not None and self._clock.monotonic() >= self._deadline
            return None, EndedBy.LIMIT if late else EndedBy.NETWORK
        if message is None:
            return None, EndedBy.GATEWAY if self._hung_up else EndedBy.NETWORK
        return message, None

    async def _understood(self, message: str | bytes) -> AsyncIterator[LegEvent]:
        try:
            frame = frames.parse(message)
        except frames.BadFrame:
            self._counters.bad += 1
            if self._counters.bad > _BAD_FRAMES:
                yield Ended(by=EndedBy.PROTOCOL)
            return
        match frame:
            case frames.Media(media=detail) if detail.track.startswith("inbound"):
                if pcm := self._in_order(detail):
                    yield Audio(pcm=pcm)
            case frames.Dtmf(dtmf=detail):
                self._counters.keys += 1
                if self._counters.keys <= _KEYS:
                    yield Digit(key=detail.digit)
            case frames.Mark(mark=detail):
                if playback := self._playing.pop(detail.name, None):
                    playback.done = True
                yield MarkPlayed(playback_id=detail.name)
            case frames.Stop():
                yield Ended(by=EndedBy.GATEWAY if self._hung_up else EndedBy.CALLER)
            case _:
                pass

    def _in_order(self, detail: frames.MediaDetail) -> bytes:
        """Return the audio that continues what was heard, with silence for what was lost."""
        self._counters.frames += 1
        chunk, at_ms = int(detail.chunk), int(detail.timestamp)
        if chunk <= self._last_chunk:
            self._counters.late += 1
            return b""
        self._last_chunk = chunk
        lost_ms = 0 if self._heard_to_ms is None else at_ms - self._heard_to_ms
        if lost_ms < _OCTETS_PER_MS or lost_ms > _LARGEST_GAP_MS:
            # Clocks wobble by some milliseconds, and an absurd time is no reason for much silence.
            lost_ms = 0
        self._counters.gap_ms += lost_ms
        self._heard_to_ms = at_ms + len(detail.payload) // _OCTETS_PER_MS
        return bytes(lost_ms * _OCTETS_PER_MS * 2) + mulaw_to_pcm(detail.payload)
