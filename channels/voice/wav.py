"""Reads the WAV files telephone prompts come in: one channel, 8000 samples a second.

G.711 (format tags 6 and 7) is what telephone systems save, and the standard library's reader
refuses it; hence these few lines.
"""

import struct

from channels.voice.leg import SAMPLE_RATE
from gateway.domain.errors import GatewayError
from gateway.domain.g711 import alaw_to_pcm, mulaw_to_pcm

_CURE = "save it as a mono WAV file with 8000 samples a second, µ-law, A-law or 16-bit PCM"


class UnusableWav(GatewayError):
    """A file that cannot be played on a telephone line."""

    def __init__(self, what: str) -> None:
        super().__init__(what, _CURE)


def read_wav(content: bytes) -> bytes:
    """Return the 16-bit samples of a WAV file; raises ``UnusableWav`` and nothing else."""
    if len(content) < 12 or content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise UnusableWav("not a WAV file")
    coding, width = None, 0
    place = 12
    while place + 8 <= len(content):
        name, size = content[place : place + 4], struct.unpack_from("<I", content, place + 4)[0]
        chunk = content[place + 8 : place + 8 + size]
        if name == b"fmt " and len(chunk) >= 16:
            coding, channels, rate, _, _, width = struct.unpack_from("<HHIIHH", chunk)
            if channels != 1 or rate != SAMPLE_RATE:
                raise UnusableWav(f"a WAV file with {channels} channels at {rate} Hz")
        elif name == b"data":
            return _decoded(chunk, coding, width)
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
