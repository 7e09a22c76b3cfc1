"""What a telephone line does to a voice: for measuring with recordings made without one."""

from enum import StrEnum

import numpy as np
import numpy.typing as npt
import soxr

from gateway.domain.g711 import alaw_to_pcm, mulaw_to_pcm, pcm_to_alaw, pcm_to_mulaw
from gateway.speech.audio import Audio

RATE = 8000
"""Hz of every telephone line here."""

# A plain handset: 300 to 3400 Hz, with slopes of 100 and 200 Hz.
_LOW, _HIGH = (250.0, 350.0), (3300.0, 3500.0)


class Line(StrEnum):
    """How a recording reaches the recogniser."""

    AS_RECORDED = "as recorded"
    MULAW = "G.711 µ-law"
    ALAW = "G.711 A-law"
    HANDSET = "300-3400 Hz and G.711 A-law"


def over(line: Line, audio: Audio) -> Audio:
    """Return the recording as it arrives at the other end of ``line``."""
    if line is Line.AS_RECORDED:
        return audio
    samples = np.frombuffer(audio.pcm, "<i2").astype(np.float32) / np.float32(32768)
    if audio.sample_rate != RATE:
        samples = np.asarray(soxr.resample(samples, audio.sample_rate, RATE), np.float32)
    if line is Line.HANDSET:
        samples = _band(samples)
    pcm = (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()
    coded = mulaw_to_pcm(pcm_to_mulaw(pcm)) if line is Line.MULAW else alaw_to_pcm(pcm_to_alaw(pcm))
    return Audio(pcm=coded, sample_rate=RATE)


def _band(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    spectrum = np.fft.rfft(samples)
    frequencies = np.fft.rfftfreq(len(samples), 1 / RATE)
    gain = np.interp(frequencies, (*_LOW, *_HIGH), (0.0, 1.0, 1.0, 0.0))
    return np.fft.irfft(spectrum * gain, len(samples)).astype(np.float32)
