"""Gateway processes as an operator runs them, to be killed the hard way and started again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
START_S = 60


@dataclass
class GatewayProcess:
    """One ``hotline serve``; ``stop_at`` names the point at which it kills itself."""

    config: Path
    data: Path
    port: int
    role: str = "all"
    log: Path = field(init=False)
    _process: subprocess.Popen[str] | None = None

    def __post_init__(self) -> None:
        self.log = self.data / f"{self.role}-{self.port}.log"

    def start(self, stop_at: str | None = None) -> None:
        """Start the process and wait until it accepts connections (or has died at its point)."""
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        environment.pop("HOTLINE_STOP_AT", None)
        if stop_at is not None:
            environment["HOTLINE_STOP_AT"] = stop_at
        command: Sequence[str] = (
            sys.executable,
            "-m",
            "gateway.cli",
            "serve",
            "--config",
            str(self.config),
            "--data",
            str(self.data),
            "--port",
            str(self.port),
            "--role",
            self.role,
        )
        with self.log.open("a") as log:
            self._process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment, cwd=ROOT
            )
        assert self._process.stdout is not None
        ready = self._process.stdout.readline()
        if not ready.startswith("ready ") and stop_at is None:
            raise AssertionError(f"the gateway did not start: {self.log.read_text()[-2000:]}")

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """Kill the process without any warning and wait until it is gone."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(timeout=20)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def end(self) -> int:
        """Ask the process to stop and return its exit code."""
        assert self._process is not None
        self._process.terminate()
        code = self._process.wait(timeout=60)
        if self._process.stdout is not None:
            self._process.stdout.close()
        return code

    def wait_until_dead(self, seconds: float) -> bool:
        """Wait for the process to kill itself; return whether it did."""
        assert self._process is not None
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self._process.poll() is not None:
                return True
            time.sleep(0.02)
        return False


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
