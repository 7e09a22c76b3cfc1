"""Tells a voice from our own prompt coming back over the line."""

import numpy as np

from channels.voice.leg import BYTES_PER_MS, SAMPLE_RATE

HEARD_MS = 400
"""How much of the caller's audio is compared."""
DELAY_MS = 1200
"""The longest way of an echo that is looked for."""
_DELAY = DELAY_MS * SAMPLE_RATE // 1000
_QUIET = 50.0


def likeness(heard: bytes, said: bytes) -> float:
    """Return how much of ``heard`` is a piece of ``said``: 0 nothing, 1 all of it.

    Both are PCM that ends at the same moment. The measure is the largest normalised
    cross-correlation over all delays; speech of another person stays below 0.3.
    """
    near = np.frombuffer(heard[-HEARD_MS * BYTES_PER_MS :], "<i2").astype(np.float64)
    far = np.frombuffer(said[-(HEARD_MS + DELAY_MS) * BYTES_PER_MS :], "<i2").astype(np.float64)
    if not len(near):
        return 0.0
    # What began to be said a moment ago may come back beginning in the middle of what was heard.
    far = np.concatenate([np.zeros(max(0, len(near) + _DELAY - len(far))), far])
    near_energy = float(np.dot(near, near))
    if near_energy < _QUIET**2 * len(near):
        return 0.0
    size = 1 << (len(near) + len(far)).bit_length()
    spectrum = np.fft.rfft(far, size) * np.conj(np.fft.rfft(near, size))
    products = np.fft.irfft(spectrum, size)[: len(far) - len(near) + 1]
    sums = np.concatenate([[0.0], np.cumsum(np.square(far))])
    energies = sums[len(near) :] - sums[: len(far) - len(near) + 1]
    audible = energies > _QUIET**2 * len(near)
    if not audible.any():
        return 0.0
    return float(np.max(np.abs(products[audible]) / np.sqrt(energies[audible] * near_energy)))
