"""What channels serve below ``/api`` by themselves: described with the rest, refused like the rest.

The inbox refuses without a word, as providers need none. Below ``/api`` a refusal is a problem.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from http import HTTPStatus
from typing import cast

from aiohttp import web

from gateway.channel.contract import Account
from gateway.domain.ids import Ids
from gateway.web.api.openapi import ForeignOperation
from gateway.web.problems import PROBLEM_JSON, Problem, fault

_BELOW = "/api/"
_CODES = {
    HTTPStatus.BAD_REQUEST: "malformed",
    HTTPStatus.FORBIDDEN: "forbidden",
    HTTPStatus.REQUEST_TIMEOUT: "request_timeout",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too_large",
}


def foreign_operations(accounts: Iterable[Account]) -> tuple[ForeignOperation, ...]:
    """Return the operations of all accounts that belong into the API's description."""
    return tuple(
        ForeignOperation(method=route.method, path=route.path, description=route.description or {})
        for account in accounts
        for route in account.routes
        if route.public and route.path.startswith(_BELOW)
    )


def in_problems(
    routes: Sequence[web.RouteDef], *, ids: Ids, note: Callable[..., None]
) -> list[web.RouteDef]:
    """Return the routes with every bare refusal below ``/api`` turned into a problem."""
    return [
        web.RouteDef(one.method, one.path, _in_problems(one, ids, note), one.kwargs)
        if one.path.startswith(_BELOW)
        else one
        for one in routes
    ]


def _in_problems(
    route: web.RouteDef, ids: Ids, note: Callable[..., None]
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    handler = cast("Callable[[web.Request], Awaitable[web.StreamResponse]]", route.handler)

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            response = await handler(request)
        except Exception as error:
            return fault(error, route.path, ids=ids, note=note).response()
        code = _CODES.get(HTTPStatus(response.status))
        if code is None or response.content_type == PROBLEM_JSON:
            return response
        return Problem(code).response()

    return handle
