"""What is on a telephone line when nobody speaks, made from numbers; 8 kHz, -1 to 1."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

RATE = 8000
Sound = npt.NDArray[np.float64]


def tone(*hertz: float, seconds: float = 6.0, level: float = 0.25) -> Sound:
    """Sines of equal strength."""
    time = np.arange(int(seconds * RATE)) / RATE
    return np.asarray(sum(level * np.sin(2 * np.pi * one * time) for one in hertz))


def cadence(sound: Sound, on: float, off: float) -> Sound:
    """The sound for ``on`` seconds, silence for ``off``, and so on."""
    time = np.arange(len(sound)) / RATE
    return sound * (time % (on + off) < on)


def noise(seconds: float = 6.0, level: float = 0.1) -> Sound:
    """White noise."""
    return np.random.default_rng(1).normal(0, level, int(seconds * RATE))


def keys(seconds: float = 6.0) -> Sound:
    """Keys pressed one after the other (DTMF, ITU-T Q.23)."""
    pairs = [(697, 1209), (770, 1336), (852, 1477), (941, 1336), (697, 1477), (941, 1209)]
    pressed = [
        np.concatenate([tone(*pairs[at % 6], seconds=0.12), np.zeros(int(0.08 * RATE))])
        for at in range(int(seconds / 0.2))
    ]
    return np.concatenate(pressed)


def _melody(seconds: float) -> list[float]:
    scale = [261.6, 293.7, 329.6, 349.2, 392.0, 440.0, 493.9, 523.3]
    picked = np.random.default_rng(3).integers(8, size=int(seconds / 0.4))
    return [scale[int(one)] for one in picked]


def piano(seconds: float = 12.0) -> Sound:
    """Plucked notes that fade."""
    time = np.arange(int(0.4 * RATE)) / RATE
    fade = np.exp(-3 * time)
    return np.concatenate(
        [
            0.3 * sum(fade**k * np.sin(2 * np.pi * f * k * time) / k**1.5 for k in range(1, 7))
            for f in _melody(seconds)
        ]
    )


def chords(seconds: float = 12.0) -> Sound:
    """Triads of an organ."""
    time = np.arange(int(0.4 * RATE)) / RATE
    return np.concatenate(
        [
            0.12
            * sum(
                np.sin(2 * np.pi * f * step * k * time) / k**2
                for step in (1, 1.25, 1.5)
                for k in range(1, 5)
            )
            for f in _melody(seconds)
        ]
    )


def strings(seconds: float = 12.0) -> Sound:
    """A violin's vibrato: the nearest to a voice."""
    time = np.arange(int(0.4 * RATE)) / RATE
    return np.concatenate(
        [
            0.15
            * sum(
                np.sin(k * (2 * np.pi * f * time + 0.03 * f / 6 * np.sin(2 * np.pi * 6 * time))) / k
                for k in range(1, 9)
            )
            for f in _melody(seconds)
        ]
    )


SOUNDS: Mapping[str, Sound] = MappingProxyType(
    {
        "silence": np.zeros(6 * RATE),
        "white noise": noise(),
        "quiet noise": noise(level=0.02),
        "dial 450": tone(450),
        "dial 350+440": tone(350, 440),
        "ringback 450, 1 s of 5": cadence(tone(450, seconds=11), 1, 4),
        "ringback 440+480, 2 s of 6": cadence(tone(440, 480, seconds=13), 2, 4),
        "busy 450": cadence(tone(450), 0.35, 0.35),
        "busy 480+620": cadence(tone(480, 620), 0.5, 0.5),
        "SIT": np.concatenate([tone(f, seconds=0.33) for f in (950, 1400, 1800)] * 3),
        "fax calling": cadence(tone(1100), 0.5, 3),
        "fax answering": tone(2100),
        "key held": tone(770, 1336),
        "many keys": keys(),
        "music: piano": piano(),
        "music: organ": chords(),
        "music: strings": strings(),
    }
)
