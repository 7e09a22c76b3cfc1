"""A body is refused as soon as more of it has come than is allowed, whatever is still to come."""

import asyncio

from aiohttp import web

from gateway.web.bounded import TooLarge, at_hand, read_bounded
from gateway.web.server import listening


async def test_a_first_chunk_that_is_too_large_is_refused_before_the_second() -> None:
    async def take(request: web.Request) -> web.Response:
        try:
            await read_bounded(request, limit=10, timeout_s=30.0)
        except TooLarge as error:
            return web.Response(status=error.status, headers={"Connection": "close"})
        return web.Response()

    async with listening([web.post("/", take)], "127.0.0.1", 0) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(b"14\r\n" + b"a" * 20 + b"\r\n")
        async with asyncio.timeout(10):
            answer = await reader.readline()
        writer.close()
        assert answer == b"HTTP/1.1 413 Request Entity Too Large\r\n"


async def test_a_body_that_came_with_its_headers_is_bounded_and_read_at_once() -> None:
    async def take(request: web.Request) -> web.Response:
        try:
            body = at_hand(request, limit=10)
        except TooLarge as error:
            return web.Response(status=error.status, headers={"Connection": "close"})
        return web.Response(body=b"later" if body is None else b"[" + body + b"]")

    async with listening([web.post("/", take)], "127.0.0.1", 0) as port:
        assert await ask(port, b"Content-Length: 10\r\n\r\n" + b"a" * 10) == b"[aaaaaaaaaa]"
        assert await ask(port, b"Content-Length: 0\r\n\r\n") == b"[]"
        assert await ask(port, b"\r\n") == b"[]"
        assert await ask(port, b"Content-Length: 9\r\n\r\nshort") == b"later"
        assert await ask(port, b"Content-Length: 11\r\n\r\n" + b"a" * 11) == b""
        assert await ask(port, b"Content-Length: 11\r\n\r\nshort") == b""


async def ask(port: int, rest: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST / HTTP/1.1\r\nHost: x\r\n" + rest)
    async with asyncio.timeout(10):
        head = await reader.readuntil(b"\r\n\r\n")
        status, length = (
            head.split()[1],
            int(head.lower().partition(b"content-length: ")[2].split()[0]),
        )
        body = await reader.readexactly(length)
    writer.close()
    assert status in (b"200", b"413")
    return body if status == b"200" else b""
