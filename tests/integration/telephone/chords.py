"""Words as sound and back: each text is a chord, and the engine hears which one it is.

So calls may be held side by side, over any coding, and what is recognised depends on nothing but
what was played. A chord has three lines, for a sound of fewer is taken for a tone of the exchange.
"""

import math
from collections.abc import Sequence

import numpy as np

from gateway.channel.speech import EngineInfo
from gateway.speech.endpointing import RATE, Samples
from gateway.speech.engine import Decode, Decoded, Effort
from gateway.speech.scripted import LoudnessDetector
from gateway.speech.session import GatedRecogniser

_LINE_RATE = 8000
_LOWEST_HZ, _APART_HZ = 500, 60
_OTHERS_HZ = (1900, 2700)


def chord(place: int, seconds: float = 1.2) -> bytes:
    """Return the sound of the text at this place, as PCM at 8 kHz."""
    times = np.arange(int(seconds * _LINE_RATE)) / _LINE_RATE
    lines = (_LOWEST_HZ + place * _APART_HZ, *_OTHERS_HZ)
    sound = sum(np.sin(2 * math.pi * hertz * times) for hertz in lines) * 4000
    return np.asarray(sound).astype("<i2").tobytes()


class ChordEngine:
    """Hears the text that a chord stands for."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = tuple(texts)

    @property
    def info(self) -> EngineInfo:
        """Name the engine."""
        return EngineInfo(engine="scripted", model="chords")

    def decoder(self, *, language: str, hotwords: Sequence[str], effort: Effort) -> Decode:
        """Return a decoder of chords, whatever language is asked for."""
        return self._heard

    def _heard(self, audio: Samples) -> Decoded | None:
        power = np.abs(np.fft.rfft(audio * np.hanning(len(audio))))
        places = [
            power[round((_LOWEST_HZ + place * _APART_HZ) * len(audio) / RATE)]
            for place in range(len(self._texts))
        ]
        text = self._texts[int(np.argmax(places))]
        return Decoded(text_raw=text, text=text, confidence=1.0)


def chord_recogniser(texts: Sequence[str]) -> GatedRecogniser:
    """Return a recogniser that hears these texts in their chords."""
    return GatedRecogniser(ChordEngine(texts), detector=LoudnessDetector, workers=1, partials=False)


_DIGIT_HZ = tuple(600 + 60 * digit for digit in range(10))
_DIGIT_MS = 120
_GAP_MS = 800


def digit(number: int) -> bytes:
    """Return how the gateway says a digit in this suite: a pure tone."""
    times = np.arange(_DIGIT_MS * _LINE_RATE // 1000) / _LINE_RATE
    return (np.sin(2 * math.pi * _DIGIT_HZ[number] * times) * 9000).astype("<i2").tobytes()


def click() -> bytes:
    """Return how the gateway says anything else: a short tone that is no digit."""
    times = np.arange(160 * _LINE_RATE // 1000) / _LINE_RATE
    return (np.sin(2 * math.pi * 380 * times) * 9000).astype("<i2").tobytes()


def numbers_in(pcm: bytes) -> tuple[str, ...]:
    """Return the numbers that were read out in a sound, one after the other."""
    samples = np.frombuffer(pcm[: len(pcm) // 2 * 2], "<i2").astype(np.float64)
    size = 20 * _LINE_RATE // 1000
    whole = samples[: len(samples) // size * size].reshape(-1, size)
    wave = np.exp(-2j * math.pi * np.outer(np.arange(size), (380, *_DIGIT_HZ)) / _LINE_RATE)
    strength = np.abs(whole @ wave) / size * 2
    heard = [
        int(np.argmax(one))
        if one.max() > 3000 and np.sqrt(np.mean(np.square(frame))) > 2500
        else -1
        for one, frame in zip(strength, whole, strict=True)
    ]
    return tuple(_joined(_bridged(heard)))


def _bridged(heard: list[int]) -> list[int]:
    """Return the frames with short gaps within one digit closed: a busy machine makes such."""
    for place in range(1, len(heard) - 2):
        following = [one for one in heard[place + 1 : place + 4] if one >= 0]
        if heard[place] < 0 < heard[place - 1] and following[:1] == [heard[place - 1]]:
            heard[place] = heard[place - 1]
    return heard


def _joined(heard: Sequence[int]) -> list[str]:
    numbers: list[str] = []
    begin, last_end = 0, -(10**9)
    while begin < len(heard):
        end = begin
        while end < len(heard) and np.sign(heard[end]) == np.sign(heard[begin]):
            end += 1
        if heard[begin] >= 0 and end - begin >= 4:
            common = max(set(heard[begin:end]), key=heard[begin:end].count)
            if common == 0:
                last_end = -(10**9)
            else:
                if (begin - last_end) * 20 > _GAP_MS:
                    numbers.append("")
                numbers[-1] += str(common - 1)
                last_end = end
        begin = end
    return numbers
