"""Audio by WebSocket (``chan_websocket``): Asterisk keeps the time, and can take audio back.

Its queue holds 1000 frames and silently drops what comes then, so no more than ten seconds are on
their way at once: each two seconds end with a mark, and a mark that comes back makes room.
Source: Asterisk's ``channels/chan_websocket.c`` and its documentation of the control messages.
"""

import asyncio
from collections import deque

import msgspec
from aiohttp import ClientWebSocketResponse, WSMsgType
from msgspec import Struct

from channels.voice.asterisk.line import FRAME_BYTES, Hears, whole_frames
from gateway.channel.ports import Log

FORMAT = "slin"
_PART = 2 * 50 * FRAME_BYTES
_PARTS_AHEAD = 5
_BAD_MESSAGES = 50


class _Control(Struct, frozen=True):
    event: str
    correlation_id: str = ""
    digit: str = ""
    format: str = ""
    optimal_frame_size: int = 0
    error_text: str = ""


class WrongMedia(Exception):
    """The other end speaks another codec, or something else than this protocol."""


class WebSocketLine:
    """One connected media WebSocket."""

    def __init__(self, socket: ClientWebSocketResponse, owner: Hears, log: Log) -> None:
        self._socket = socket
        self._owner = owner
        self._log = log
        self._waiting: deque[tuple[bytes, str, str]] = deque()
        self._ahead: dict[str, str] = {}
        self._parts = 0
        self._full = False
        self._go = asyncio.Event()
        self._closed = False
        self._bad = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def begin(self) -> None:
        """Wait for the greeting and start; raises ``WrongMedia``."""
        message = await self._socket.receive(timeout=2)
        try:
            start = msgspec.json.decode(message.data, type=_Control)
        except (msgspec.DecodeError, TypeError):
            await self._socket.close()
            raise WrongMedia("no MEDIA_START") from None
        if (start.event, start.format, start.optimal_frame_size) != (
            "MEDIA_START",
            FORMAT,
            FRAME_BYTES,
        ):
            await self._socket.close()
            raise WrongMedia("audio in another coding")
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._talk())]

    def play(self, playback: str, pcm: bytes) -> None:
        """Queue audio; its last part carries the playback's name."""
        content = whole_frames(pcm)
        places = range(0, len(content), _PART) if content else (0,)
        for place in places:
            self._parts += 1
            last = place + _PART >= len(content)
            part = content[place : place + _PART]
            self._waiting.append((part, f"m{self._parts}", playback if last else ""))
        self._go.set()

    def clear(self) -> None:
        """Flush Asterisk's queue, marks and all."""
        taken_back = [*self._ahead.values(), *(one[2] for one in self._waiting)]
        # An empty part would not be a frame: here it means "flush", ahead of all that comes later.
        self._waiting.clear()
        self._ahead.clear()
        self._waiting.append((b"", "", ""))
        self._go.set()
        for playback in taken_back:
            if playback:
                self._owner.played(playback)

    def close(self) -> None:
        """Close the socket; Asterisk then hangs the media channel up."""
        if self._closed:
            return
        self._closed = True
        for task in self._tasks:
            task.cancel()
        self._tasks = [asyncio.create_task(self._say_goodbye())]

    async def closed(self) -> None:
        """Wait until nothing of it runs any more."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _say_goodbye(self) -> None:
        await self._socket.close()

    async def _listen(self) -> None:
        owner, socket = self._owner, self._socket
        binary = WSMsgType.BINARY
        # Not `async for`: its timeout handling costs as much as the frame.
        while True:
            message = await socket.receive()
            if message.type is binary:
                pcm: bytes = message.data
                if len(pcm) & 1:
                    self._note_bad()
                else:
                    owner.heard(pcm)
            elif message.type is WSMsgType.TEXT:
                self._control(message.data)
            else:
                break
            if self._bad > _BAD_MESSAGES:
                self._log.warning("media_line_refused", why="too many senseless messages")
                await socket.close()
                break
        if not self._closed:
            self._closed = True
            self._tasks[-1].cancel()  # nobody is there to talk to
            self._owner.line_lost()

    def _control(self, content: str) -> None:
        try:
            news = msgspec.json.decode(content, type=_Control)
        except msgspec.DecodeError:
            self._note_bad()
            return
        match news.event:
            case "MEDIA_MARK_PROCESSED":
                playback = self._ahead.pop(news.correlation_id, None)
                self._go.set()
                if playback:
                    self._owner.played(playback)
            case "DTMF_END":
                self._owner.pressed(news.digit)
            case "MEDIA_XOFF":
                self._full = True
            case "MEDIA_XON":
                self._full = False
                self._go.set()
            case "ERROR":
                self._log.warning("media_line_error", why=news.error_text[:100])
            case _:
                pass

    def _note_bad(self) -> None:
        self._bad += 1

    async def _talk(self) -> None:
        try:
            while True:
                await self._go.wait()
                self._go.clear()
                while self._waiting and self._may_send():
                    part, mark, playback = self._waiting.popleft()
                    if not mark:
                        await self._socket.send_str('{"command":"FLUSH_MEDIA"}')
                        self._full = False
                        continue
                    self._ahead[mark] = playback
                    if part:
                        await self._socket.send_bytes(part)
                    await self._socket.send_str(
                        f'{{"command":"MARK_MEDIA","correlation_id":"{mark}"}}'
                    )
        except ConnectionError:
            return  # the reader sees it too, and tells

    def _may_send(self) -> bool:
        flush = not self._waiting[0][1]
        return flush or (len(self._ahead) < _PARTS_AHEAD and not self._full)
