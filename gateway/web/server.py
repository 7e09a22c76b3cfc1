"""The HTTP server: one port, its surfaces mounted, started and drained in good order."""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiohttp import web

from gateway.domain.errors import GatewayError

_DRAIN_S = 20.0

IDLE_S = 75.0
"""How long a connection may stay open without a complete request head: slow heads end here.

Longer than the 60 s for which common reverse proxies keep connections to their backends.
"""

_BACKLOG = 1024


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port that is free at this moment."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def listening(
    routes: Sequence[web.AbstractRouteDef], host: str, port: int
) -> AsyncIterator[int]:
    """Serve until left, then stop accepting and let open requests end; yields the port.

    Raises ``GatewayError`` with the cure when the address cannot be used. Request lines are never
    logged: they may hold numbers and codes.
    """
    application = web.Application(client_max_size=0)
    application.add_routes(routes)
    runner = web.AppRunner(
        application,
        access_log=None,
        handle_signals=False,
        shutdown_timeout=_DRAIN_S,
        keepalive_timeout=IDLE_S,
        # Signatures cover the bytes as they came, and a small body must not become a large one.
        auto_decompress=False,
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, backlog=_BACKLOG)
        try:
            await site.start()
        except OSError as error:
            raise _cannot_listen(host, port, error) from error
        yield int(runner.addresses[0][1])
    finally:
        # Requests in flight end first; sockets of calls are told to close by their cancellation.
        await asyncio.shield(runner.cleanup())


def _cannot_listen(host: str, port: int, error: OSError) -> GatewayError:
    if error.errno == errno.EADDRINUSE:
        return GatewayError(
            f"port {port} on {host} is in use", "stop what uses it or choose another with --port"
        )
    if error.errno == errno.EACCES:
        return GatewayError(
            f"port {port} may not be opened by this user", "choose one above 1023 with --port"
        )
    return GatewayError(
        f"cannot listen on {host}:{port}: {error.strerror}", "check --host and --port"
    )
