"""The one outgoing HTTP client: addresses are checked as they are connected to, answers bounded."""

import socket
import ssl
import time
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.http_exceptions import HttpProcessingError
from multidict import CIMultiDictProxy

from gateway.channel.http import (
    DEFAULT_LIMITS,
    EgressError,
    EgressErrorKind,
    EgressReply,
    IPNetwork,
    Limits,
)
from gateway.egress.exchange import Answer, exchange
from gateway.egress.faults import AddressNotPermitted, explain
from gateway.egress.guard import judge
from gateway.egress.names import NameResolver
from gateway.egress.target import Target, target_of

_KEEP_ALIVE_S = 15.0
# Calls that may be made twice: a kept connection can end in the moment it is used again.
_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
_LEAST_S = 0.001  # to aiohttp, no time at all means no limit


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
        self._monotonic = monotonic
        # Most calls repeat an endpoint's URL, and taking one apart costs as much as the call.
        self._target = lru_cache(maxsize=256)(partial(target_of, tls=tls or True))
        self._connectors: dict[frozenset[IPNetwork], aiohttp.TCPConnector] = {}
        self._latest: tuple[tuple[IPNetwork, ...], aiohttp.TCPConnector] | None = None
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
        connectors = list(self._connectors.values())
        self._connectors.clear()
        for connector in connectors:
            await connector.close()
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
        started = self._monotonic()
        target = self._target(method, url)
        call = _Call(self._connector_for(allow), target, target.written(headers, body), limits)
        try:
            answer = await call.answer()
        except (aiohttp.ClientError, HttpProcessingError, OSError, ValueError) as fault:
            # aiohttp's own errors quote the whole URL, tokens and all: they go no further.
            raise explain(fault, target.where, connected=call.connected) from None
        if answer.cut and limits.refuse_larger:
            raise EgressError(
                EgressErrorKind.TOO_LARGE,
                f"{target.where}: the answer is larger than {limits.body_bytes} bytes",
                request_sent=True,
            )
        return EgressReply(
            status=answer.status,
            headers=_folded(answer.headers),
            body=answer.body,
            truncated=answer.cut,
            elapsed=self._monotonic() - started,
        )

    def _connector_for(self, allow: tuple[IPNetwork, ...]) -> aiohttp.TCPConnector:
        if self._closed:
            raise RuntimeError("the outgoing HTTP client is closed")
        # Most calls come in a row from one caller with one list, and hashing networks is slow.
        if self._latest is not None and self._latest[0] is allow:
            return self._latest[1]
        networks = frozenset(allow)
        connector = self._connectors.get(networks)
        if connector is None:
            connector = self._connectors[networks] = self._guarded(allow)
        self._latest = (allow, connector)
        return connector

    def _guarded(self, allow: tuple[IPNetwork, ...]) -> aiohttp.TCPConnector:
        def guarded_socket(info: "aiohttp.AddrInfoType") -> socket.socket:
            family, kind, proto, _, address = info
            if not judge(str(address[0]), allow).permitted:
                raise AddressNotPermitted(str(address[0]))
            return socket.socket(family, kind, proto)

        # No limit here: callers bound their own work, and a call that waits for a slot would
        # be counted as a time-out of an endpoint that has done nothing wrong.
        return aiohttp.TCPConnector(
            limit=0,
            resolver=self._resolver,
            socket_factory=guarded_socket,
            keepalive_timeout=_KEEP_ALIVE_S,
        )


class _Call:
    """One call under way; ``connected`` says whether bytes of it may have left."""

    __slots__ = ("_connector", "_limits", "_request", "_target", "connected")

    def __init__(
        self, connector: aiohttp.TCPConnector, target: Target, request: bytes, limits: Limits
    ) -> None:
        self._connector = connector
        self._target = target
        self._request = request
        self._limits = limits
        self.connected = False

    async def answer(self) -> Answer:
        """Connect, send and receive, within the limits."""
        loop, total_s = self._target.request.loop, self._limits.total_s
        deadline = loop.time() + total_s
        if self._target.method in _REPEATABLE:
            try:
                return await self._once(deadline, total_s)
            except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
                if not self.connected:
                    raise
            total_s = max(deadline - loop.time(), _LEAST_S)
        return await self._once(deadline, total_s)

    async def _once(self, deadline: float, left_s: float) -> Answer:
        connection = await self._connector.connect(
            self._target.request, [], _connecting(min(self._limits.connect_s, left_s))
        )
        self.connected = True
        return await exchange(
            connection,
            self._request,
            loop=self._target.request.loop,
            method=self._target.method,
            deadline=deadline,
            most=self._limits.body_bytes,
        )


@lru_cache(maxsize=64)
def _connecting(seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, connect=seconds)


def _folded(headers: CIMultiDictProxy[str]) -> dict[str, str]:
    """Fold the headers into a plain dictionary that any store can keep."""
    folded: dict[str, str] = {}
    for name, value in headers.items():
        # aiohttp keeps bytes that are not UTF-8 as lone surrogates, which no database accepts.
        text = value
        if not text.isascii():
            text = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        key = name.lower()
        folded[key] = f"{folded[key]}, {text}" if key in folded else text
    return folded
