"""Knows the sounds that telephone exchanges make, so that no engine is asked what they say.

A tone is one or two lines in the spectrum that stay where they are; a key is two lines that change
from key to key. A voice always has more lines, and they move.
"""

import numpy as np

from gateway.speech.endpointing import RATE, Samples

_FRAME = RATE * 64 // 1000
_LINES = 2
# Share of a frame's energy that lies within its lines: at least 0.97 for tones through G.711, at
# most 0.95 for the narrowest vowels, and those only for a moment.
_NARROW = 0.96
_ENOUGH = 0.9
_LOUD = 0.03


def tonal(audio: Samples) -> bool:
    """Say whether nothing but tones is heard in ``audio`` (16 kHz)."""
    whole = len(audio) // _FRAME
    if whole == 0:
        return False
    frames = audio[: whole * _FRAME].reshape(whole, _FRAME)
    energy = np.mean(np.square(frames), axis=1)
    loud = energy > _LOUD * energy.max()
    if not energy.max() > 0:
        return False
    # A frame in which a tone begins or ends is as broad as any other sound.
    steady = loud & np.roll(loud, 1) & np.roll(loud, -1)
    chosen = frames[steady if steady.sum() >= _LINES else loud]
    power = np.square(np.abs(np.fft.rfft(chosen * np.hanning(_FRAME).astype(np.float32), axis=1)))
    power[:, :4] = 0.0
    total = power.sum(axis=1)
    within = np.zeros(len(chosen))
    for _ in range(_LINES):
        peaks = power.argmax(axis=1)
        for offset in range(-3, 4):
            places = np.clip(peaks + offset, 0, power.shape[1] - 1)
            rows = np.arange(len(chosen))
            within += power[rows, places]
            power[rows, places] = 0.0
    narrow = within >= _NARROW * np.maximum(total, 1e-12)
    return bool(np.mean(narrow) >= _ENOUGH)
