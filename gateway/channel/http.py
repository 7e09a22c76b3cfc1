"""The outgoing HTTP port: one guarded client, handed to whoever calls a URL, never built there."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Protocol

from msgspec import Struct

from gateway.domain.errors import GatewayError

IPNetwork = IPv4Network | IPv6Network

CONFIGURED: tuple[IPNetwork, ...] = (ip_network("0.0.0.0/0"), ip_network("::/0"))
"""Networks open to an address that stands in the configuration itself (an account's ``base_url``):
private ones too, for whoever writes it there means it. What is never callable stays so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long one call may take and how much of its answer is kept.

    ``connect_s`` bounds name look-up, connection and TLS handshake together, ``total_s`` the
    whole call including the last byte of the answer; both in seconds. ``body_bytes`` counts
    the *decoded* answer. A longer answer is cut there, or refused with ``too_large`` when
    ``refuse_larger`` is set (a half photograph is of no use, half an error page is).
    """

    connect_s: float = 5.0
    total_s: float = 20.0
    body_bytes: int = 64 * 1024
    refuse_larger: bool = False


DEFAULT_LIMITS = Limits()


class EgressReply(Struct, frozen=True, kw_only=True):
    """What the other side answered, whatever its status; redirects are answers, never followed.

    Header names are lower case; repeated headers are joined with ``", "``. ``truncated`` says
    that the answer went on after the last byte kept in ``body``. ``elapsed`` is in seconds.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    truncated: bool
    elapsed: float


class EgressErrorKind(StrEnum):
    """Why a call brought no answer; a closed set."""

    BLOCKED = "blocked"
    """The address (or the scheme) is one the gateway may not call."""
    DNS = "dns"
    """The name could not be resolved."""
    REFUSED = "refused"
    """No connection: nothing listens there, or there is no way to it."""
    RESET = "reset"
    """The connection ended before the answer did."""
    TIMEOUT_CONNECT = "timeout_connect"
    """No connection within ``Limits.connect_s``."""
    TIMEOUT = "timeout"
    """Connected, but no complete answer within ``Limits.total_s``."""
    PROTOCOL = "protocol"
    """What came back is not HTTP, or the request could not be put as HTTP."""
    TLS = "tls"
    """The certificate or the handshake was not acceptable."""
    TOO_LARGE = "too_large"
    """The answer is larger than the limits, and ``refuse_larger`` asked for all or nothing."""


class EgressError(GatewayError):
    """A call that brought no answer.

    ``request_sent`` is true as soon as the request *may* have reached the other side: a call
    that is not idempotent must then be treated as unknown, never blindly repeated.
    ``ours`` is true when the fault lies on this side (name server unreachable, no route, no free
    sockets), so that no endpoint is blamed for it. The message names scheme, host and port only:
    paths and queries may hold tokens.
    """

    def __init__(
        self,
        kind: EgressErrorKind,
        message: str,
        cure: str = "",
        *,
        request_sent: bool = False,
        ours: bool = False,
    ) -> None:
        super().__init__(message, cure)
        self.kind = kind
        self.request_sent = request_sent
        self.ours = ours


class HttpClient(Protocol):
    """The gateway's one way to call a URL."""

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
        """Call ``url`` once; raise ``EgressError`` when no answer came.

        ``allow`` lists the non-public networks this URL may lead into (private and loopback
        addresses are refused unless listed here; link-local and cloud metadata always are).
        """
        ...
