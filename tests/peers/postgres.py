"""A PostgreSQL server of the tests' own, in a temporary folder, to be killed at will."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import psutil

from tests.peers.ports import free_port

USER = "hotline"
START_LIMIT_S = 60.0

_CURE = "cure: make peers (as root), or install PostgreSQL's server package"


class PostgresServer:
    """One server process tree. Durable as in production: fsync stays on."""

    def __init__(self, folder: Path, port: int) -> None:
        self.port = port
        self._folder = folder
        self._data = folder / "data"
        self._log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = count(1)
        # The server refuses to run as root.
        self._account = _account() if os.geteuid() == 0 else None

    def url(self, database: str = "postgres") -> str:
        """Address of a database, without a password: loopback is trusted."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def initialise(self) -> None:
        """Make the data folder."""
        if self._account is not None:
            shutil.chown(self._folder, user=self._account)
        self._run(
            [
                *("initdb", "--pgdata", str(self._data), "--username", USER, "--auth", "trust"),
                *("--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"),
            ],
            as_server=True,
        )

    def start(self) -> None:
        """Start and wait until it answers; after a crash this replays the log first."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(_program("postgres"), "-D", str(self._data), "-p", str(self.port)),
                    *("-c", "listen_addresses=127.0.0.1", "-k", str(self._data)),
                    *("-c", "max_connections=200", "-c", "shared_buffers=64MB"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                user=self._account,
                group=self._group(),
                extra_groups=None if self._account is None else [],
                start_new_session=True,
            )
        deadline = time.monotonic() + START_LIMIT_S
        ready = [_program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port), "-U", USER]
        while subprocess.run(ready, check=False).returncode != 0:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start:\n{self._log.read_text()[-2000:]}")
            time.sleep(0.05)

    def create_database(self) -> str:
        """A new, empty database; returns its address."""
        name = f"t{next(self._numbers)}"
        self._run(["createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", USER, name])
        return self.url(name)

    def kill(self) -> None:
        """SIGKILL to the whole process tree."""
        if self._process is None:
            return
        root = psutil.Process(self._process.pid)
        tree = [root, *root.children(recursive=True)]
        for process in tree:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.wait()
        while any(_lives(process) for process in tree):
            time.sleep(0.005)
        self._process = None

    def stop(self) -> None:
        """Fast, orderly shutdown."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(START_LIMIT_S)
            self._process = None

    def _run(self, command: list[str], *, as_server: bool = False) -> None:
        account = self._account if as_server else None
        done = subprocess.run(
            [_program(command[0]), *command[1:]],
            check=False,
            capture_output=True,
            text=True,
            cwd=self._folder,
            user=account,
            group=self._group() if as_server else None,
            extra_groups=[] if account is not None else None,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{command[0]}: {done.stderr}")

    def _group(self) -> int | None:
        return None if self._account is None else pwd.getpwnam(self._account).pw_gid


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """A server that has started; it and its folder are gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="hotline-postgres-"))
    server = PostgresServer(folder, free_port())
    try:
        server.initialise()
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _lives(process: psutil.Process) -> bool:
    """A zombie holds neither memory nor files any more, however late it is reaped."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _account() -> str:
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _program(name: str) -> str:
    """Debian keeps the server's programs out of the path, in a folder per major version."""
    versions = sorted(
        Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4])
    )
    found = str(versions[-1]) if versions else shutil.which(name)
    if found is None:
        raise RuntimeError(f"PostgreSQL's program {name} is not installed; {_CURE}")
    return found
