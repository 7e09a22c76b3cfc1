"""The 44-byte header of a 16-bit PCM WAV file, written before the length is known and mended after.

The layout is RIFF/WAVE as Microsoft and IBM published it in 1991 ("Multimedia Programming Interface
and Data Specifications 1.0"); sizes are 32-bit, so a recording is at most 4 GiB long.
"""

import os
import struct
from dataclasses import dataclass

HEADER_BYTES = 44
_LAYOUT = struct.Struct("<4sI4s4sIHHIIHH4sI")
_SAMPLE_BYTES = 2
_LARGEST = 0xFFFF_FFFF - HEADER_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How samples are laid out: ``sample_rate`` in Hz, ``channels`` interleaved, 16 bit each."""

    sample_rate: int
    channels: int

    @property
    def frame_bytes(self) -> int:
        """The size of one sample of every channel."""
        return self.channels * _SAMPLE_BYTES

    @property
    def bytes_per_second(self) -> int:
        """The size of one second of sound."""
        return self.sample_rate * self.frame_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What a file holds."""

    form: Form
    duration_ms: int


def header(form: Form, data_bytes: int) -> bytes:
    """Return the header in front of ``data_bytes`` bytes of samples."""
    size = min(data_bytes, _LARGEST)
    return _LAYOUT.pack(
        b"RIFF",
        36 + size,
        b"WAVE",
        b"fmt ",
        16,
        1,
        form.channels,
        form.sample_rate,
        form.bytes_per_second,
        form.frame_bytes,
        8 * _SAMPLE_BYTES,
        b"data",
        size,
    )


def repair(descriptor: int) -> Heard | None:
    """Make the header agree with the length of an open file of ours, dropping a torn last sample.

    Returns None when the file has no sample or no readable header. Raises ``OSError``.
    """
    length = os.fstat(descriptor).st_size
    head = os.pread(descriptor, HEADER_BYTES, 0)
    if len(head) < HEADER_BYTES or head[:4] != b"RIFF":
        return None
    _, _, _, _, _, _, channels, rate, _, _, _, _, _ = _LAYOUT.unpack(head)
    form = Form(sample_rate=rate, channels=channels)
    if not form.bytes_per_second:
        return None
    data = (length - HEADER_BYTES) // form.frame_bytes * form.frame_bytes
    if HEADER_BYTES + data != length:
        os.ftruncate(descriptor, HEADER_BYTES + data)
    if (true := header(form, data)) != head:
        os.pwrite(descriptor, true, 0)
    if not data:
        return None
    return Heard(form=form, duration_ms=data * 1000 // form.bytes_per_second)
