"""Free loopback ports for servers that cannot be told "any port"."""

import secrets
import socket
from contextlib import suppress

# Linux makes outgoing connections from 32768 on (ip_local_port_range). A server that is down for a
# moment could find its port taken by one of those; SIPp's sound goes through what lies below.
_FIRST, _HOW_MANY = 20_000, 12_000


def free_port() -> int:
    """A port of 127.0.0.1 that was free a moment ago, for TCP and for UDP."""
    while True:
        port = _FIRST + secrets.randbelow(_HOW_MANY)
        with (
            suppress(OSError),
            socket.socket(type=socket.SOCK_STREAM) as stream,
            socket.socket(type=socket.SOCK_DGRAM) as datagrams,
        ):
            stream.bind(("127.0.0.1", port))
            datagrams.bind(("127.0.0.1", port))
            return port
