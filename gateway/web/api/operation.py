"""An operation of the API: one typed function together with all that is said about it.

What a function reads (path, query, body) is written in its signature as ``Call[Path, Query, Body]``
and nowhere else: requests are read by it and the OpenAPI document is made from it.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Generic, Literal, TypeVar, get_args, get_type_hints

from aiohttp import web
from msgspec import Struct

from gateway.store.tokens import Scope, Token

Path = TypeVar("Path", bound=Struct)
Query = TypeVar("Query", bound=Struct)
Body = TypeVar("Body", bound="Struct | bytes")

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """No parameters, or an empty object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[Path, Query, Body]):
    """A request that has been bounded, allowed and read.

    ``seen`` is the revision of ``If-Match``, None when any will do. A body of type ``bytes`` is
    handed over as it came.
    """

    request: web.Request
    path: Path
    query: Query
    body: Body
    token: Token | None
    seen: int | None = None

    @property
    def actor(self) -> str:
        """Who asks, as it is written down."""
        return "anonymous" if self.token is None else self.token.holder


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A document to answer with: encoded JSON and headers of its own."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    media_type: str = JSON


Handler = Callable[[Any], Awaitable["Reply | web.StreamResponse"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an operation may answer when all is well; ``type`` is None for bytes of any kind."""

    description: str
    type: Any = None
    status: int = 200
    media_type: str = JSON
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation.

    ``path`` is a template such as ``/api/v1/drafts/{draft_id}``; ``scope`` what a token must allow
    (None: open, or the function itself verifies). ``problems`` are the codes beyond those that
    follow from the rest. ``empty_body`` also takes a request without any body as ``{}``.
    ``described_body`` is what a body that is handed over as bytes holds. ``resumes`` reads
    ``Last-Event-ID``.
    """

    name: str
    method: Literal["GET", "POST", "PATCH"]
    path: str
    summary: str
    tag: str
    handler: Handler
    answers: tuple[Answer, ...]
    scope: Scope | None = None
    signed: bool = False
    if_match: Literal["required", "optional"] | None = None
    body_media_type: str = JSON
    described_body: type[Struct] | None = None
    empty_body: bool = False
    resumes: bool = False
    problems: tuple[str, ...] = ()

    @property
    def reads(self) -> tuple[type[Struct], type[Struct], type[Struct] | type[bytes]]:
        """The types of path, query and body that the function's signature names."""
        hints = get_type_hints(self.handler)
        path, query, body = get_args(hints["call"])
        return path, query, body

    @property
    def has_body(self) -> bool:
        """Tell whether a request body is read."""
        return self.method != "GET"
