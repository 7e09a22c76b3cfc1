"""The OpenAPI 3.1 document, made from the operations that are served and from nothing else."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import msgspec
from msgspec import Struct

from gateway.domain.schema import narrowed
from gateway.web.api.operation import Answer, Operation
from gateway.web.problems import KINDS, PROBLEM_JSON, ProblemDocument

_REFERENCE = "#/components/schemas/"
_HEADERS: Mapping[str, tuple[str, str]] = {
    "ETag": ("the draft's revision, for If-Match", r'^"[0-9]+"$'),
    "Location": ("address of the new draft", r"^/api/v1/drafts/"),
    "Retry-After": ("seconds to wait", r"^[0-9]+$"),
    "WWW-Authenticate": ("how to identify oneself", r"^Bearer"),
}
_HEADER_OF_STATUS: Mapping[HTTPStatus, str] = {
    HTTPStatus.UNAUTHORIZED: "WWW-Authenticate",
    HTTPStatus.SERVICE_UNAVAILABLE: "Retry-After",
}
_TAGS = (
    ("intake", "Citizens' contacts in. 受理"),
    ("drafts", "Work-order drafts: read, correct, decide. 工单草稿"),
    ("feed", "What happens, as events to pull. 事件流"),
    ("live", "What happens this second, to watch. 实时"),
    ("deliveries", "What is pushed to the backends, and what became of it. 投递"),
    ("backends", "What backends tell of their cases. 工单状态回传"),
    ("descriptions", "What this API and its documents look like."),
)
_INTRODUCTION = (
    "Errors are RFC 9457 problem documents with a stable `code`; `detail` says what to do. "
    "Fields that are not known are absent, never null. Unknown parameters and fields are refused."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignOperation:
    """An operation that a channel serves, described in OpenAPI's own words."""

    method: str
    path: str
    description: Mapping[str, Any]


def openapi_document(
    operations: Sequence[Operation], foreign: Iterable[ForeignOperation], *, version: str
) -> dict[str, Any]:
    """Return the document."""
    writer = _Writer(operations)
    paths: dict[str, dict[str, Any]] = {}
    for one in operations:
        paths.setdefault(one.path, {})[one.method.lower()] = writer.operation(one)
    for other in foreign:
        paths.setdefault(other.path, {})[other.method.lower()] = dict(other.description)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Hotline gateway",
            "version": version,
            "description": _INTRODUCTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in _TAGS],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": writer.schemas,
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "made with `hotline token create`",
                },
                "signature": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "webhook-signature",
                    "description": "Standard Webhooks 1.0, with webhook-id and webhook-timestamp",
                },
            },
        },
    }


class _Writer:
    """Turns operations into OpenAPI, with the schemas of all their types at hand."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        parameters = {type_ for one in operations for type_ in one.reads[:2]}
        bodies = {body for one in operations if (body := _body_of(one)) is not None}
        answers = {one.type for each in operations for one in each.answers if one.type is not None}
        types = sorted(
            {*parameters, *bodies, *answers, ProblemDocument}, key=lambda type_: type_.__name__
        )
        references, components = msgspec.json.schema_components(
            types, ref_template=_REFERENCE + "{name}"
        )
        self._reference = dict(zip(types, references, strict=True))
        self._components = {name: narrowed(schema) for name, schema in components.items()}
        only_parameters = {self._name(type_) for type_ in parameters - bodies}
        self.schemas = {
            name: schema
            for name, schema in sorted(self._components.items())
            if name not in only_parameters
        }

    def operation(self, one: Operation) -> dict[str, Any]:
        document: dict[str, Any] = {
            "operationId": one.name,
            "summary": one.summary,
            "tags": [one.tag],
            "parameters": self._parameters(one),
            "responses": self._responses(one),
        }
        if one.scope is not None:
            document["security"] = [{"token": []}]
            document["description"] = f"Needs a token with the scope `{one.scope}` (or `admin`)."
        if one.signed:
            document["security"] = [{"signature": []}]
        body = _body_of(one)
        if body is not None:
            document["requestBody"] = {
                "required": not one.empty_body or bool(self._schema(body).get("required")),
                "content": {one.body_media_type: {"schema": self._reference[body]}},
            }
        return document

    def _parameters(self, one: Operation) -> list[dict[str, Any]]:
        path, query, _ = one.reads
        found = [*self._named(path, "path"), *self._named(query, "query")]
        if one.if_match is not None:
            found.append(
                {
                    "name": "If-Match",
                    "in": "header",
                    "required": one.if_match == "required",
                    "description": "ETag of the draft as you saw it; `*` for whichever is current",
                    "schema": {"type": "string", "pattern": r'^("[0-9]{1,9}"|\*)$'},
                }
            )
        if one.resumes:
            found.append(
                {
                    "name": "Last-Event-ID",
                    "in": "header",
                    "required": False,
                    "description": "id of the last event that was seen: what came since is sent "
                    "first, or `lost` when not all of it is known any more",
                    "schema": {"type": "string"},
                }
            )
        return found

    def _named(self, type_: type[Struct], place: str) -> list[dict[str, Any]]:
        schema = self._schema(type_)
        found = []
        for name, given in schema.get("properties", {}).items():
            inner = dict(given)
            parameter: dict[str, Any] = {
                "name": name,
                "in": place,
                "required": name in schema.get("required", ()),
                "schema": inner,
            }
            if description := inner.pop("description", ""):
                parameter["description"] = description
            if inner.get("type") == "array":
                parameter |= {"style": "form", "explode": False}
            found.append(parameter)
        return found

    def _responses(self, one: Operation) -> dict[str, Any]:
        responses = {str(answer.status): self._answer(answer) for answer in one.answers}
        by_status: dict[HTTPStatus, list[str]] = {}
        for code in _codes(one):
            by_status.setdefault(KINDS[code].status, []).append(code)
        for status, codes in sorted(by_status.items()):
            response: dict[str, Any] = {
                "description": "; ".join(f"`{code}`: {KINDS[code].title}" for code in codes),
                "content": {PROBLEM_JSON: {"schema": self._reference[ProblemDocument]}},
            }
            if status in _HEADER_OF_STATUS:
                response["headers"] = _headers((_HEADER_OF_STATUS[status],))
            responses[str(int(status))] = response
        return responses

    def _answer(self, answer: Answer) -> dict[str, Any]:
        document: dict[str, Any] = {"description": answer.description}
        if answer.type is not None:
            document["content"] = {answer.media_type: {"schema": self._reference[answer.type]}}
        elif answer.status < HTTPStatus.MULTIPLE_CHOICES:
            document["content"] = {answer.media_type: {}}
        if answer.headers:
            document["headers"] = _headers(answer.headers)
        return document

    def _schema(self, type_: type[Struct] | type[Any]) -> dict[str, Any]:
        schema: dict[str, Any] = self._components[self._name(type_)]
        return schema

    def _name(self, type_: type[Any]) -> str:
        reference: str = self._reference[type_]["$ref"]
        return reference.removeprefix(_REFERENCE)


def _body_of(one: Operation) -> type[Struct] | None:
    """Return what a body of the operation holds, None when it reads none."""
    if not one.has_body:
        return None
    body = one.reads[2]
    return body if issubclass(body, Struct) else one.described_body


def _codes(one: Operation) -> list[str]:
    """Return every problem an operation can answer with."""
    codes = ["bad_parameter", "not_acceptable", "internal", "busy", *one.problems]
    if one.scope is not None:
        codes += ["unauthorized", "forbidden"]
    if one.signed:
        codes += ["unauthorized"]
    if "{" in one.path:
        codes += ["not_found"]
    if one.has_body:
        codes += ["too_large", "request_timeout", "unsupported_media_type", "malformed"]
        if one.reads[2] is not bytes:
            codes += ["invalid"]
    if one.if_match == "required":
        codes += ["revision_required"]
    return [code for code in KINDS if code in codes]


def _headers(names: Iterable[str]) -> dict[str, Any]:
    return {
        name: {
            "description": _HEADERS[name][0],
            "schema": {"type": "string", "pattern": _HEADERS[name][1]},
        }
        for name in names
    }
