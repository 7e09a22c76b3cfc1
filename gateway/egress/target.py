"""Where a call goes: a URL judged and taken apart once, and the requests written for it."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from yarl import URL

from gateway.channel.http import EgressError, EgressErrorKind

_USER_AGENT = "hotline-gateway"


@dataclass(frozen=True, slots=True)
class Target:
    """A method and a URL to call with it; ``where`` is what messages may show of the URL.

    ``request`` tells aiohttp's connector whom to connect to, and holds the headers of every call.
    """

    method: str
    where: str
    request: aiohttp.ClientRequest

    def written(self, headers: Mapping[str, str] | None, body: bytes | None) -> bytes:
        """Return a request as it goes out; ``headers`` take the place of the usual ones."""
        merged = self.request.headers.copy()
        if headers is not None:
            merged.update(headers)
        if body is not None:
            merged["Content-Length"] = str(len(body))
        fields = "".join([f"{name}: {value}\r\n" for name, value in merged.items()])
        if not fields.count("\r") == fields.count("\n") == len(merged) or "\0" in fields:
            raise EgressError(
                EgressErrorKind.PROTOCOL, f"{self.where}: a request header has two lines"
            )
        head = f"{self.method} {self.request.url.raw_path_qs} HTTP/1.1\r\n{fields}\r\n"
        return head.encode() + (body or b"")


def target_of(method: str, url: str, tls: ssl.SSLContext | bool) -> Target:
    """Take a URL apart; raises ``EgressError`` for one that is malformed or not HTTP."""
    if any(character <= " " or character == "\x7f" for character in url):
        raise EgressError(EgressErrorKind.PROTOCOL, "a URL holds spaces or control characters")
    try:
        # Providers sign the exact URL: what is already ASCII goes out unchanged.
        parsed = URL(url, encoded=url.isascii())
        host, _ = parsed.host, parsed.port
    except ValueError as fault:
        raise EgressError(EgressErrorKind.PROTOCOL, "a URL cannot be understood") from fault
    if parsed.scheme not in {"http", "https"}:
        raise EgressError(
            EgressErrorKind.BLOCKED,
            f"a URL has the scheme {parsed.scheme[:16]!r}",
            "only http and https URLs are called",
        )
    if not host:
        raise EgressError(EgressErrorKind.PROTOCOL, "a URL names no host")
    return Target(
        method,
        f"{parsed.scheme}://{parsed.host_port_subcomponent}",
        aiohttp.ClientRequest(method, parsed, headers={"User-Agent": _USER_AGENT}, ssl=tls),
    )
