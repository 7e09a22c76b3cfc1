"""No contract test leaves this machine: a connection to anywhere else fails the test."""

import socket
from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _nothing_leaves_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine: Callable[[socket.socket, Any], None] = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        host = address[0] if isinstance(address, tuple) else "unix"
        assert host in ("127.0.0.1", "::1", "unix"), f"a connection to {host} was tried"
        genuine(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)
