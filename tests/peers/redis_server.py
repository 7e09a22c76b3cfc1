"""A Redis server of the tests' own: on loopback, without persistence, to be killed at will."""

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.peers.ports import free_port

START_LIMIT_S = 30.0


class RedisServer:
    """One server process. ``options`` are further redis-server arguments."""

    def __init__(self, folder: Path, port: int, options: Sequence[str] = ()) -> None:
        self.port = port
        self.url = f"redis://127.0.0.1:{port}/0"
        self._folder = folder
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, empty unless the options say otherwise, and wait until it answers."""
        program = shutil.which("redis-server")
        if program is None:
            raise RuntimeError("redis-server is not installed; cure: make peers (as root)")
        self._process = subprocess.Popen(
            [
                *(program, "--port", str(self.port), "--bind", "127.0.0.1"),
                *("--dir", str(self._folder), "--save", "", "--appendonly", "no", *self._options),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + START_LIMIT_S
        while self._ask(b"PING\r\n") != b"+PONG\r\n":
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Redis did not start on port {self.port}")
            time.sleep(0.02)

    def flush(self) -> None:
        """Forget everything."""
        if self._ask(b"FLUSHALL\r\n") != b"+OK\r\n":
            raise RuntimeError("Redis did not flush")

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """SIGSTOP: connections stay open and nobody answers."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def _ask(self, command: bytes) -> bytes:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(command)
                return connection.recv(100)
        except OSError:
            return b""


@contextmanager
def running_redis(options: Sequence[str] = ()) -> Iterator[RedisServer]:
    """A server that has started; it and its folder are gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="hotline-redis-"))
    server = RedisServer(folder, free_port(), options)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)
