"""Small disks that a test can fill up and empty again."""

import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.failure.processes import GatewayProcess

_CHUNK = b"\0" * 4096


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A file system of this size in memory; only root may mount one."""
    folder.mkdir()
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "hotline-test", str(folder)],
        check=True,
    )
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path) -> Callable[[], None]:
    """Leave no room on a disk; returns what gives the room back."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(_CHUNK)
        except OSError:
            pass
    return ballast.unlink


def allow_no_growth(process: GatewayProcess, database: Path) -> Callable[[], None]:
    """Let no file of a process grow, as a quota would; returns what allows it again.

    For whoever may not mount a file system: the kernel refuses the write in another way (EFBIG).
    """
    assert process.pid is not None
    pid = process.pid
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    limit = database.with_name(database.name + "-wal").stat().st_size
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, before[1]))

    def release() -> None:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)

    return release
