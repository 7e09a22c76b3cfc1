"""Forks gateways from a process that has imported everything: a start takes a moment.

What is forked does exactly what the command line does, in a process of its own that can be killed,
frozen and replaced. ``python -m tests.failure.nursery FD`` is the parent; it answers orders that
come as JSON over the socket ``FD`` and takes its children with it when that is closed.
"""

import asyncio
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from tests.failure.broken import BREAK

ROOT = Path(__file__).parents[2]
_ORDER_LIMIT = 65536
REHEARSAL = """
site: {{name: x, jurisdiction: "370100", public_url: "http://127.0.0.1:1"}}
store: {{url: "sqlite:///{folder}/hotline.db"}}
blobs: {{url: "file:{folder}/blobs"}}
channels:
  - kind: sms
    account: main
    account_sid: AC00000000000000000000000000000000
    auth_token: "${{REHEARSAL_TOKEN:-none}}"
    number: "+15005550006"
    base_url: http://127.0.0.1:1
  - {{kind: web, account: site}}
speech: {{model: null}}
"""


class Nursery:
    """The side of the tests; any thread may ask."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.failure.nursery", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                cwd=ROOT,
                # A library's own threads would not survive a fork.
                env={**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
            )

    def start(
        self,
        words: list[str],
        *,
        environment: dict[str, str],
        broken: str | None,
        out: int,
        log: int,
    ) -> int:
        """Start ``hotline WORDS`` with these file descriptors for its output; return its pid."""
        order = {"start": words, "environment": environment, "broken": broken}
        with self._turn:
            socket.send_fds(self._socket, [json.dumps(order).encode()], [out, log])
            return self._answer()

    def bury(self, pid: int) -> int:
        """Return the exit code of a child that has ended, negative when a signal ended it."""
        with self._turn:
            self._socket.send(json.dumps({"bury": pid}).encode())
            return self._answer()

    def close(self) -> None:
        """End the nursery and every child that still lives."""
        self._socket.close()
        self._process.wait(timeout=30)

    def _answer(self) -> int:
        answer = self._socket.recv(_ORDER_LIMIT)
        if not answer:
            raise RuntimeError("the nursery is gone")
        return int(answer)


def _take_orders(orders: socket.socket) -> None:
    children: set[int] = set()
    while True:
        text, descriptors, _, _ = socket.recv_fds(orders, _ORDER_LIMIT, 2)
        if not text:
            break
        order = json.loads(text)
        if "start" in order:
            pid = os.fork()
            if pid == 0:
                orders.close()
                _become_gateway(order, *descriptors)
            for descriptor in descriptors:
                os.close(descriptor)
            children.add(pid)
            orders.send(str(pid).encode())
        else:
            _, status = os.waitpid(order["bury"], 0)
            children.discard(order["bury"])
            orders.send(str(os.waitstatus_to_exitcode(status)).encode())
    for pid in children:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _become_gateway(order: dict[str, Any], out: int, log: int) -> NoReturn:
    from gateway.cli import main

    code = 70
    try:
        os.setsid()
        os.dup2(out, 1)
        os.dup2(log, 2)
        os.close(out)
        os.close(log)
        # The inherited streams know what their files were, not what they are now.
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115
        os.environ.update(order["environment"])
        if order["broken"] is not None:
            BREAK[order["broken"]]()
        code = main(order["start"])
    except BaseException:
        traceback.print_exc()  # a child must never go on as if it were its parent
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


async def _rehearse(folder: Path) -> None:
    """Run a gateway once and end it: everything that is loaded only when needed is loaded now."""
    from gateway.app import built
    from gateway.channel.discovery import discover
    from gateway.cli import parser_for
    from gateway.cli._serving import serving
    from gateway.cli._settings import load_config

    config = folder / "hotline.yaml"
    config.write_text(REHEARSAL.format(folder=folder), encoding="utf-8")
    words = ["--config", str(config), "--data", str(folder)]
    parsed = load_config(parser_for("serve").parse_args(words))
    with (folder / "log").open("w") as log:
        async with (
            built(parsed, discover(), log_to=log) as gateway,
            serving(gateway, "127.0.0.1", 0),
        ):
            pass


def _get_ready() -> None:
    from gateway.store.postgres import PostgresStore

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_rehearse(Path(folder)))
    PostgresStore("postgresql://nobody@127.0.0.1:1/none")
    # Nobody but this thread may be there to be left behind by a fork.
    assert len(list(Path("/proc/self/task").iterdir())) == 1
    gc.freeze()


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as here:
        _get_ready()
        _take_orders(here)
