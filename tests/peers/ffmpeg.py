"""Where the ffmpeg program is; `make peers` installs it."""

import shutil
import subprocess
from pathlib import Path


def ffmpeg() -> str:
    """Return the program; fail with the cure when it is missing."""
    program = shutil.which("ffmpeg")
    assert program, "ffmpeg is not installed: run make peers as root, or apt-get install ffmpeg"
    return program


def convert(source: Path, target: Path, *options: str) -> Path:
    """Write ``source`` as what the name of ``target`` says, and return that."""
    subprocess.run(
        [ffmpeg(), "-y", "-v", "error", "-i", str(source), *options, str(target)], check=True
    )
    return target
