"""A real Asterisk of the tests' own, on free loopback ports, to be stopped and killed at will."""

import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
import wave
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from string import Template
from typing import Any

from tests.peers.ports import free_port

START_LIMIT_S = 30.0
USER = "gateway"
PASSWORD = "an-invented-ari-password"

_SAMPLES = Path(__file__).resolve().parents[2] / "config" / "asterisk"
_TEMPLATES = Path(__file__).with_name("asterisk_conf")
_CURE = "cure: make peers (as root), or name a folder with Asterisk 22 in HOTLINE_ASTERISK"


class AsteriskServer:
    """One PBX: SIP for callers, ARI for the gateway, recordings below ``folder``.

    A number dialled at ``sip`` goes to the hotline; ``sip:NAME@HOST:PORT`` below ``trunk`` rings
    somebody (``dial``).
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sip_port = free_port()
        self.http_port = free_port()
        self.log = folder / "asterisk.log"
        self.outage = folder / "outage"
        self._root = installed()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Address of its HTTP server."""
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def sip(self) -> str:
        """``HOST:PORT`` of its SIP."""
        return f"127.0.0.1:{self.sip_port}"

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process is not None
        return self._process.pid

    @staticmethod
    def dial(port: int, name: str = "agent") -> str:
        """The dial string of a telephone that listens on a loopback port."""
        return f"PJSIP/trunk/sip:{name}@127.0.0.1:{port}"

    def configure(self) -> None:
        """Write its configuration and the folders it expects."""
        etc = self.folder / "etc"
        for name in ("etc", "var", "spool/recording", "run", "log", "outage"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        # Several of them run side by side, each with ports of its own for audio.
        first = random.randrange(20000, 58000, 2)
        values = {
            "etc": str(etc),
            "modules": str(next(self._root.glob("usr/lib/*/asterisk/modules"))),
            "data": str(self._root / "usr/share/asterisk"),
            "var": str(self.folder / "var"),
            "spool": str(self.folder / "spool"),
            "run": str(self.folder / "run"),
            "log": str(self.folder / "log"),
            "sip": self.sip,
            "http_port": str(self.http_port),
            "rtp_first": str(first),
            "rtp_last": str(first + 2000),
            "user": USER,
            "password": PASSWORD,
            "outage": str(self.outage),
        }
        for template in _TEMPLATES.glob("*.conf"):
            text = Template(template.read_text()).substitute(values)
            (etc / template.name).write_text(text)
        # A second instead of the real statement, which takes a quarter of a minute.
        with wave.open(str(self.folder / "words.wav"), "wb") as words:
            words.setnchannels(1)
            words.setsampwidth(2)
            words.setframerate(8000)
            words.writeframes(bytes(16_000))
        dialplan = (_SAMPLES / "extensions.conf").read_text()
        for setting, value in (
            ("HOTLINE_OUTAGE", str(self.outage)),
            ("HOTLINE_OUTAGE_WORDS", str(self.folder / "words")),
        ):
            lines = dialplan.splitlines()
            dialplan = "\n".join(
                f"{setting} = {value}" if line.startswith(f"{setting} =") else line
                for line in lines
            )
        (etc / "extensions.conf").write_text(dialplan + "\n")

    def start(self) -> None:
        """Start and wait until ARI answers."""
        libraries = next(self._root.glob("usr/lib/*-linux-gnu"))
        # Built for a newer Debian: it brings its own loader and C library.
        loader = next(libraries.glob("ld-linux-*.so.*"))
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(str(loader), "--library-path", str(libraries)),
                    *(str(self._root / "usr/sbin/asterisk"), "-f", "-n"),
                    *("-C", str(self.folder / "etc/asterisk.conf")),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_LIMIT_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(
                    f"Asterisk did not start:\n{self.log.read_text(errors='replace')[-3000:]}"
                )
            time.sleep(0.05)

    def kill(self) -> None:
        """SIGKILL: calls and sockets are gone without a farewell."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """SIGSTOP: sockets stay open and nobody answers."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def _answers(self) -> bool:
        # Refused with 503 until everything is loaded.
        return self.ask("GET", "/ari/asterisk/ping") is not None

    def ask(self, method: str, path: str) -> Any:
        """Ask ARI beside the gateway; None when there is no good answer."""
        connection = HTTPConnection("127.0.0.1", self.http_port, timeout=5)
        proof = b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        try:
            connection.request(method, path, headers={"Authorization": f"Basic {proof}"})
            answer = connection.getresponse()
            body = answer.read()
        except OSError:
            return None
        finally:
            connection.close()
        return json.loads(body or b"{}") if answer.status < 300 else None


def installed() -> Path:
    """The folder that holds Asterisk; raises ``RuntimeError`` with the cure when there is none."""
    usual = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hotline/asterisk-22"
    root = Path(os.environ.get("HOTLINE_ASTERISK") or usual)
    if not (root / "usr/sbin/asterisk").is_file():
        raise RuntimeError(f"no Asterisk in {root}; {_CURE}")
    return root


@contextmanager
def running_asterisk() -> Iterator[AsteriskServer]:
    """A PBX that has started; it and its folder are gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="hotline-asterisk-"))
    server = AsteriskServer(folder)
    try:
        server.configure()
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)
