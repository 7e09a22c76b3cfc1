"""Forks gateways from one process that has imported everything: a start takes a moment, not seconds.

What is forked does exactly what the command line does, in a process of its own that can be killed,
frozen and replaced. ``python -m tests.failure.nursery FD`` is the parent; it answers orders that
come as JSON over the socket ``FD`` and takes its children with it when that is closed.
"""

import gc
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from tests.failure.broken import BREAK

ROOT = Path(__file__).parents[2]
_ORDER_LIMIT = 65536


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


def _import_everything() -> None:
    """Import what ``hotline serve`` imports; the imports themselves are what takes the time."""
    import gateway.app
    import gateway.cli._serving
    import gateway.cli._steps
    import gateway.cli.serve
    from gateway.channel.discovery import discover

    discover()


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as here:
        _import_everything()
        gc.freeze()
        _take_orders(here)
