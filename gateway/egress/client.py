"""The one outgoing HTTP client: addresses are checked as they are connected to, answers bounded."""

import asyncio
import re
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from gateway.channel.http import (
    DEFAULT_LIMITS,
    EgressError,
    EgressErrorKind,
    EgressReply,
    IPNetwork,
    Limits,
)
from gateway.egress.faults import AddressNotPermitted, explain
from gateway.egress.guard import judge
from gateway.egress.names import NameResolver

_MAX_HEADERS = 64
_MAX_LINE = 8190
_KEEP_ALIVE_S = 15.0
_USER_AGENT = "hotline-gateway"
_NO_HEADERS: Mapping[str, str] = {}


_TWO_LINES = re.compile(r"[\r\n\0]")


@dataclass(slots=True)
class _Progress:
    """How far one call has come."""

    connected: bool = False


_progress: ContextVar[_Progress] = ContextVar("egress_progress")


class _Connector(aiohttp.TCPConnector):
    """Notes in the calling task's progress that it has a connection.

    aiohttp's own tracing would tell the same, at a tenth of the cost of a whole call.
    """

    async def connect(self, *args: Any, **kwargs: Any) -> aiohttp.connector.Connection:
        connection = await super().connect(*args, **kwargs)
        _progress.get().connected = True
        return connection


class EgressClient:
    """Calls URLs for the whole gateway; implements ``gateway.channel.http.HttpClient``.

    - The guard judges the address each socket is about to connect to, so names, IP literals,
      mapped addresses and names that change between look-up and connection all pass one check.
    - Redirects are returned, never followed. Proxies, ``.netrc`` and cookies are not used.
    - Connections are pooled per allow-list: one that was made under a wide list is never
      handed to a call with a narrower one.
    - The decoded body, the headers and the time of an answer are bounded by ``Limits``.

    Close it (or use it as an async context manager) before the event loop ends.
    """

    def __init__(
        self,
        *,
        resolver: AbstractResolver | None = None,
        tls: ssl.SSLContext | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._resolver = resolver or NameResolver()
        self._tls: ssl.SSLContext | bool = tls or True
        self._monotonic = monotonic
        self._sessions: dict[frozenset[IPNetwork], aiohttp.ClientSession] = {}
        self._latest: tuple[tuple[IPNetwork, ...], aiohttp.ClientSession] | None = None
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every pooled connection; calls after this are a programming error."""
        self._closed = True
        sessions = list(self._sessions.values())
        self._sessions.clear()
        for session in sessions:
            await session.close()
        await self._resolver.close()

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        limits: Limits = DEFAULT_LIMITS,
        allow: tuple[IPNetwork, ...] = (),
    ) -> EgressReply:
        """Call ``url`` once and return the answer; raise ``EgressError`` when none came."""
        target, where = _parse(url)
        sent_headers = {"User-Agent": _USER_AGENT, **_clean(headers or _NO_HEADERS, where)}
        progress = _Progress()
        _progress.set(progress)
        session = self._session_for(allow)
        started = self._monotonic()
        try:
            async with (
                asyncio.timeout(limits.total_s),
                session.request(
                    method,
                    target,
                    headers=sent_headers,
                    data=body,
                    allow_redirects=False,
                    ssl=self._tls,
                    timeout=_connecting(limits.connect_s),
                ) as response,
            ):
                # Leaving the block before the end of the answer drops the connection.
                kept, truncated = await _read(response, limits, where)
        except (aiohttp.ClientError, OSError, ValueError) as fault:
            # aiohttp's own errors quote the whole URL, tokens and all: they go no further.
            raise explain(fault, where, connected=progress.connected) from None
        return EgressReply(
            status=response.status,
            headers=_received(response),
            body=kept,
            truncated=truncated,
            elapsed=self._monotonic() - started,
        )

    def _session_for(self, allow: tuple[IPNetwork, ...]) -> aiohttp.ClientSession:
        if self._closed:
            raise RuntimeError("the outgoing HTTP client is closed")
        # Most calls come in a row from one caller with one list, and hashing networks is slow.
        if self._latest is not None and self._latest[0] is allow:
            return self._latest[1]
        networks = frozenset(allow)
        session = self._sessions.get(networks)
        if session is None:
            session = self._sessions[networks] = self._open_session(allow)
        self._latest = (allow, session)
        return session

    def _open_session(self, allow: tuple[IPNetwork, ...]) -> aiohttp.ClientSession:
        def guarded_socket(info: "aiohttp.AddrInfoType") -> socket.socket:
            family, kind, proto, _, address = info
            if not judge(str(address[0]), allow).permitted:
                raise AddressNotPermitted(str(address[0]))
            return socket.socket(family, kind, proto)

        return aiohttp.ClientSession(
            # No limit here: callers bound their own work, and a call that waits for a slot would
            # be counted as a time-out of an endpoint that has done nothing wrong.
            connector=_Connector(
                limit=0,
                resolver=self._resolver,
                socket_factory=guarded_socket,
                keepalive_timeout=_KEEP_ALIVE_S,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            skip_auto_headers=("Content-Type",),
            max_headers=_MAX_HEADERS,
            max_line_size=_MAX_LINE,
            max_field_size=_MAX_LINE,
        )


@lru_cache(maxsize=64)
def _connecting(seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, connect=seconds)


# Most calls repeat an endpoint's URL, and taking a URL apart costs as much as signing an event.
@lru_cache(maxsize=256)
def _parse(url: str) -> tuple[URL, str]:
    """Return the URL to call, and the part of it that may be shown in messages."""
    if any(character <= " " or character == "\x7f" for character in url):
        raise EgressError(EgressErrorKind.PROTOCOL, "a URL holds spaces or control characters")
    try:
        # Providers sign the exact URL: what is already ASCII goes out unchanged.
        target = URL(url, encoded=url.isascii())
        host, _ = target.host, target.port
    except ValueError as fault:
        raise EgressError(EgressErrorKind.PROTOCOL, "a URL cannot be understood") from fault
    if target.scheme not in {"http", "https"}:
        raise EgressError(
            EgressErrorKind.BLOCKED,
            f"a URL has the scheme {target.scheme[:16]!r}",
            "only http and https URLs are called",
        )
    if not host:
        raise EgressError(EgressErrorKind.PROTOCOL, "a URL names no host")
    return target, f"{target.scheme}://{target.host_port_subcomponent}"


def _clean(headers: Mapping[str, str], where: str) -> Mapping[str, str]:
    if _TWO_LINES.search("".join([*headers, *headers.values()])):
        raise EgressError(EgressErrorKind.PROTOCOL, f"{where}: a request header has two lines")
    return headers


async def _read(response: aiohttp.ClientResponse, limits: Limits, where: str) -> tuple[bytes, bool]:
    """Read the decoded body up to the limit; say whether it went on."""
    kept = bytearray()
    while chunk := await response.content.readany():
        kept += chunk
        if len(kept) > limits.body_bytes:
            if limits.refuse_larger:
                raise EgressError(
                    EgressErrorKind.TOO_LARGE,
                    f"{where}: the answer is larger than {limits.body_bytes} bytes",
                    request_sent=True,
                )
            return bytes(kept[: limits.body_bytes]), True
    return bytes(kept), False


def _received(response: aiohttp.ClientResponse) -> dict[str, str]:
    """Fold the headers into a plain dictionary that any store can keep."""
    folded: dict[str, str] = {}
    for name, value in response.headers.items():
        # aiohttp keeps bytes that are not UTF-8 as lone surrogates, which no database accepts.
        text = value
        if not text.isascii():
            text = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        key = name.lower()
        folded[key] = f"{folded[key]}, {text}" if key in folded else text
    return folded
