"""A cable between two programs on loopback that can be cut, wholly or only for some requests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Cable:
    """Passes bytes on to a port until it is cut."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._ends: dict[asyncio.StreamWriter, bytes] = {}
        self._refused = b"\0"
        self.port = 0

    def cut(self, containing: bytes = b"") -> int:
        """Cut connections whose first bytes contain this, and refuse new ones; returns how many."""
        self._refused = containing
        found = [end for end, began in self._ends.items() if containing in began]
        for end in found:
            end.transport.abort()
        return len(found)

    def mend(self) -> None:
        """Let connections through again."""
        self._refused = b"\0"

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        began = await reader.read(65536)
        if self._refused in began:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        self._ends[writer] = began
        far_writer.write(began)
        try:
            await asyncio.gather(_pass_on(reader, far_writer), _pass_on(far_reader, writer))
        finally:
            del self._ends[writer]


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while content := await reader.read(65536):
            writer.write(content)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def cable(target: int) -> AsyncIterator[Cable]:
    """A cable to a port of 127.0.0.1."""
    one = Cable(target)
    server = await asyncio.start_server(one._connected, "127.0.0.1", 0)
    one.port = server.sockets[0].getsockname()[1]
    try:
        yield one
    finally:
        one.cut()
        server.close()
