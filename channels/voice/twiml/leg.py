"""A call over a TwiML provider's media stream: audio in JSON, ordered, gapless and bounded here."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from channels.voice.leg import (
    BYTES_PER_MS,
    Audio,
    Call,
    Capability,
    Digit,
    Ended,
    EndedBy,
    LegEvent,
    MarkPlayed,
    Party,
)
from channels.voice.twiml import frames
from channels.voice.twiml.calls import Calls
from channels.voice.twiml.coding import Coding
from channels.voice.twiml.dialect import Dialect
from channels.voice.twiml.order import Order, Stretch
from gateway.channel import Socket
from gateway.channel.ports import Log
from gateway.domain.ids import Clock

IDLE_S = 10.0
"""Twilio sends a frame every 20 ms, silence too; so long without one means the call is gone."""

# One message holds half a second of audio: few messages, and none near anybody's limit.
_PLAYED_AT_ONCE_MS = 500
_SHORTEST_MS = 20
_LARGEST_GAP_MS = 2000
_WOBBLE_MS = 8
_BAD_FRAMES = 50
_KEYS = 1000


@dataclass(slots=True)
class _Counters:
    frames: int = 0
    bad: int = 0
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A media stream whose ``start`` message was accepted: how its audio and messages are written.

    ``window`` is how many frames are held back to put late ones in their place. ``goes_on`` tells
    whether the provider asks what to do once the stream is closed, ``both`` whether what the caller
    hears is listened to as well.
    """

    name: str
    dialect: Dialect
    coding: Coding
    window: int = 0
    goes_on: bool = True
    both: bool = False


class _Track:
    """One side of a stream."""

    def __init__(self, window: int) -> None:
        self.order = Order(window)
        self.heard_to_ms: int | None = None


class StreamLeg:
    """The ``CallLeg`` over one media stream."""

    def __init__(
        self,
        socket: Socket,
        call: Call,
        stream: Stream,
        *,
        calls: Calls,
        clock: Clock,
        log: Log,
        idle_s: float = IDLE_S,
    ) -> None:
        self._socket = socket
        self._call = call
        self._stream = stream
        self._tracks = {party: _Track(stream.window) for party in Party}
        self._calls = calls
        self._clock = clock
        self._log = log
        self._idle_s = idle_s
        self._deadline: float | None = None
        self._playing: dict[str, StreamPlayback] = {}
        self._played = 0
        self._left_by: EndedBy | None = None
        self._counters = _Counters()

    @property
    def call(self) -> Call:
        """Who called whom."""
        return self._call

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What a bidirectional media stream can do."""
        if self._stream.goes_on:
            return frozenset({Capability.CLEAR, Capability.HAND_BACK})
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
        for party, track in self._tracks.items():
            if pcm := self._joined(track, track.order.rest()):
                yield Audio(pcm=pcm, party=party)
        self._log.info(
            "media_ended",
            call=self._call.call_id,
            by=str(ended),
            frames=self._counters.frames,
            bad=self._counters.bad,
            late=sum(track.order.late for track in self._tracks.values()),
            gap_ms=self._counters.gap_ms,
            keys=self._counters.keys,
        )
        yield Ended(by=ended)

    async def play(self, pcm: bytes) -> StreamPlayback:
        """Hand audio over; the provider plays it behind what it is playing."""
        self._played += 1
        playback = StreamPlayback(self, f"p{self._played}")
        self._playing[playback.name] = playback
        name, dialect, coding = self._stream.name, self._stream.dialect, self._stream.coding
        octets = coding.encode(pcm)
        at_once = _PLAYED_AT_ONCE_MS * coding.octets_per_ms
        for start in range(0, len(octets), at_once):
            part = octets[start : start + at_once]
            # Some providers take no less than a frame.
            missing = _SHORTEST_MS * coding.octets_per_ms - len(part)
            part += coding.silence * (max(missing, 0) // len(coding.silence))
            await self._socket.send(dialect.media(name, part))
        await self._socket.send(dialect.mark(name, playback.name))
        return playback

    async def clear(self) -> None:
        """Take back everything; the provider answers with the marks, which then say nothing new."""
        for playback in self._playing.values():
            playback.done = True
        self._playing.clear()
        await self._socket.send(self._stream.dialect.clear(self._stream.name))

    async def hangup(self) -> None:
        """Close the stream; the provider then asks what to do, and is told to hang up."""
        self._left_by = EndedBy.GATEWAY
        self._calls.complete(self._call.call_id)
        await self._socket.close()

    async def connect(
        self, addresses: Sequence[str], *, timeout_s: float, announcement: bytes = b""
    ) -> None:
        """Nobody is reached over a media stream; see ``capabilities``."""

    async def disconnect(self) -> None:
        """Nobody is there."""

    async def hand_back(self, state: str) -> None:
        """Close the stream; the provider then asks what to do, and is told to go on from there."""
        self._left_by = EndedBy.HANDED_BACK
        self._calls.hand_back(self._call.call_id, state)
        await self._socket.close()

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
            return None, self._left_by or EndedBy.NETWORK
        return message, None

    async def _understood(self, message: str | bytes) -> AsyncIterator[LegEvent]:
        try:
            frame = self._stream.dialect.parse(message)
        except frames.BadFrame:
            self._counters.bad += 1
            if self._counters.bad > _BAD_FRAMES:
                self._log.warning("media_stream_senseless", call=self._call.call_id)
                yield Ended(by=EndedBy.PROTOCOL)
            return
        match frame:
            case frames.Media(media=detail) if (party := self._party(detail.track)) is not None:
                if pcm := self._in_order(detail, self._tracks[party]):
                    yield Audio(pcm=pcm, party=party)
            case frames.Dtmf(dtmf=detail):
                self._counters.keys += 1
                if self._counters.keys <= _KEYS:
                    yield Digit(key=detail.digit)
                elif self._counters.keys == _KEYS + 1:
                    self._log.warning("too_many_keys", call=self._call.call_id)
            case frames.Mark(mark=detail):
                if playback := self._playing.pop(detail.name, None):
                    playback.done = True
                yield MarkPlayed(playback_id=detail.name)
            case frames.Stop():
                yield Ended(by=self._left_by or EndedBy.CALLER)
            case _:
                pass

    def _party(self, track: str) -> Party | None:
        """Return whom a track carries: what comes in is the caller's, what goes out he hears."""
        if track.startswith("inbound"):
            return Party.CALLER
        return Party.AGENT if self._stream.both and track.startswith("outbound") else None

    def _in_order(self, detail: frames.MediaDetail, track: _Track) -> bytes:
        """Return the audio that continues what was heard, with silence for what was lost."""
        self._counters.frames += 1
        stretch = Stretch(int(detail.chunk), int(detail.timestamp), detail.payload)
        return self._joined(track, track.order.take(stretch))

    def _joined(self, track: _Track, stretches: Sequence[Stretch]) -> bytes:
        return b"".join(self._continued(track, one) for one in stretches)

    def _continued(self, track: _Track, stretch: Stretch) -> bytes:
        coding = self._stream.coding
        lost_ms = 0 if track.heard_to_ms is None else stretch.at_ms - track.heard_to_ms
        if lost_ms < _WOBBLE_MS or lost_ms > _LARGEST_GAP_MS:
            # Clocks wobble by some milliseconds, and an absurd time is no reason for much silence.
            lost_ms = 0
        self._counters.gap_ms += lost_ms
        track.heard_to_ms = stretch.at_ms + len(stretch.octets) // coding.octets_per_ms
        return bytes(lost_ms * BYTES_PER_MS) + coding.decode(stretch.octets)
