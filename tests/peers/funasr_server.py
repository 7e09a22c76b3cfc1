"""A FunASR server as its protocol document describes it; what it hears is scripted.

https://github.com/modelscope/FunASR/blob/main/runtime/docs/websocket_protocol.md
"""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web


@dataclass
class Heard:
    """What one connection brought."""

    first: dict[str, Any] = field(default_factory=dict)
    audio: bytearray = field(default_factory=bytearray)


@dataclass
class FunasrServer:
    """Answers every utterance with ``words``; ``fault`` makes it misbehave."""

    words: str = "井盖丢了"
    fault: str = ""
    url: str = ""
    connections: list[Heard] = field(default_factory=list)

    async def converse(self, request: web.Request) -> web.WebSocketResponse:
        """Hold one connection."""
        socket = web.WebSocketResponse(protocols=("binary",))
        await socket.prepare(request)
        heard = Heard()
        self.connections.append(heard)
        told = 0
        async for message in socket:
            if message.type is WSMsgType.BINARY:
                heard.audio += message.data
                # Half a second of sound for each word of the fast pass.
                while heard.first["mode"] == "2pass" and told < min(
                    len(heard.audio) // 16000, len(self.words)
                ):
                    await socket.send_json(
                        {
                            "mode": "2pass-online",
                            "text": self.words[told],
                            "wav_name": "call",
                            "is_final": False,
                        }
                    )
                    told += 1
                continue
            said = json.loads(message.data)
            heard.first = heard.first or said
            if said["is_speaking"]:
                continue
            match self.fault:
                case "closes":
                    await socket.close()
                case "silent":
                    await asyncio.sleep(60)
                case "garbage":
                    await socket.send_str("<html>")
                case _:
                    await socket.send_json(self._better(heard.first["mode"]))
        return socket

    def _better(self, mode: str) -> dict[str, Any]:
        times = [[place * 200, place * 200 + 200] for place in range(len(self.words))]
        return {
            "mode": "2pass-offline" if mode == "2pass" else "offline",
            "text": self.words + ("。" if self.words else ""),
            "wav_name": "call",
            "timestamp": json.dumps(times),
            "is_final": False,
        }


@contextmanager
def running(*, words: str = "井盖丢了", fault: str = "") -> Iterator[FunasrServer]:
    """Run a server on a free port in a thread of its own."""
    server = FunasrServer(words=words, fault=fault)
    loop = asyncio.new_event_loop()

    async def start() -> web.AppRunner:
        app = web.Application()
        app.router.add_get("/", server.converse)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        server.url = f"ws://{host}:{port}/"
        return runner

    runner = loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        for conversation in asyncio.all_tasks(loop):
            conversation.cancel()
        loop.run_until_complete(runner.cleanup())
        loop.close()
