"""A case-management backend that behaves as badly as one likes, or well and keeping a record.

Raw asyncio on purpose: no HTTP server library would let itself be made to answer like this.
"""

import asyncio
import gzip
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from aiohttp.abc import AbstractResolver, ResolveResult


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedRequest:
    """One request as it arrived; header names are lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int


@dataclass(slots=True)
class Exchange:
    """What a behaviour works with: the request, and the raw connection to answer on."""

    request: ReceivedRequest
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def write(self, data: bytes) -> None:
        """Send bytes and wait until the kernel has them."""
        self.writer.write(data)
        await self.writer.drain()


Behaviour = Callable[[Exchange], Awaitable[None]]


@dataclass(slots=True)
class Backend:
    """A running backend: change ``behave`` at any time, read ``received`` and ``connections``."""

    port: int
    behave: Behaviour
    received: list[ReceivedRequest] = field(default_factory=list)
    connections: int = 0
    secure: bool = False

    @property
    def url(self) -> str:
        """The address to send events to."""
        return f"http{'s' if self.secure else ''}://127.0.0.1:{self.port}/hook"


@asynccontextmanager
async def hostile_backend(
    behave: Behaviour,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Backend]:
    """Serve ``behave`` (port 0: a free one); every connection is gone when the block ends."""
    talks: set[asyncio.Task[None]] = set()
    backend = Backend(port=0, behave=behave, secure=tls is not None)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        backend.connections += 1
        number = backend.connections
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
                while request := await _read_request(reader, number):
                    backend.received.append(request)
                    await backend.behave(Exchange(request, reader, writer))
                    if writer.is_closing():
                        break
        except asyncio.CancelledError:
            # The block is ending; asyncio's streams would report a cancelled handler as an error.
            pass
        finally:
            talks.discard(task)
            writer.close()
            with suppress(ConnectionError, ssl.SSLError, asyncio.CancelledError):
                await writer.wait_closed()

    server = await asyncio.start_server(talk, host, port, ssl=tls)
    backend.port = server.sockets[0].getsockname()[1]
    try:
        yield backend
    finally:
        server.close()
        for task in list(talks):
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)
        await server.wait_closed()


async def _read_request(reader: asyncio.StreamReader, connection: int) -> ReceivedRequest | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    request_line, *lines = head.rstrip("\r\n").split("\r\n")
    method, target, _ = request_line.split(" ", 2)
    pairs = (line.partition(":") for line in lines)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return ReceivedRequest(
        method=method, target=target, headers=headers, body=body, connection=connection
    )


def answering(
    status: int, *, headers: dict[str, str] | None = None, body: bytes = b"{}"
) -> Behaviour:
    """Answer every request properly with this status; keep the connection open."""

    async def behave(exchange: Exchange) -> None:
        lines = {"Content-Length": str(len(body)), **(headers or {})}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        await exchange.write(f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + body)

    return behave


well_behaved = answering(200)


async def silent(exchange: Exchange) -> None:
    """Take the request and never answer."""
    await asyncio.Event().wait()


def dripping_headers(pause_s: float = 0.01) -> Behaviour:
    """Send one byte of an endless header at a time."""

    async def behave(exchange: Exchange) -> None:
        await exchange.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while True:
            await exchange.write(b"a")
            await asyncio.sleep(pause_s)

    return behave


def dripping_body(pause_s: float = 0.01) -> Behaviour:
    """Answer 200 at once and then send the body one byte at a time."""

    async def behave(exchange: Exchange) -> None:
        await exchange.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while True:
            await exchange.write(b"a")
            await asyncio.sleep(pause_s)

    return behave


async def endless_body(exchange: Exchange) -> None:
    """Answer 200 and send chunks as fast as the other side takes them, for ever."""
    await exchange.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        await exchange.write(b"1000\r\n" + b"a" * 0x1000 + b"\r\n")


async def endless_headers(exchange: Exchange) -> None:
    """Send header after header, for ever."""
    await exchange.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        await exchange.write(b"X-More: yes\r\n" * 100)


async def endless_header(exchange: Exchange) -> None:
    """Send one header whose value never ends, as fast as the other side takes it."""
    await exchange.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while True:
        await exchange.write(b"a" * 0x1000)


async def endless_continue(exchange: Exchange) -> None:
    """Say 100 Continue for ever."""
    while True:
        await exchange.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await asyncio.sleep(0)


def gzip_bomb(decoded_bytes: int) -> Behaviour:
    """Answer with a small gzip body that grows to ``decoded_bytes`` zeros."""
    return answering(
        200,
        headers={"Content-Encoding": "gzip"},
        body=gzip.compress(bytes(decoded_bytes)),
    )


async def resetting_at_once(exchange: Exchange) -> None:
    """Read the request, then reset the connection without a byte."""
    _reset(exchange.writer)


async def resetting_mid_body(exchange: Exchange) -> None:
    """Answer 200, send a part of the promised body, then reset the connection."""
    await exchange.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf an answ")
    # The other side has to see these bytes first: a reset may overtake what is still unread.
    await asyncio.sleep(0.05)
    _reset(exchange.writer)


async def hanging_up_mid_body(exchange: Exchange) -> None:
    """Answer 200, send a part of the promised body, then close the connection politely."""
    await exchange.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf an answ")
    exchange.writer.close()


async def garbage_status_line(exchange: Exchange) -> None:
    """Answer with something that is not HTTP."""
    await exchange.write(b"\x16\x03\x01 SSH-2.0-nonsense 200 maybe\r\n\r\n")
    exchange.writer.close()


async def garbage_chunks(exchange: Exchange) -> None:
    """Answer 200 with a chunk size that is none."""
    await exchange.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\nabc\r\n")


async def garbage_gzip(exchange: Exchange) -> None:
    """Claim gzip and send something else."""
    await answering(200, headers={"Content-Encoding": "gzip"}, body=b"not gzip at all")(exchange)


def redirecting(location: str, status: int = 302) -> Behaviour:
    """Point somewhere else."""
    return answering(status, headers={"Location": location}, body=b"")


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    # Lingering zero seconds makes close() send RST instead of FIN.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class FlippingResolver(AbstractResolver):
    """A name server that gives each of ``answers`` in turn and then stays with the last one."""

    def __init__(self, *answers: list[str] | OSError) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the next answer, whatever the name."""
        self.asked.append(host)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, OSError):
            raise answer
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in answer
        ]

    async def close(self) -> None:
        """Nothing to let go of."""
