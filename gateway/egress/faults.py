"""Turns whatever aiohttp raises into the closed set of reasons a call brought no answer."""

import errno
import socket
import ssl

import aiohttp
from aiohttp.http_exceptions import ContentLengthError, HttpProcessingError, LineTooLong

from gateway.channel.http import EgressError, EgressErrorKind

_OUR_SHORTAGES = frozenset(
    {
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOBUFS,
        errno.ENOMEM,
        errno.EADDRNOTAVAIL,
        errno.ENETDOWN,
        errno.ENETUNREACH,
    }
)
# Tells a body that was cut off from one that is malformed; aiohttp raises one error for both.
_CUT_OFF = (ConnectionError, aiohttp.ClientConnectionError, ContentLengthError)


class AddressNotPermitted(OSError):
    """The guard refused ``address`` at the moment of connecting to it."""

    def __init__(self, address: str) -> None:
        # One text for every address: the connector folds several failures of equal text into
        # the first of them, and otherwise into a bare OSError that hides the reason.
        super().__init__(errno.EACCES, "address not permitted")
        self.address = address


def explain(fault: Exception, where: str, *, connected: bool) -> EgressError:
    """Return the ``EgressError`` for ``fault``; ``where`` is scheme, host and port of the call.

    ``connected`` says whether a connection had been obtained, from which moment on bytes of the
    request may have left.
    """
    kind, message, cure, ours = _classify(fault, where, connected=connected)
    return EgressError(kind, message, cure, request_sent=connected, ours=ours)


def _classify(
    fault: Exception, where: str, *, connected: bool
) -> tuple[EgressErrorKind, str, str, bool]:
    match fault:
        case aiohttp.ClientConnectorDNSError():
            ours = fault.os_error.errno == socket.EAI_AGAIN
            if ours:
                cure = "check this machine's name servers"
            else:
                cure = "check the host name in the configured URL"
            return EgressErrorKind.DNS, f"{where}: the name cannot be resolved", cure, ours
        case aiohttp.ClientConnectorCertificateError(certificate_error=cause):
            reason = getattr(cause, "verify_message", "") or "the certificate was refused"
            return (
                EgressErrorKind.TLS,
                f"{where}: {reason}",
                "check the certificate of the other side (name, expiry, issuer)",
                False,
            )
        case aiohttp.ClientConnectorSSLError():
            return EgressErrorKind.TLS, f"{where}: the TLS handshake failed", "", False
        case aiohttp.ClientConnectorError(os_error=AddressNotPermitted(address=address)):
            return (
                EgressErrorKind.BLOCKED,
                f"{where}: leads to {address}, which the gateway may not call",
                "if the address is meant, list its network under `allow`; link-local, metadata"
                " and reserved addresses cannot be listed",
                False,
            )
        case aiohttp.ClientConnectorError(os_error=TimeoutError()):
            return _timed_out(where, connected=False)
        case aiohttp.ClientConnectorError():
            ours = fault.os_error.errno in _OUR_SHORTAGES
            cure = "check this machine's network" if ours else "check that the service is running"
            return EgressErrorKind.REFUSED, f"{where}: no connection", cure, ours
        case TimeoutError():
            return _timed_out(where, connected=connected)
        case aiohttp.InvalidURL():
            return (
                EgressErrorKind.PROTOCOL,
                f"{where}: the host is neither a name nor a plainly written address",
                "write an IPv4 address as four decimal numbers",
                False,
            )
        case HttpProcessingError() if _caused_by(fault, LineTooLong):
            return (
                EgressErrorKind.TOO_LARGE,
                f"{where}: the answer's headers are too long",
                "",
                False,
            )
        case aiohttp.ClientPayloadError() if not _caused_by(fault, *_CUT_OFF):
            return EgressErrorKind.PROTOCOL, f"{where}: the answer's body is malformed", "", False
        case aiohttp.ClientPayloadError() | aiohttp.ClientConnectionError() | OSError():
            if isinstance(fault.__cause__, ssl.SSLError):
                return EgressErrorKind.TLS, f"{where}: the TLS connection broke", "", False
            return (
                EgressErrorKind.RESET,
                f"{where}: the connection ended before the answer did",
                "",
                False,
            )
        case _:
            return EgressErrorKind.PROTOCOL, f"{where}: the answer is not HTTP", "", False


def _timed_out(where: str, *, connected: bool) -> tuple[EgressErrorKind, str, str, bool]:
    if connected:
        return EgressErrorKind.TIMEOUT, f"{where}: no complete answer in time", "", False
    cure = "check that the service can be reached from this machine"
    return EgressErrorKind.TIMEOUT_CONNECT, f"{where}: no connection in time", cure, False


def _caused_by(fault: BaseException, *kinds: type[BaseException]) -> bool:
    seen: BaseException | None = fault
    while seen is not None:
        if isinstance(seen, kinds):
            return True
        seen = seen.__cause__ or seen.__context__
    return False
