"""Reads the WAV files telephone prompts come in, and writes them as a telephone line carries them.

G.711 (format tags 6 and 7) is what telephone systems save, and the standard library's reader
refuses it; hence these few lines.
"""

import io
import struct
import wave

import numpy as np
import soxr

from channels.voice.leg import SAMPLE_RATE
from gateway.domain.errors import GatewayError
from gateway.domain.g711 import alaw_to_pcm, mulaw_to_pcm, pcm_to_mulaw

_CURE = "save it as a mono WAV file with 8000 samples a second, µ-law, A-law or 16-bit PCM"

_RATES = range(8000, 96_001)
_PEAK = 0.7079  # -3 dBFS
_SILENT = 0.005
_MARGIN_MS = 40


class UnusableWav(GatewayError):
    """A file that cannot be played on a telephone line."""

    def __init__(self, what: str) -> None:
        super().__init__(what, _CURE)


def read_wav(content: bytes) -> bytes:
    """Return the 16-bit samples of a WAV file of 8000 Hz; raises nothing but ``UnusableWav``."""
    pcm, rate = _read(content)
    if rate != SAMPLE_RATE:
        raise UnusableWav(f"a WAV file at {rate} Hz")
    return pcm


def pcm_wav(pcm: bytes) -> bytes:
    """Return 16-bit samples as a mono WAV file with 8000 of them a second."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE)
        out.writeframes(pcm)
    return file.getvalue()


def line_wav(content: bytes) -> bytes:
    """Return a mono WAV file of any rate as one of 8000 Hz, µ-law, trimmed and at an even level.

    Raises ``UnusableWav``, also for a file in which nothing can be heard.
    """
    pcm, rate = _read(content)
    if rate not in _RATES:
        raise UnusableWav(f"a WAV file at {rate} Hz")
    samples = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768)
    narrow = np.asarray(soxr.resample(samples, rate, SAMPLE_RATE), np.float32)
    loud = np.flatnonzero(np.abs(narrow) > _SILENT)
    if not len(loud):
        raise UnusableWav("silent")
    margin = SAMPLE_RATE * _MARGIN_MS // 1000
    heard = narrow[max(0, loud[0] - margin) : loud[-1] + margin]
    level = _PEAK / float(np.abs(heard).max())
    octets = pcm_to_mulaw((heard * level * 32767).astype("<i2").tobytes())
    return _mulaw_file(octets)


def _mulaw_file(octets: bytes) -> bytes:
    length = len(octets)
    data = octets + b"\xff" * (length & 1)
    header = b"WAVEfmt " + struct.pack("<IHHIIHHH", 18, 7, 1, SAMPLE_RATE, SAMPLE_RATE, 1, 8, 0)
    header += b"fact" + struct.pack("<II", 4, length) + b"data" + struct.pack("<I", length)
    return b"RIFF" + struct.pack("<I", len(header) + len(data)) + header + data


def _read(content: bytes) -> tuple[bytes, int]:
    """Return the 16-bit samples of a mono WAV file, and how many there are in a second."""
    if len(content) < 12 or content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise UnusableWav("not a WAV file")
    coding, width, rate = None, 0, 0
    place = 12
    while place + 8 <= len(content):
        name, size = content[place : place + 4], struct.unpack_from("<I", content, place + 4)[0]
        chunk = content[place + 8 : place + 8 + size]
        if name == b"fmt " and len(chunk) >= 16:
            coding, channels, rate, _, _, width = struct.unpack_from("<HHIIHH", chunk)
            if channels != 1:
                raise UnusableWav(f"a WAV file with {channels} channels at {rate} Hz")
        elif name == b"data":
            return _decoded(chunk, coding, width), rate
        place += 8 + size + (size & 1)
    raise UnusableWav("a WAV file without audio")


def _decoded(data: bytes, coding: int | None, width: int) -> bytes:
    match coding, width:
        case (7, 8):  # format tags of RFC 2361
            return mulaw_to_pcm(data)
        case (6, 8):
            return alaw_to_pcm(data)
        case (1, 16):
            return data[: len(data) // 2 * 2]
        case _:
            pass
    raise UnusableWav(f"a WAV file of coding {coding} with {width} bits")
