"""How replies go out: one that is given again and again is made into bytes only once."""

from email.utils import formatdate
from http import HTTPStatus
from time import time

from aiohttp import HttpVersion11, hdrs, web
from aiohttp.abc import AbstractStreamWriter
from multidict import CIMultiDict

from gateway.channel.wire import HttpReply


class Answers:
    """The answers of one address, which acknowledges nearly everything with the same object."""

    def __init__(self) -> None:
        self._reply: HttpReply | None = None
        self._ready: _Ready | None = None

    def to(self, request: web.BaseRequest, reply: HttpReply) -> web.StreamResponse:
        """Return what answers this request with this reply."""
        if reply is not self._reply:
            self._reply, self._ready = reply, None
            return response(reply)
        if request.method != hdrs.METH_POST or not _stays_open(request):
            return response(reply)
        if self._ready is None:
            self._ready = _Ready(reply)
        return self._ready


def response(reply: HttpReply) -> web.Response:
    """Return a reply as the HTTP library's response."""
    headers = CIMultiDict(reply.headers) if reply.headers else CIMultiDict()
    headers[hdrs.CONTENT_TYPE] = reply.content_type
    return web.Response(status=reply.status, body=reply.body, headers=headers)


def _stays_open(request: web.BaseRequest) -> bool:
    return request.keep_alive and request.version == HttpVersion11


class _Ready(web.StreamResponse):
    """A reply as one piece of bytes, written to any number of requests."""

    def __init__(self, reply: HttpReply) -> None:
        super().__init__(status=reply.status)
        lines = (
            f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}",
            f"{hdrs.CONTENT_TYPE}: {reply.content_type}",
            f"{hdrs.CONTENT_LENGTH}: {len(reply.body)}",
            *(f"{name}: {value}" for name, value in reply.headers.items()),
        )
        self._head = "\r\n".join(lines).encode()
        self._content = reply.body
        self._second = 0
        self._bytes = b""
        self._closes = False

    @property
    def keep_alive(self) -> bool:
        """Whether the connection stays open."""
        return not self._closes

    def force_close(self) -> None:
        """End the connection of whoever gets this from now on: the server is about to stop."""
        if not self._closes:
            self._closes = True
            self._head += b"\r\nConnection: close"
            self._second = 0

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Write all of it."""
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the client has gone")
        transport.write(self._at(int(time())))
        if transport.get_write_buffer_size():
            await request.writer.drain()
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing is left to write."""

    def _at(self, second: int) -> bytes:
        # An answer tells its date: RFC 9110 §6.6.1.
        if second != self._second:
            date = f"\r\n{hdrs.DATE}: {formatdate(second, usegmt=True)}\r\n\r\n"
            self._second, self._bytes = second, self._head + date.encode() + self._content
        return self._bytes
