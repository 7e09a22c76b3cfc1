"""Gateway processes under the tests' control: started, killed, frozen, ended, looked into."""

import os
import select
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from tests.failure.nursery import Nursery

START_S = 60.0
_AWAY = 2
"""The exit code of a gateway whose store is not there: whoever supervises it tries again."""


@dataclass
class GatewayProcess:
    """One ``hotline serve``; ``broken`` names what is wrong with it (see ``broken.py``)."""

    nursery: Nursery
    config: Path
    data: Path
    port: int
    role: str = "all"
    broken: str | None = None
    log: Path = field(init=False)
    pid: int | None = None
    _ended: int | None = None
    _handle: int = -1

    def __post_init__(self) -> None:
        self.log = self.data / f"{self.role}-{self.port}.log"

    def start(self, stop_at: str | None = None) -> None:
        """Start the process and wait until it accepts connections.

        Tries again while the store is away. ``stop_at`` names the point at which the process is to
        kill itself. A process that was killed meanwhile is dead on return.
        """
        until = time.monotonic() + START_S
        while not self._start(stop_at):
            code = self.bury() if self.wait_until_dead(5) else None
            if code == _AWAY and time.monotonic() < until:
                time.sleep(0.1)
                continue
            if code == -signal.SIGKILL:
                return
            raise AssertionError(f"the gateway did not start: {self.log.read_text()[-2000:]}")

    def _start(self, stop_at: str | None) -> bool:
        reading, writing = os.pipe()
        with os.fdopen(reading) as out, self.log.open("a") as log:
            try:
                self.pid = self.nursery.start(
                    [
                        *("serve", "--config", str(self.config), "--data", str(self.data)),
                        *("--port", str(self.port), "--role", self.role),
                    ],
                    environment={} if stop_at is None else {"HOTLINE_STOP_AT": stop_at},
                    broken=self.broken,
                    out=writing,
                    log=log.fileno(),
                )
            finally:
                os.close(writing)
            self._ended = None
            self._handle = os.pidfd_open(self.pid)
            return _is_ready(out)

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._handle >= 0 and not self.wait_until_dead(0)

    @property
    def handle(self) -> int:
        """A file descriptor that becomes readable when the process ends."""
        return self._handle

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        if self._handle >= 0:
            signal.pidfd_send_signal(self._handle, number)

    def kill(self) -> None:
        """Kill the process without any warning and wait until it is gone."""
        if self.alive:
            self.send(signal.SIGKILL)
        if self._handle >= 0:
            assert self.wait_until_dead(20), f"{self.pid} survived SIGKILL"
            self.bury()

    def end(self, seconds: float = 60) -> int:
        """Ask the process to stop and return its exit code."""
        self.send(signal.SIGTERM)
        assert self.wait_until_dead(seconds), f"{self.role} did not stop"
        return self.bury()

    def wait_until_dead(self, seconds: float) -> bool:
        """Wait for the process to end; return whether it did."""
        if self._handle < 0:
            return True
        poll = select.poll()
        poll.register(self._handle, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def bury(self) -> int:
        """Return the exit code of the process, which has ended; negative: of a signal."""
        assert self.pid is not None
        if self._ended is None:
            self._ended = self.nursery.bury(self.pid)
            os.close(self._handle)
            self._handle = -1
        return self._ended


def _is_ready(out: TextIO) -> bool:
    """Wait for the line that says so; a process that dies closes its end."""
    return out.readline().startswith("ready ")


@contextmanager
def gateways(*processes: GatewayProcess) -> Iterator[None]:
    """Start all, and make sure none outlives the test."""
    try:
        for process in processes:
            process.start()
        yield
    finally:
        for process in processes:
            process.kill()
