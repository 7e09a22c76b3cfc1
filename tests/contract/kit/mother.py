"""A program: loads the gateway once and, for each line it reads, bears one that serves.

Starting costs more than all that the kit then does to it. Called with the folder of the channels, a
configuration, a data folder and code to run first, it reads a named point (or nothing) a line. The
child says ``born PID`` and ``ready URL``; then the mother says ``died STATUS``.
"""

import os
import pkgutil
import socket
import sys
from importlib import import_module
from typing import Any

EVERYTHING = (
    "alembic.command",
    "gateway.app",
    "gateway.cli._serving",
    "gateway.cli._settings",
    "sqlalchemy.dialects.sqlite.pysqlite",
)
CHANNELS, CONFIG, DATA, PRELUDE = sys.argv[1:]


def only_loopback() -> None:
    """Make every other address unknown and unreachable."""
    here = ("127.0.0.1", "::1", "localhost", "unix")
    look_up, connect = socket.getaddrinfo, socket.socket.connect

    def found(host: Any, *more: Any, **named: Any) -> Any:
        if host is not None and host not in here:
            raise socket.gaierror(socket.EAI_NONAME, "the kit stays on loopback")
        return look_up(host, *more, **named)

    def connected(self: socket.socket, address: Any) -> None:
        if (address[0] if isinstance(address, tuple) else "unix") not in here:
            raise ConnectionRefusedError("the kit stays on loopback")
        connect(self, address)

    socket.getaddrinfo = found
    socket.socket.connect = connected  # type: ignore[method-assign, assignment]


def serve(stop_at: str) -> int:
    """Be a gateway."""
    from gateway.cli import main

    os.environ["HOTLINE_STOP_AT"] = stop_at
    return main(["serve", "--config", CONFIG, "--data", DATA, "--port", "0"])


def load() -> None:
    """Import what every gateway needs, and do to it what is to be wrong with it."""
    import channels

    if CHANNELS not in map(str, channels.__path__):
        channels.__path__.append(CHANNELS)
    for name in EVERYTHING:
        import_module(name)
    for found in pkgutil.walk_packages(channels.__path__, "channels."):
        import_module(found.name)
    exec(PRELUDE, {})  # noqa: S102 - the kit's own sabotage


def say(word: str, number: int) -> None:
    """Tell the kit something."""
    print(word, number, flush=True)


only_loopback()
load()
for line in iter(sys.stdin.readline, ""):
    child = os.fork()
    if child == 0:
        say("born", os.getpid())
        sys.exit(serve(line.strip()))
    _, status = os.waitpid(child, 0)
    say("died", os.waitstatus_to_exitcode(status))
