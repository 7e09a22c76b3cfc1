"""A stop lets a call that is cut off store its end before anything behind the doors is closed."""

import asyncio

import pytest
from aiohttp import ClientSession, web

from gateway.web import server
from gateway.web.server import listening


async def test_a_call_that_is_cut_off_still_stores_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_DRAIN_S", 0.05)
    monkeypatch.setattr(server, "_CANCEL_S", 0.05)
    stored: list[str] = []

    async def store_the_end() -> None:
        await asyncio.sleep(0.5)  # longer than the library waits for whom it has cancelled
        stored.append("end")

    async def call(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        try:
            await socket.receive()
        except asyncio.CancelledError:
            closing = asyncio.create_task(store_the_end())
            while not closing.done():
                try:
                    await asyncio.shield(closing)
                except asyncio.CancelledError:
                    continue
            raise
        return socket

    async with ClientSession() as session:
        async with listening([web.get("/media", call)], "127.0.0.1", 0) as port:
            caller = await session.ws_connect(f"http://127.0.0.1:{port}/media")
        assert stored == ["end"]
        await caller.close()


async def test_conversations_are_asked_to_end_before_they_are_cut_off() -> None:
    told: list[str] = []
    over = asyncio.Event()

    async def call(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await over.wait()
        told.append("over")
        return socket

    async def drain() -> None:
        told.append("asked")
        over.set()

    async def fails() -> None:
        raise OSError

    async with ClientSession() as session:
        routes = [web.get("/media", call)]
        async with listening(routes, "127.0.0.1", 0, drains=[fails, drain]) as port:
            caller = await session.ws_connect(f"http://127.0.0.1:{port}/media")
        assert told == ["asked", "over"]
        await caller.close()
