"""The HTTP server: one port, its surfaces mounted, started and drained in good order."""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from aiohttp import web

from gateway.domain.errors import GatewayError
from gateway.web.direct import directly
from gateway.web.open_requests import OpenRequests

_DRAIN_S = 20.0
_CANCEL_S = 1.0
_CLOSING_S = 30.0
"""How long a call that was cut off may take to store its end; it sets itself a shorter limit."""

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
    routes: Sequence[web.AbstractRouteDef],
    host: str,
    port: int,
    *,
    at_stop: Callable[[], None] = lambda: None,
    drains: Sequence[Callable[[], Awaitable[None]]] = (),
) -> AsyncIterator[int]:
    """Serve until left, then stop accepting and let open requests end; yields the port.

    ``at_stop`` is called in between, to end what would stay open by itself (live streams).
    ``drains`` let conversations end politely; each of them bounds its own time.
    Raises ``GatewayError`` with the cure when the address cannot be used. Request lines are never
    logged: they may hold numbers and codes.
    """
    application = web.Application(client_max_size=0)
    requests = OpenRequests()
    counted = requests.counted(routes)
    application.add_routes(counted)
    runner = web.AppRunner(
        application,
        access_log=None,
        handle_signals=False,
        shutdown_timeout=_CANCEL_S,
        keepalive_timeout=IDLE_S,
        # Signatures cover the bytes as they came, and a small body must not become a large one.
        auto_decompress=False,
    )
    await runner.setup()
    if runner.server is not None:  # it is, once set up
        runner.server.request_handler = directly(counted, runner.server.request_handler)
    try:
        site = web.TCPSite(runner, host, port, backlog=_BACKLOG)
        try:
            await site.start()
        except OSError as error:
            raise _cannot_listen(host, port, error) from error
        yield int(runner.addresses[0][1])
    finally:
        await asyncio.shield(_stop(runner, requests, at_stop, drains))


async def _stop(
    runner: web.AppRunner,
    requests: OpenRequests,
    at_stop: Callable[[], None],
    drains: Sequence[Callable[[], Awaitable[None]]],
) -> None:
    """Let nobody in, answer who is here, then close; long calls end by their cancellation."""
    # The doors are still open: providers ask what to do with a call whose conversation has ended.
    await asyncio.gather(*(drain() for drain in drains), return_exceptions=True)
    for site in tuple(runner.sites):
        await site.stop()
    await asyncio.sleep(0)  # who was let in a moment ago begins now
    at_stop()
    await requests.finish(_DRAIN_S)
    await runner.cleanup()
    # The library cancels what is left and does not wait: the store must outlive those too.
    await requests.finish(_CLOSING_S)


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
