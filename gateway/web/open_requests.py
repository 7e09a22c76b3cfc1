"""The requests that are being answered: a stop waits for them and for what is left of their bodies.

The HTTP library alone would throw away the rest of a body that is on its way when the stop begins.
"""

import asyncio
from collections.abc import Iterable
from functools import wraps

from aiohttp import web

from gateway.web.direct import Handler


class OpenRequests:
    """Counts the requests in the handlers of a server's routes."""

    def __init__(self) -> None:
        self._open = 0
        self._stopping = False
        self._none = asyncio.Event()

    def counted(self, routes: Iterable[web.AbstractRouteDef]) -> list[web.AbstractRouteDef]:
        """Return the same routes with handlers that are counted."""
        return [
            type(one)(one.method, one.path, self._counted(one.handler), one.kwargs)
            if isinstance(one, web.RouteDef)
            else one
            for one in routes
        ]

    async def finish(self, within_s: float) -> None:
        """Wait until none is open, at most this long; every answer now also ends its connection."""
        self._stopping = True
        if not self._open:
            return
        try:
            async with asyncio.timeout(within_s):
                await self._none.wait()
        except TimeoutError:
            return

    def _counted(self, handler: Handler) -> Handler:
        @wraps(handler)
        async def counted(request: web.Request) -> web.StreamResponse:
            self._open += 1
            try:
                response = await handler(request)
            finally:
                self._open -= 1
                if self._stopping and not self._open:
                    self._none.set()
            if self._stopping:
                response.force_close()
            return response

        return counted
