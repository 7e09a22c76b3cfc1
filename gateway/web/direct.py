"""Leads requests for addresses that are known to the letter past the HTTP library's router."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_Handler = Callable[[Any], Awaitable[web.StreamResponse]]


class Direct(web.RouteDef):
    """A route without variable parts, whose handler asks the router for nothing."""


def directly(routes: Iterable[web.AbstractRouteDef], otherwise: _Handler) -> _Handler:
    """Return what answers every request: direct routes at once, all others as ``otherwise`` does.

    Left to ``otherwise``, which knows these routes as well: what is not written exactly like a
    route (a query, an escaped letter, another method), and a body that is still on its way, whose
    sender may wait to be told to go on.
    """
    handlers: dict[tuple[str, str], _Handler] = {
        (one.method, one.path): one.handler for one in routes if isinstance(one, Direct)
    }

    def answer(request: web.BaseRequest) -> Awaitable[web.StreamResponse]:
        handler = handlers.get((request.method, request.raw_path))
        if handler is None or not request.content.is_eof():
            handler = otherwise
        return handler(request)

    return answer
