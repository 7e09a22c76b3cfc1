"""Asterisk's end of a media WebSocket, as ``chan_websocket`` behaves: frames and marks queue."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, web

CAP, XOFF, XON = 1000, 900, 800
START = {
    "event": "MEDIA_START", "connection_id": "c", "channel": "WebSocket/INCOMING/1",
    "channel_id": "m", "format": "slin", "optimal_frame_size": 320, "ptime": 20,
}  # fmt: skip


@dataclass(slots=True)
class MediaServer:
    """Takes audio into its queue; ``hear`` lets the caller hear some of it."""

    greeting: object = field(default_factory=lambda: dict(START))
    queue: list[bytes | str] = field(default_factory=list)
    heard: bytearray = field(default_factory=bytearray)
    longest: int = 0
    dropped: int = 0
    flushed: int = 0
    socket: web.WebSocketResponse | None = None
    full: bool = False

    @property
    def frames(self) -> int:
        """How many frames wait to be heard."""
        return sum(isinstance(one, bytes) for one in self.queue)

    async def converse(self, request: web.Request) -> web.WebSocketResponse:
        self.socket = socket = web.WebSocketResponse(protocols=("media",))
        await socket.prepare(request)
        await socket.send_str(json.dumps(self.greeting))
        async for message in socket:
            if message.type is WSMsgType.BINARY:
                await self._take(message.data)
            elif message.type is WSMsgType.TEXT:
                self._command(json.loads(message.data))
        return socket

    async def _take(self, content: bytes) -> None:
        if self.frames >= CAP:
            self.dropped += 1
            return
        whole = len(content) // 320 * 320
        self.queue += [content[place : place + 320] for place in range(0, whole, 320)]
        self.longest = max(self.longest, self.frames)
        if self.frames >= XOFF and not self.full:
            self.full = True
            await self.tell(event="MEDIA_XOFF")

    def _command(self, given: dict[str, str]) -> None:
        if given["command"] == "MARK_MEDIA":
            self.queue.append(given["correlation_id"])
        elif given["command"] == "FLUSH_MEDIA":
            self.queue.clear()
            self.flushed += 1

    async def hear(self, frames: int) -> None:
        """Let the caller hear so many frames, and everything that is no audio on the way."""
        while self.queue and (frames > 0 or isinstance(self.queue[0], str)):
            one = self.queue.pop(0)
            if isinstance(one, bytes):
                self.heard += one
                frames -= 1
            else:
                await self.tell(event="MEDIA_MARK_PROCESSED", correlation_id=one)
        if self.full and self.frames < XON:
            self.full = False
            await self.tell(event="MEDIA_XON")

    async def tell(self, **values: object) -> None:
        assert self.socket is not None
        await self.socket.send_str(json.dumps(values))


@asynccontextmanager
async def connected(server: MediaServer) -> AsyncIterator[ClientWebSocketResponse]:
    """A socket to such a server."""
    app = web.Application()
    app.router.add_get("/media", server.converse)
    runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    async with ClientSession() as http:
        yield await http.ws_connect(
            f"http://127.0.0.1:{port}/media", protocols=("media",), max_msg_size=64 * 1024
        )
    await runner.cleanup()
