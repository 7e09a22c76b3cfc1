"""Mounts the API on a server: its operations, its own description, and a no for all the rest."""

import re
from collections.abc import Iterable, Sequence

import msgspec
from aiohttp import hdrs, web

from gateway.domain.schema import work_order_draft_schema
from gateway.web.api.answering import Answering
from gateway.web.api.openapi import ForeignOperation, openapi_document
from gateway.web.api.operation import Answer, Call, Nothing, Operation, Reply
from gateway.web.problems import Problem

SCHEMA_JSON = "application/schema+json"
DESCRIPTION_PATH = "/api/v1/openapi.json"
SCHEMA_PATH = "/schemas/work-order-draft.json"


class Api:
    """Everything below ``/api``, and the published schema."""

    def __init__(
        self,
        operations: Iterable[Operation],
        foreign: Sequence[ForeignOperation],
        answering: Answering,
        *,
        version: str,
    ) -> None:
        self._answering = answering
        self.operations = (*operations, *self._descriptions())
        self.document = openapi_document(self.operations, foreign, version=version)
        self._document = msgspec.json.encode(self.document)
        self._schema = msgspec.json.encode(work_order_draft_schema())
        self._known = [
            (re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))), method)
            for path, method in [
                *((one.path, one.method) for one in self.operations),
                *((one.path, one.method) for one in foreign),
            ]
        ]

    def routes(self) -> list[web.RouteDef]:
        """Return the routes; what a channel serves below ``/api`` is mounted by the channel."""
        return [
            *(
                web.get(one.path, handler)
                if one.method == hdrs.METH_GET
                else web.route(one.method, one.path, handler)
                for one in self.operations
                for handler in [self._answering.handler(one)]
            ),
            web.route("*", "/api", self._nothing_here),
            web.route("*", "/api/{rest:.*}", self._nothing_here),
        ]

    def _descriptions(self) -> tuple[Operation, ...]:
        return (
            Operation(
                name="getDescription",
                method="GET",
                path=DESCRIPTION_PATH,
                tag="descriptions",
                summary="This document",
                handler=self._describe,
                answers=(Answer(description="OpenAPI 3.1", type=dict),),
            ),
            Operation(
                name="getDraftSchema",
                method="GET",
                path=SCHEMA_PATH,
                tag="descriptions",
                summary="The JSON Schema of a work-order draft",
                handler=self._describe_draft,
                answers=(
                    Answer(description="JSON Schema 2020-12", type=dict, media_type=SCHEMA_JSON),
                ),
            ),
        )

    async def _describe(self, call: Call[Nothing, Nothing, Nothing]) -> Reply:
        return Reply(body=self._document)

    async def _describe_draft(self, call: Call[Nothing, Nothing, Nothing]) -> Reply:
        return Reply(body=self._schema, media_type=SCHEMA_JSON)

    async def _nothing_here(self, request: web.Request) -> web.Response:
        """Answer 405 where another method would do, else 404."""
        methods = {method for path, method in self._known if path.fullmatch(request.path)}
        if not methods:
            return Problem("not_found", f"see {DESCRIPTION_PATH} for what there is").response()
        if hdrs.METH_GET in methods:
            methods.add(hdrs.METH_HEAD)
        allowed = ", ".join(sorted(methods))
        return Problem(
            "method_not_allowed", f"use {allowed}", headers={"Allow": allowed}
        ).response()
