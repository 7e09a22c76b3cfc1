"""The picture of a sound that Whisper sees: energies of 80 bands on the mel scale, in decades.

As in the paper (Radford et al. 2022, section 2.2): 25 ms windows every 10 ms at 16 kHz, Slaney's
mel filters, at most eight decades below the loudest, scaled to about -1 to 1.
"""

import numpy as np
import numpy.typing as npt

from gateway.speech.endpointing import RATE, Samples

FRAMES_PER_SECOND = 100
_WINDOW = 400
_HOP = RATE // FRAMES_PER_SECOND
# Slaney's scale: linear to 1 kHz (a mel is 200/3 Hz), then 27 mels for each factor of 6.4.
_LINEAR_HZ = 200.0 / 3
_KNEE_HZ = 1000.0
_KNEE_MEL = _KNEE_HZ / _LINEAR_HZ
_LOG_STEP = np.log(6.4) / 27.0
_HIGHEST_MEL = 45.245640471924965  # 8 kHz
_DECADES = 8.0


class Spectrogram:
    """Turns sound into log-mel frames; it has no state, so that any thread may use it."""

    def __init__(self, bands: int = 80) -> None:
        self._filters = _filters(bands)
        self._window = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)

    def __call__(self, audio: Samples, *, silence_s: float = 0.0) -> npt.NDArray[np.float32]:
        """Return the frames of ``audio``, followed by ``silence_s`` of silence; (bands, frames)."""
        padded = np.pad(audio.astype(np.float32, copy=False), (0, round(silence_s * RATE)))
        padded = np.pad(padded, _WINDOW // 2, mode="reflect")
        windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
        spectrum = np.fft.rfft(windows * self._window, axis=-1).T.astype(np.complex64)
        energies = self._filters @ (np.abs(spectrum[:, :-1]) ** 2)
        decades = np.log10(np.maximum(energies, 1e-10))
        decades = np.maximum(decades, decades.max() - _DECADES)
        return np.asarray((decades + 4.0) / 4.0, np.float32)


def _filters(bands: int) -> npt.NDArray[np.float32]:
    """Return triangles of equal area, as wide as their neighbours' distance; (bands, bins)."""
    bins = np.fft.rfftfreq(_WINDOW, 1.0 / RATE)
    mels = np.linspace(0.0, _HIGHEST_MEL, bands + 2)
    edges = np.where(
        mels < _KNEE_MEL, _LINEAR_HZ * mels, _KNEE_HZ * np.exp(_LOG_STEP * (mels - _KNEE_MEL))
    )
    ramps = edges[:, None] - bins[None, :]
    widths = np.diff(edges)
    rising = -ramps[:-2] / widths[:-1, None]
    falling = ramps[2:] / widths[1:, None]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return np.asarray(triangles * (2.0 / (edges[2:] - edges[:-2]))[:, None], np.float32)
