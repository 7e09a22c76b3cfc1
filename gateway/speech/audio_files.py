"""Reads the recordings people send that are not WAV: AMR, Opus, MP3, M4A, 3GP, SILK and their like.

ffmpeg reads nearly all of them. SILK, the voice messages of WeChat and QQ, it does not know; that
takes the library silk-python (BSD), when it is installed.
"""

import importlib.util
import shutil
import sys
from pathlib import Path

from gateway.speech.decoding import BOUNDS, AudioError, Bounds, run_bounded

RATE = 16_000
"""Hz of everything returned here: mono, signed 16 bit, little-endian."""

_SILK = (b"#!SILK_V3", b"\x02#!SILK_V3")
# Containers of sound and of films. Playlists and lists of files (hls, concat) are not among them:
# they would make ffmpeg open other files.
_FORMATS = (
    *("aac", "ac3", "aiff", "amr", "amrnb", "amrwb", "asf", "au", "avi", "caf", "flac", "gsm"),
    *("matroska", "webm", "mov", "mp4", "m4a", "3gp", "mp3", "mpeg", "mpegts", "ogg", "w64"),
    *("wav", "wv"),
)


def decode_file(
    path: Path, *, longest_s: int, channel: int | None = None, bounds: Bounds = BOUNDS
) -> bytes:
    """Return the sound of any recording but WAV; raise AudioError with the cure.

    ``longest_s``: not much more than so many seconds are returned. ``channel`` 0 takes the left
    channel; by default all are mixed.
    """
    with path.open("rb") as file:
        start = file.read(len(_SILK[1]))
    most = (longest_s + 2) * RATE * 2
    if start.startswith(_SILK):
        return _silk(path, most=most, bounds=bounds)
    return _through_ffmpeg(path, longest_s=longest_s, left=channel == 0, most=most, bounds=bounds)


def _through_ffmpeg(path: Path, *, longest_s: int, left: bool, most: int, bounds: Bounds) -> bytes:
    program = shutil.which("ffmpeg")
    if program is None:
        raise AudioError(
            "not a WAV file, and the ffmpeg program that reads other formats is not installed",
            "install ffmpeg (on Debian: apt-get install ffmpeg), or convert the file to WAV",
        )
    command = [
        *(program, "-nostdin", "-hide_banner", "-v", "error", "-threads", "1"),
        *("-protocol_whitelist", "file,pipe", "-format_whitelist", ",".join(_FORMATS)),
        # Opened by this name the standard input can be searched, which M4A and 3GP need.
        *("-i", "file:/dev/stdin", "-map", "0:a:0", "-vn", "-sn", "-dn"),
        *("-t", str(longest_s + 1)),
        *(("-af", "pan=mono|c0=c0") if left else ("-ac", "1")),
        *("-ar", str(RATE), "-f", "s16le", "-fs", str(most + RATE), "pipe:1"),
    ]
    return run_bounded(command, path, most=most, bounds=bounds, name="ffmpeg")


def _silk(path: Path, *, most: int, bounds: Bounds) -> bytes:
    if importlib.util.find_spec("pysilk") is None:
        raise AudioError(
            "a SILK voice message (WeChat, QQ), and the library that reads those is not installed",
            "install silk-python into the gateway's environment, or convert the file to WAV",
        )
    # In a process of its own: the decoder is C and the bytes are anybody's.
    program = f"import sys, pysilk; pysilk.decode(sys.stdin.buffer, sys.stdout.buffer, {RATE})"
    return run_bounded(
        [sys.executable, "-I", "-c", program],
        path,
        most=most,
        bounds=bounds,
        name="the SILK library",
    )
