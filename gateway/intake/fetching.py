"""Fetches one file from a provider: guarded, bounded, and judged by its bytes."""

from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urljoin, urlsplit

from gateway.channel.contract import HttpCall
from gateway.channel.file_types import FileType, claims_another, sniff
from gateway.channel.http import (
    EgressError,
    EgressErrorKind,
    EgressReply,
    HttpClient,
    IPNetwork,
    Limits,
)
from gateway.domain.errors import GatewayError

FILE_LIMIT = 25 * 1024 * 1024
"""The largest file that is taken, in bytes (as sent: nothing is unpacked)."""

HOPS = 3
"""The most redirects that are followed."""

_LIMITS = Limits(connect_s=5.0, total_s=60.0, body_bytes=FILE_LIMIT, refuse_larger=True)
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
_LATER = frozenset(
    {
        # Somebody may mend our credentials or the provider's house in the meantime.
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)


class NotTaken(GatewayError):
    """This file will never be taken; ``why`` is one of a few plain phrases."""

    def __init__(self, why: str) -> None:
        super().__init__(f"a file is not taken: {why}", "ask the citizen for it in another form")
        self.why = why


class Gone(GatewayError):
    """The provider does not have the file any more."""

    def __init__(self) -> None:
        super().__init__("the provider has this file no more", "ask the citizen for it again")


class NotNow(GatewayError):
    """The file could not be fetched just now; ``retry_after`` in seconds, if the provider said."""

    def __init__(self, why: str, retry_after: float | None = None) -> None:
        super().__init__(f"a file could not be fetched: {why}", "it is tried again by itself")
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A file that is taken, and what its bytes say it is."""

    content: bytes
    type: FileType


async def fetch(http: HttpClient, call: HttpCall, *, declared: str) -> Fetched:
    """Return the file behind ``call``; raises ``NotTaken``, ``Gone`` or ``NotNow``.

    ``declared`` is the media type the provider told of it. Redirects lead only to the hosts of
    ``call.hops``, over https and without the call's headers.
    """
    reply = await _request(http, call.method, call.url, call.headers, call.allow)
    url = call.url
    for _ in range(HOPS):
        if reply.status not in _REDIRECTS:
            break
        url = _next(url, reply, call.hops)
        # Neither credentials nor the way into private networks go along to another house.
        reply = await _request(http, "GET", url, {}, ())
    return _judged(reply, declared)


async def _request(
    http: HttpClient, method: str, url: str, headers: object, allow: tuple[IPNetwork, ...]
) -> EgressReply:
    try:
        return await http.request(
            method,
            url,
            headers=headers,  # type: ignore[arg-type]
            limits=_LIMITS,
            allow=allow,
        )
    except EgressError as error:
        match error.kind:
            case EgressErrorKind.BLOCKED:
                raise NotTaken("address not permitted") from error
            case EgressErrorKind.TOO_LARGE:
                raise NotTaken("too large") from error
            case EgressErrorKind.PROTOCOL if not error.request_sent:
                raise NotTaken("address not usable") from error
            case kind:
                raise NotNow(kind) from error


def _next(url: str, reply: EgressReply, hops: tuple[str, ...]) -> str:
    try:
        target = urljoin(url, reply.headers.get("location", ""))
        parts = urlsplit(target)
        known = parts.hostname in hops and parts.port in (None, 443)
    except ValueError:
        raise NotTaken("redirect not permitted") from None
    if parts.scheme != "https" or not known or parts.username is not None:
        raise NotTaken("redirect not permitted")
    return target


def _judged(reply: EgressReply, declared: str) -> Fetched:
    if reply.status in _GONE:
        raise Gone
    if reply.status in _LATER or reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise NotNow(f"status {reply.status}", _seconds(reply.headers.get("retry-after", "")))
    if reply.status in _REDIRECTS:
        raise NotTaken("too many redirects")
    if reply.status != HTTPStatus.OK:
        raise NotTaken(f"status {reply.status}")
    if not reply.body:
        raise NotTaken("empty")
    found = sniff(reply.body)
    if found is None:
        raise NotTaken("type not taken")
    if claims_another(declared, found):
        raise NotTaken("not what it claims to be")
    return Fetched(content=reply.body, type=found)


def _seconds(text: str) -> float | None:
    return float(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
