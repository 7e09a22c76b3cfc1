"""Reads a recording, in whatever form a telephone system or a phone saved it, as mono PCM.

WAV is read here: the standard library's reader knows neither G.711 nor how to refuse in one
sentence. Anything else goes through a decoder in a process of its own.
"""

import io
import struct
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gateway.domain.g711 import alaw_to_pcm, mulaw_to_pcm
from gateway.speech.audio_files import RATE as DECODED_RATE
from gateway.speech.audio_files import decode_file
from gateway.speech.decoding import AudioError

__all__ = ["LONGEST_S", "Audio", "AudioError", "parse_wav", "read_audio"]

LONGEST_S = 4 * 3600
_LARGEST = 1 << 30
_RATES = range(4000, 192_001)
_CHANNELS = range(1, 9)

_UNKNOWN_SIZE = 0xFFFFFFFF


class _Coding(IntEnum):
    """The format tags of WAVE files that are read here (RFC 2361)."""

    PCM = 1
    FLOAT = 3
    ALAW = 6
    MULAW = 7
    EXTENSIBLE = 0xFFFE


@dataclass(frozen=True, slots=True, kw_only=True)
class Audio:
    """A mono recording: signed 16-bit little-endian samples."""

    pcm: bytes
    sample_rate: int

    @property
    def duration_ms(self) -> int:
        """Length in milliseconds."""
        return len(self.pcm) // 2 * 1000 // self.sample_rate


def read_audio(path: Path, *, channel: int | None = None) -> Audio:
    """Read a recording as mono; raise AudioError naming the file and the cure.

    ``channel`` takes one channel of a WAV file (0 is left; the last one when there are fewer);
    by default all are mixed.
    """
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise AudioError(f"{path}: not a file", "give the path of a recording")
        if size == 0:
            raise AudioError(f"{path}: the file is empty", "record or copy it again")
        if size > _LARGEST:
            raise AudioError(
                f"{path}: {size / 1e9:.1f} GB is more than the {_LARGEST / 1e9:.1f} GB accepted",
                "cut it into pieces",
            )
    except OSError as error:
        raise AudioError(f"{path}: {error.strerror}", "give the path of a readable file") from error
    try:
        audio = _parsed(path, channel)
        if audio.duration_ms > LONGEST_S * 1000:
            raise _too_long()
    except AudioError as error:
        raise AudioError(f"{path}: {error.message}", error.cure) from error
    except OSError as error:
        raise AudioError(f"{path}: {error.strerror}", "give the path of a readable file") from error
    return audio


def _too_long() -> AudioError:
    return AudioError(f"longer than {LONGEST_S // 3600} hours", "cut it into pieces")


def _parsed(path: Path, channel: int | None) -> Audio:
    with path.open("rb") as file:
        wave = file.read(4) == b"RIFF"
    if wave:
        return parse_wav(path.read_bytes(), channel=channel)
    pcm = decode_file(path, longest_s=LONGEST_S, channel=channel)
    return Audio(pcm=pcm, sample_rate=DECODED_RATE)


def parse_wav(data: bytes, *, channel: int | None = None) -> Audio:
    """Parse a RIFF WAVE file of linear PCM (8 to 32 bit), float, µ-law or A-law samples.

    ``channel`` is as in ``read_audio``.
    """
    stream = io.BytesIO(data)
    header = stream.read(12)
    if len(header) < 12 or header[8:] != b"WAVE":
        raise AudioError("not a WAV file", "convert it to WAV (16-bit PCM, 8 or 16 kHz)")
    form: tuple[int, int, int, int] | None = None
    while len(head := stream.read(8)) == 8:
        name, size = struct.unpack("<4sI", head)
        if name == b"data":
            if form is None:
                raise AudioError("the WAV file has samples before their format", _REPAIR)
            body = stream.read() if size == _UNKNOWN_SIZE else stream.read(size)
            if size != _UNKNOWN_SIZE and len(body) < size:
                raise AudioError(
                    f"the WAV file is truncated: {len(body)} of {size} bytes of sound are there",
                    "copy it again",
                )
            return _samples(body, *form, channel)
        body = stream.read(size + (size & 1))
        if name == b"fmt ":
            form = _format(body)
            _, channels, rate, bits = form
            # Before the samples become floats, which take up to four times the room.
            if len(data) > (LONGEST_S + 60) * rate * max(1, channels * bits // 8):
                raise _too_long()
    raise AudioError("the WAV file is truncated: it has no sound", "copy it again")


_REPAIR = "convert it again, for example with: ffmpeg -i FILE -ar 16000 -ac 1 new.wav"


def _format(body: bytes) -> tuple[int, int, int, int]:
    """Return coding, channels, rate in Hz and bits per sample."""
    if len(body) < 16:
        raise AudioError("the WAV file is truncated: its format is incomplete", "copy it again")
    coding, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", body)
    if coding == _Coding.EXTENSIBLE and len(body) >= 26:
        (coding,) = struct.unpack_from("<H", body, 24)
    if rate not in _RATES:
        raise AudioError(
            f"the WAV file says {rate} Hz; {_RATES.start} to {_RATES.stop - 1} are possible",
            _REPAIR,
        )
    if channels not in _CHANNELS:
        raise AudioError(f"the WAV file says {channels} channels", _REPAIR)
    return coding, channels, rate, bits


def _samples(
    body: bytes, coding: int, channels: int, rate: int, bits: int, channel: int | None
) -> Audio:
    frame = channels * bits // 8
    if frame == 0 or len(body) < frame:
        raise AudioError("the WAV file has no sound", "record or copy it again")
    body = body[: len(body) // frame * frame]
    floats: npt.NDArray[np.float32]
    match coding, bits:
        case (_Coding.PCM, 16):
            floats = np.frombuffer(body, "<i2").astype(np.float32)
        case (_Coding.ALAW, 8):
            floats = np.frombuffer(alaw_to_pcm(body), "<i2").astype(np.float32)
        case (_Coding.MULAW, 8):
            floats = np.frombuffer(mulaw_to_pcm(body), "<i2").astype(np.float32)
        case (_Coding.PCM, 8):
            floats = (np.frombuffer(body, np.uint8).astype(np.float32) - 128) * np.float32(256)
        case (_Coding.PCM, 24):
            triples = np.frombuffer(body, np.uint8).reshape(-1, 3)
            # The lowest eight bits are below what 16 bits can hold.
            floats = triples[:, 1:].copy().view("<i2").reshape(-1).astype(np.float32)
        case (_Coding.PCM, 32):
            floats = np.frombuffer(body, "<i4").astype(np.float32) / np.float32(65536)
        case (_Coding.FLOAT, 32):
            floats = np.frombuffer(body, "<f4").astype(np.float32)
            floats = np.nan_to_num(floats * np.float32(32767))
        case _:
            raise AudioError(f"the WAV file has coding {coding} with {bits} bits", _REPAIR)
    if channel is not None:
        floats = floats.reshape(-1, channels)[:, min(channel, channels - 1)]
    elif channels > 1:
        floats = floats.reshape(-1, channels).mean(axis=1, dtype=np.float32)
    pcm = np.clip(np.rint(floats), -32768, 32767).astype("<i2").tobytes()
    return Audio(pcm=pcm, sample_rate=rate)
