"""What the API says when it says no: RFC 9457 problem documents with a closed set of codes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType

import msgspec
from aiohttp import hdrs, web
from msgspec import Struct

from gateway.blobs.errors import BlobMissing
from gateway.channel.errors import Malformed, StoreBusy
from gateway.delivery.office import BadRequest
from gateway.delivery.signing import BadSignature
from gateway.delivery.status import NotForwarded
from gateway.domain.errors import GatewayError
from gateway.domain.ids import Ids
from gateway.domain.lifecycle import WrongState
from gateway.intake.desk import BadPatch, Closed, Taken
from gateway.intake.splitting import CannotSplit
from gateway.store.errors import NotFound, RevisionConflict, StaleRevision

PROBLEM_JSON = "application/problem+json"
RETRY_AFTER_S = 5


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of problem: its status and its title, which never changes."""

    status: HTTPStatus
    title: str


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "malformed": Kind(HTTPStatus.BAD_REQUEST, "The request cannot be understood"),
        "bad_parameter": Kind(HTTPStatus.BAD_REQUEST, "A parameter is not valid"),
        "bad_cursor": Kind(HTTPStatus.BAD_REQUEST, "The cursor is not one of this feed"),
        "unauthorized": Kind(HTTPStatus.UNAUTHORIZED, "No valid credentials"),
        "forbidden": Kind(HTTPStatus.FORBIDDEN, "Not allowed"),
        "not_found": Kind(HTTPStatus.NOT_FOUND, "There is no such thing"),
        "file_missing": Kind(HTTPStatus.NOT_FOUND, "The file is not stored here"),
        "method_not_allowed": Kind(HTTPStatus.METHOD_NOT_ALLOWED, "The method is not allowed"),
        "not_acceptable": Kind(HTTPStatus.NOT_ACCEPTABLE, "No acceptable media type"),
        "request_timeout": Kind(HTTPStatus.REQUEST_TIMEOUT, "The request took too long"),
        "stale_revision": Kind(HTTPStatus.CONFLICT, "The draft has changed meanwhile"),
        "wrong_state": Kind(HTTPStatus.CONFLICT, "The draft's state does not allow that"),
        "taken": Kind(HTTPStatus.CONFLICT, "Somebody else has claimed the draft"),
        "not_forwarded": Kind(HTTPStatus.CONFLICT, "The draft is not this backend's case"),
        "too_large": Kind(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The request is too large"),
        "unsupported_media_type": Kind(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The media type is not supported"
        ),
        "invalid": Kind(HTTPStatus.UNPROCESSABLE_ENTITY, "The content is not valid"),
        "revision_required": Kind(
            HTTPStatus.PRECONDITION_REQUIRED, "The revision the change was made to is required"
        ),
        "internal": Kind(HTTPStatus.INTERNAL_SERVER_ERROR, "A fault of the gateway"),
        "busy": Kind(HTTPStatus.SERVICE_UNAVAILABLE, "The gateway cannot take this just now"),
    }
)


class FieldProblem(Struct, frozen=True, kw_only=True):
    """One field or parameter that is wrong; ``field`` is its dotted name."""

    field: str
    message: str


class ProblemDocument(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """RFC 9457 problem details; ``code`` is stable, ``detail`` says what to do.

    ``error_id`` finds a fault of the gateway in its log.
    """

    type: str
    title: str
    status: int
    code: str
    detail: str | None = None
    errors: tuple[FieldProblem, ...] | None = None
    error_id: str | None = None


class Problem(GatewayError):
    """A request that is refused, and how its sender is told."""

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        errors: Sequence[FieldProblem] = (),
        headers: Mapping[str, str] | None = None,
        error_id: str | None = None,
    ) -> None:
        super().__init__(KINDS[code].title, detail)
        self.code = code
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.error_id = error_id

    @property
    def status(self) -> HTTPStatus:
        """The HTTP status."""
        return KINDS[self.code].status

    def document(self) -> ProblemDocument:
        """Return the problem document."""
        return ProblemDocument(
            type=f"urn:hotline:problem:{self.code}",
            title=self.message,
            status=int(self.status),
            code=self.code,
            detail=self.cure or None,
            errors=self.errors or None,
            error_id=self.error_id,
        )

    def response(self) -> web.Response:
        """Return the answer."""
        headers = {
            **SAFE_HEADERS,
            **_OF_STATUS.get(self.status, {}),
            **self.headers,
            hdrs.CONTENT_TYPE: PROBLEM_JSON,
        }
        body = msgspec.json.encode(self.document())
        return web.Response(status=self.status, body=body, headers=headers)


SAFE_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    }
)
"""Headers of every answer of the API: nothing in it is kept, guessed at, framed or run."""

_OF_STATUS: Mapping[HTTPStatus, Mapping[str, str]] = MappingProxyType(
    {
        HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": "Bearer"},
        HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": str(RETRY_AFTER_S)},
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: {"Connection": "close"},
        HTTPStatus.REQUEST_TIMEOUT: {"Connection": "close"},
    }
)

_CODES: tuple[tuple[type[GatewayError], str], ...] = (
    (StoreBusy, "busy"),
    (StaleRevision, "stale_revision"),
    (RevisionConflict, "stale_revision"),
    (WrongState, "wrong_state"),
    (Closed, "wrong_state"),
    (Taken, "taken"),
    (NotForwarded, "not_forwarded"),
    (NotFound, "not_found"),
    (BlobMissing, "file_missing"),
    (BadPatch, "invalid"),
    (CannotSplit, "invalid"),
    (BadRequest, "invalid"),
    (Malformed, "malformed"),
    (BadSignature, "unauthorized"),
)
_WITHOUT_DETAIL = frozenset({"unauthorized", "busy"})


def problem_of(error: GatewayError) -> Problem | None:
    """Return how a failure of the rooms below is told, None for one that nobody expected."""
    if isinstance(error, Problem):
        return error
    for kind, code in _CODES:
        if isinstance(error, kind):
            return Problem(code, "" if code in _WITHOUT_DETAIL else str(error))
    return None


def fault(error: Exception, where: str, *, ids: Ids, note: Callable[..., None]) -> Problem:
    """Return how a fault of ours is told: an id by which it is found in the log.

    The log gets the place in the code and not the message, which may hold data.
    """
    error_id = ids.new()
    note("api.failed", error=error, operation=where, error_id=error_id)
    detail = "report the error id to whoever runs this gateway"
    return Problem("internal", detail, error_id=error_id)
