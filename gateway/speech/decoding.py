"""Runs a decoder of somebody else's on somebody else's bytes: bounded in every way, killed in time.

The decoder reads the recording as its standard input and writes samples to its standard output. It
gets no name of a file, no network, no other descriptor, and limits of the operating system.
"""

import os
import resource
import signal
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.domain.errors import GatewayError


class AudioError(GatewayError):
    """A file is not usable as a recording."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What one decoding may take: seconds of the clock and of the processor, bytes of memory."""

    wall_s: float = 300.0
    cpu_s: int = 120
    memory: int = 1 << 30


BOUNDS = Bounds()

_BLOCK = 1 << 20
_GRACE_S = 5


def run_bounded(
    command: Sequence[str], path: Path, *, most: int, bounds: Bounds = BOUNDS, name: str
) -> bytes:
    """Return what ``command`` writes when it is fed ``path``; stop it after ``most`` bytes.

    ``name`` is the decoder in messages. Raise AudioError when it fails, takes too long, or writes
    nothing.
    """
    with path.open("rb") as source:
        process = subprocess.Popen(  # noqa: S603 - no shell, fixed arguments
            command,
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.defpath, "LC_ALL": "C"},
            start_new_session=True,
        )
    overdue = threading.Event()

    def stop() -> None:
        overdue.set()
        _kill(process)

    timer = threading.Timer(bounds.wall_s, stop)
    timer.start()
    try:
        _limit(process.pid, bounds)
        output, whole = _read(process, most)
        code = process.wait() if whole else 0
    finally:
        timer.cancel()
        _kill(process)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
    if overdue.is_set():
        raise AudioError(
            f"{name} did not finish within {bounds.wall_s:g} s", "convert the file to WAV first"
        )
    if code == -signal.SIGXCPU:
        raise AudioError(
            f"{name} needed more than {bounds.cpu_s} s of processor time",
            "convert the file to WAV first",
        )
    if code != 0 or not output:
        raise AudioError(
            f"no sound that {name} can read: damaged, encrypted, or not a recording",
            "give an audio file, such as WAV, AMR, MP3 or M4A",
        )
    return output


def _read(process: "subprocess.Popen[bytes]", most: int) -> tuple[bytes, bool]:
    """Return the output, at most ``most`` bytes, and whether that is all of it."""
    output = bytearray()
    stream = process.stdout
    while stream is not None and (block := stream.read(_BLOCK)):
        output += block
        if len(output) > most:
            return bytes(output), False
    return bytes(output), True


def _limit(pid: int, bounds: Bounds) -> None:
    for limit, soft, hard in (
        (resource.RLIMIT_AS, bounds.memory, bounds.memory),
        # The signal at the soft limit tells this end from others.
        (resource.RLIMIT_CPU, bounds.cpu_s, bounds.cpu_s + _GRACE_S),
        (resource.RLIMIT_FSIZE, 0, 0),
        (resource.RLIMIT_NOFILE, 64, 64),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        try:
            resource.prlimit(pid, limit, (soft, hard))
        except (ProcessLookupError, PermissionError):
            return  # it has ended already


def _kill(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            process.kill()
