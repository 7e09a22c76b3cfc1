"""Runs one operation: bounded, allowed, read, done, answered; whatever goes wrong is a problem."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import hdrs, web
from msgspec import Struct

from gateway.domain.errors import GatewayError
from gateway.domain.ids import Ids
from gateway.web.api.access import Access
from gateway.web.api.operation import MERGE_PATCH, Call, Operation, Reply
from gateway.web.api.reading import read_json, read_path, read_query, read_revision
from gateway.web.bounded import BrokenOff, TooLarge, TooSlow, read_bounded
from gateway.web.problems import SAFE_HEADERS, Problem, fault, problem_of

BODY_LIMIT = 256 * 1024
"""The largest body of a request to the API, in bytes."""

_REFUSED = re.compile(r";\s*q=0(\.0*)?\s*(;|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """What every operation needs around it. ``note`` counts and logs, never personal data."""

    access: Access
    ids: Ids
    note: Callable[..., None]
    read_timeout_s: float

    def handler(
        self, operation: Operation
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Return the HTTP handler of an operation."""
        types = operation.reads

        async def handle(request: web.Request) -> web.StreamResponse:
            response: web.StreamResponse
            try:
                reply = await operation.handler(await self._call(request, operation, *types))
            except GatewayError as error:
                response = self._refusal(error, operation)
            except Exception as error:
                response = self._fault(error, operation)
            else:
                response = reply if isinstance(reply, web.StreamResponse) else _response(reply)
            self.note("api.answered", operation=operation.name, status=response.status)
            return response

        return handle

    async def _call(
        self,
        request: web.Request,
        operation: Operation,
        path: type[Struct],
        query: type[Struct],
        body: type[Struct] | type[bytes],
    ) -> Call[Any, Any, Any]:
        token = None
        if operation.scope is not None:
            token = await self.access.require(request, operation.scope)
        _require_acceptable(request, operation)
        named = read_path(path, request.match_info)
        asked = read_query(query, request.query)
        seen = None
        if operation.if_match is not None:
            header = request.headers.get(hdrs.IF_MATCH)
            seen = read_revision(header, required=operation.if_match == "required")
        content: Any = await self._body(request, operation, body)
        return Call(request=request, path=named, query=asked, body=content, token=token, seen=seen)

    async def _body(
        self, request: web.Request, operation: Operation, type_: type[Struct] | type[bytes]
    ) -> Any:
        if not operation.has_body:
            return type_()
        try:
            body = await read_bounded(request, limit=BODY_LIMIT, timeout_s=self.read_timeout_s)
        except TooLarge as error:
            raise Problem("too_large", f"send at most {BODY_LIMIT >> 10} KiB") from error
        except TooSlow as error:
            raise Problem("request_timeout", "send the whole request at once") from error
        except BrokenOff as error:
            raise Problem("malformed", "send the whole body") from error
        if not body and operation.empty_body:
            body = b"{}"
        else:
            _require_media_type(request, operation)
        if issubclass(type_, Struct):
            return read_json(type_, body)
        return body

    def _refusal(self, error: GatewayError, operation: Operation) -> web.Response:
        problem = problem_of(error)
        if problem is None:
            return self._fault(error, operation)
        return problem.response()

    def _fault(self, error: Exception, operation: Operation) -> web.Response:
        return fault(error, operation.name, ids=self.ids, note=self.note).response()


def _response(reply: Reply) -> web.Response:
    headers = {**SAFE_HEADERS, **reply.headers, hdrs.CONTENT_TYPE: reply.media_type}
    return web.Response(status=reply.status, body=reply.body, headers=headers)


def _require_acceptable(request: web.Request, operation: Operation) -> None:
    """Refuse when the client takes nothing that this operation sends."""
    header = request.headers.get(hdrs.ACCEPT, "").lower()
    if not header.strip():
        return
    ranges = [entry.strip() for entry in header.split(",")]
    wanted = {one.partition(";")[0].strip() for one in ranges if not _REFUSED.search(one)}
    offered = {answer.media_type for answer in operation.answers}
    families = {one.partition("/")[0] + "/*" for one in offered}
    if "*/*" not in offered and not wanted & {"*/*", *families, *offered}:
        raise Problem("not_acceptable", f"accept {' or '.join(sorted(offered))}")


def _require_media_type(request: web.Request, operation: Operation) -> None:
    given = request.headers.get(hdrs.CONTENT_TYPE, "").partition(";")[0].strip().lower()
    encoding = request.headers.get(hdrs.CONTENT_ENCODING, "identity").strip().lower()
    if given != operation.body_media_type or encoding != "identity":
        raise Problem(
            "unsupported_media_type",
            f"send {operation.body_media_type} without a content encoding",
            headers={"Accept-Patch": MERGE_PATCH} if operation.method == "PATCH" else None,
        )
