"""Tells whether the caller is speaking, out of two witnesses: loudness and the recogniser.

Loudness answers at once and works without any model, but takes street noise for a voice. The
recogniser knows a voice from noise, but a busy machine hears it late. Neither may end a statement
alone while the other still hears somebody, and noise must not keep a call open for ever.
"""

import re

import numpy as np

from channels.voice.leg import BYTES_PER_MS

_SURE_MS = 120
_QUIETEST = 200.0
_ABOVE_FLOOR = 3.0
_FLOOR_RISE = 0.002
_WORD = re.compile(r"[\u3007\u3400-\u9fff]|[^\W\u3007\u3400-\u9fff]+")


class Loudness:
    """A detector of anything clearly louder than the line's own noise."""

    def __init__(self) -> None:
        self._floor = 0.0
        self._run_ms = 0

    def loud(self, pcm: bytes) -> bool:
        """Judge the next stretch of audio; short clicks do not count."""
        samples = np.frombuffer(pcm, "<i2").astype(np.float64)
        level = float(np.sqrt(np.dot(samples, samples) / len(samples))) if len(samples) else 0.0
        # The floor falls at once and rises slowly, so that a long sentence does not become noise.
        self._floor = min(level, self._floor + (level - self._floor) * _FLOOR_RISE)
        if level > max(_QUIETEST, self._floor * _ABOVE_FLOOR):
            self._run_ms += len(pcm) // BYTES_PER_MS
        else:
            self._run_ms = 0
        return self._run_ms >= _SURE_MS


class Hearing:
    """When a voice was heard last; every time is in milliseconds of the call's own audio."""

    def __init__(self) -> None:
        self._recognises = False
        self._loudness = Loudness()
        self._speaking = False
        self._loud_at = -1
        self._voice_at = -1
        self.voice_from = -1
        """When the last utterance began."""
        self.words = 0
        """Words understood of the utterance that is being spoken, or was last."""
        self.now = 0

    def hear(self, pcm: bytes) -> None:
        """Take the next stretch of the caller's audio."""
        self.now += len(pcm) // BYTES_PER_MS
        if self._loudness.loud(pcm):
            self._loud_at = self.now

    def listens(self, recogniser: bool) -> None:
        """Say whether a recogniser listens from now on; without one only loudness counts."""
        self._recognises = recogniser
        if not recogniser:
            self._speaking = False

    def began(self, at_ms: int) -> None:
        """The recogniser noticed that somebody began to speak."""
        self._speaking = True
        self.voice_from = at_ms
        self._voice_at = max(self._voice_at, at_ms)
        self.words = 0

    def fell_silent(self, at_ms: int) -> None:
        """The recogniser noticed that the voice fell silent."""
        self._speaking = False
        self._voice_at = max(self._voice_at, at_ms)

    def understood(self, text: str) -> None:
        """The recogniser has words for what is being spoken, or was spoken last."""
        self.words = len(_WORD.findall(text))

    def spoke_since(self, start: int) -> bool:
        """Tell whether either witness heard a voice after ``start``."""
        return self._speaking or self._loud_at > start or self._voice_at > start

    def voice_ms(self, start: int) -> int:
        """Return how long the last utterance lasted after ``start``, or 0 without a recogniser.

        The recogniser is sure of a silence only when it is long; what is quiet does not count.
        """
        if not self._recognises or self.voice_from < 0:
            return 0
        end = self.now if self._speaking else self._voice_at
        if self._loud_at >= self.voice_from:
            end = min(end, self._loud_at)
        return max(0, end - max(self.voice_from, start))

    def quiet_ms(self, start: int) -> int:
        """Return how long nobody has spoken, counted from ``start`` at the earliest.

        When the recogniser hears nobody but the line stays loud, half of the time counts.
        """
        loud = self.now - max(self._loud_at, start)
        if not self._recognises:
            return loud
        voice = 0 if self._speaking else self.now - max(self._voice_at, start)
        return min(voice, max(loud, voice // 2))
