"""The command line as a person runs it: real processes, real ports."""

import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from tests.peers.ports import free_port

ROOT = Path(__file__).resolve().parents[3]
PATIENCE_S = 60.0
_HOTLINE = (sys.executable, "-m", "gateway.cli")


def hotline(*arguments: str, timeout_s: float = 180) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        [*_HOTLINE, *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=_environment(),
        timeout=timeout_s,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Where the demo configuration's parts listen in a test."""

    gateway: int
    backend: int
    sms: int
    voice: int

    @classmethod
    def free(cls) -> "Ports":
        """Ports nobody listens on."""
        return cls(gateway=free_port(), backend=free_port(), sms=free_port(), voice=free_port())

    def moved(self, text: str) -> str:
        """The usual ports in a text replaced by these."""
        usual = {12345: self.gateway, 12346: self.backend, 12347: self.sms, 12348: self.voice}
        for port, here in usual.items():
            text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{here}")
        return text


def demo_config(folder: Path, ports: Ports) -> Path:
    """The demo configuration on ports of its own."""
    path = folder / "demo.yaml"
    path.write_text(ports.moved((ROOT / "config" / "demo.yaml").read_text("utf-8")), "utf-8")
    return path


class Running:
    """A command at work, whose output is read as it comes."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self.process = subprocess.Popen(
            [*_HOTLINE, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
            env=_environment(),
        )
        self.lines: list[str] = []
        self._coming: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        with self.process.stdout as output:
            for line in output:
                self._coming.put(line.rstrip("\n"))
        self._coming.put(None)

    def until(self, start: str) -> str:
        """The first line from here that starts so."""
        deadline = time.monotonic() + PATIENCE_S
        while (left := deadline - time.monotonic()) > 0:
            line = self._coming.get(timeout=left)
            if line is None:
                break
            self.lines.append(line)
            if line.startswith(start):
                return line
        raise AssertionError(f"no line starts with {start!r} in:\n" + "\n".join(self.lines))

    def end(self) -> int:
        """Ask it to stop as an init system does, and wait."""
        self.process.terminate()
        code = self.process.wait(PATIENCE_S)
        self._reader.join()
        while (line := self._coming.get()) is not None:
            self.lines.append(line)
        return code


@contextmanager
def running(*arguments: str) -> Iterator[Running]:
    """Run a command for the length of a block; killed at its end if it still runs."""
    command = Running(arguments)
    try:
        yield command
    finally:
        if command.process.poll() is None:
            command.process.kill()
            command.process.wait()
        command._reader.join()


def shown(url: str) -> str:
    """What a browser would get."""
    with urlopen(url, timeout=10) as answer:  # noqa: S310 - our own server on loopback
        return str(answer.read().decode())


def until_shown(url: str, what: str, times: int = 1) -> str:
    """Wait for a page to show something that often."""
    deadline = time.monotonic() + PATIENCE_S
    page = ""
    while time.monotonic() < deadline:
        page = shown(url)
        if page.count(what) >= times:
            return page
        time.sleep(0.2)
    raise AssertionError(f"{url} does not show {what!r} {times} times:\n{page}")


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONUNBUFFERED": "1", "HOTLINE_DEBUG": ""}
