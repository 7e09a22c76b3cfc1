"""Audio by AudioSocket (Asterisk 18 and newer): Asterisk connects to us, and we keep the time.

A frame is one byte of kind, two of length (big-endian) and the content. What was sent cannot be
taken back, so a frame goes out every 20 ms, silence too: Asterisk drops a line that is idle.
Source: Asterisk's ``res/res_audiosocket.c`` and its documentation of AudioSocket.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from time import monotonic
from uuid import UUID

from channels.voice.asterisk.line import FRAME_BYTES, Hears, whole_frames
from channels.voice.asterisk.pacing import TICK_S, Ticker
from gateway.channel.ports import Log

NAME_WITHIN_S = 3.0
_HEADER = 3
_LARGEST = 4096
_BAD_FRAMES = 50
_UNNAMED = 64
# After a stumble of this process so many frames go out at once; more would only add delay.
_CATCH_UP = 5
_SENT_AHEAD_LIMIT = 64 * 1024


class Kind(IntEnum):
    """The kinds of frames."""

    HANGUP = 0x00
    NAME = 0x01
    KEY = 0x03
    AUDIO = 0x10
    """Signed 16 bit, little-endian, 8000 a second; the kinds above it are faster."""
    ERROR = 0xFF


_SILENCE = bytes((Kind.AUDIO, FRAME_BYTES >> 8, FRAME_BYTES & 0xFF)) + bytes(FRAME_BYTES)
_AUDIO_HEADER = _SILENCE[:_HEADER]
_BYE = bytes((Kind.HANGUP, 0, 0))


class BadStream(Exception):
    """Something that is no AudioSocket, or in another codec."""


class Frames:
    """Cuts a stream of bytes into frames; raises ``BadStream`` at what cannot be one."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, content: bytes) -> list[tuple[int, bytes]]:
        """Return the frames that are complete now."""
        rest = self._rest
        rest += content
        found: list[tuple[int, bytes]] = []
        place, size = 0, len(rest)
        while size - place >= _HEADER:
            length = (rest[place + 1] << 8) | rest[place + 2]
            if length > _LARGEST:
                raise BadStream("a frame that is too long")
            end = place + _HEADER + length
            if end > size:
                break
            found.append((rest[place], bytes(rest[place + _HEADER : end])))
            place = end
        del rest[:place]
        return found


@dataclass(slots=True)
class _Playing:
    name: str
    pcm: bytes
    place: int = 0


@dataclass(slots=True, eq=False)
class AudioSocketLine:
    """One connection that has told its name."""

    transport: asyncio.Transport
    owner: Hears
    ticker: Ticker
    _queue: deque[_Playing] = field(default_factory=deque)
    _due: float = field(default_factory=monotonic)
    _closed: bool = False

    def __post_init__(self) -> None:
        """Send from now on."""
        self.ticker.add(self._tick)

    def play(self, playback: str, pcm: bytes) -> None:
        """Queue audio."""
        self._queue.append(_Playing(playback, whole_frames(pcm)))

    def clear(self) -> None:
        """Forget what was not sent yet."""
        taken_back, self._queue = self._queue, deque()
        for one in taken_back:
            self.owner.played(one.name)

    def close(self) -> None:
        """Say goodbye; Asterisk then hangs the media channel up."""
        if not self._closed:
            self._end()
            self.transport.write(_BYE)
            self.transport.close()

    def lost(self) -> None:
        """The connection is gone."""
        if not self._closed:
            self._end()
            self.owner.line_lost()

    def _end(self) -> None:
        self._closed = True
        self.ticker.remove(self._tick)

    def _tick(self, now: float) -> None:
        frames = int((now - self._due) / TICK_S) + 1
        if frames > _CATCH_UP:
            frames, self._due = _CATCH_UP, now - _CATCH_UP * TICK_S
        for _ in range(max(frames, 0)):
            self._due += TICK_S
            self._send()

    def _send(self) -> None:
        if self.transport.get_write_buffer_size() > _SENT_AHEAD_LIMIT:
            return  # nobody reads: what would be heard much later is not worth sending
        if not self._queue:
            self.transport.write(_SILENCE)
            return
        first = self._queue[0]
        if first.pcm:
            part = first.pcm[first.place : first.place + FRAME_BYTES]
            first.place += FRAME_BYTES
            self.transport.write(_AUDIO_HEADER + part)
        if first.place >= len(first.pcm):
            self._queue.popleft()
            self.owner.played(first.name)


class AudioSocketServer:
    """Takes the connections of lines that are waited for, and refuses all others."""

    def __init__(self, ticker: Ticker, log: Log) -> None:
        self._ticker = ticker
        self._log = log
        self._awaited: dict[UUID, tuple[Hears, asyncio.Future[AudioSocketLine]]] = {}
        self._connections: set[_Connection] = set()
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port. Raises ``OSError``."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), host, port)
        chosen: int = self._server.sockets[0].getsockname()[1]
        return chosen

    async def stop(self) -> None:
        """Listen no more, and let every connection go."""
        if self._server is not None:
            self._server.close()
            for connection in list(self._connections):
                connection.drop()
            await self._server.wait_closed()

    def expect(self, name: UUID, owner: Hears) -> "asyncio.Future[AudioSocketLine]":
        """Wait for the line of this name; cancel what is returned to wait no more."""
        line: asyncio.Future[AudioSocketLine] = asyncio.get_running_loop().create_future()
        self._awaited[name] = (owner, line)
        line.add_done_callback(lambda _: self._awaited.pop(name, None))
        return line

    def may_connect(self, connection: "_Connection") -> bool:
        """Count a connection; False when too many have not told their names."""
        if sum(1 for one in self._connections if one.line is None) >= _UNNAMED:
            self.refused("too many connections without a name")
            return False
        self._connections.add(connection)
        return True

    def gone(self, connection: "_Connection") -> None:
        """Forget a connection."""
        self._connections.discard(connection)

    def named(self, name: bytes, transport: asyncio.Transport) -> AudioSocketLine:
        """Return the line that this name belongs to; raises ``BadStream``."""
        if len(name) != 16:
            raise BadStream("a name that is no UUID")
        owner, line = self._awaited.get(UUID(bytes=name), (None, None))
        if owner is None or line is None or line.done():
            raise BadStream("the name of no call")
        connected = AudioSocketLine(transport, owner, self._ticker)
        line.set_result(connected)
        return connected

    def refused(self, why: str) -> None:
        """Log that a connection was not taken or not kept."""
        self._log.warning("media_line_refused", why=why)


class _Connection(asyncio.Protocol):
    """One TCP connection."""

    def __init__(self, server: AudioSocketServer) -> None:
        self._server = server
        self._frames = Frames()
        self._transport: asyncio.Transport | None = None
        self._too_late: asyncio.TimerHandle | None = None
        self._take: Callable[[bytes], None] | None = None
        self._bad = 0
        self.line: AudioSocketLine | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        if not self._server.may_connect(self):
            transport.abort()
            return
        loop = asyncio.get_running_loop()
        self._too_late = loop.call_later(NAME_WITHIN_S, self._refuse, "no name in time")

    def data_received(self, data: bytes) -> None:
        try:
            for kind, content in self._frames.feed(data):
                self._understand(kind, content)
        except BadStream as bad:
            self._refuse(str(bad))

    def connection_lost(self, error: Exception | None) -> None:
        if self._too_late is not None:
            self._too_late.cancel()
        self._server.gone(self)
        if self.line is not None:
            self.line.lost()

    def drop(self) -> None:
        """Let it go at once."""
        if self._transport is not None:
            self._transport.abort()

    def _understand(self, kind: int, content: bytes) -> None:
        if self.line is None:
            if kind != Kind.NAME or self._transport is None:
                raise BadStream("audio before a name")
            self.line = self._server.named(content, self._transport)
            self._take = self.line.owner.heard
            if self._too_late is not None:
                self._too_late.cancel()
        elif kind == Kind.AUDIO and self._take is not None and not len(content) & 1:
            self._take(content)
        elif kind == Kind.KEY and len(content) == 1 and content in b"0123456789*#ABCD":
            self.line.owner.pressed(content.decode())
        elif kind == Kind.HANGUP:
            self.drop()
        elif 0x11 <= kind <= 0x18:
            raise BadStream("audio in another coding")
        else:
            self._bad += 1
            if self._bad > _BAD_FRAMES:
                raise BadStream("too many senseless frames")

    def _refuse(self, why: str) -> None:
        self._server.refused(why)
        self.drop()
