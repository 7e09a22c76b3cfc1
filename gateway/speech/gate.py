"""What stands before every engine: one speaker's samples go in, utterances come out."""

from dataclasses import dataclass

import numpy as np
import soxr

from gateway.speech.endpointing import (
    CHUNK,
    RATE,
    Began,
    Endpointer,
    Endpointing,
    Samples,
    Utterance,
    VoiceDetector,
)
from gateway.speech.tones import tonal

_SKETCH_S = 1.0
# The text of a long utterance costs more to sketch, and less of it is new.
_SKETCH_SHARE = 0.15


@dataclass(frozen=True, slots=True)
class Ongoing:
    """An utterance still being spoken, of which a provisional text is due."""

    so_far: Utterance


@dataclass(frozen=True, slots=True)
class Paused:
    """The voice fell silent; this is the utterance unless it goes on within the trailing time."""

    perhaps: Utterance


@dataclass(frozen=True, slots=True)
class Tone:
    """What had begun was not a voice; it ended at this sample."""

    end: int


Gated = Began | Utterance | Ongoing | Paused | Tone


class Gate:
    """Resamples, finds the voice, and keeps tones away; its calls never overlap.

    ``live`` also tells of utterances that are not over.
    """

    def __init__(
        self, detector: VoiceDetector, *, rules: Endpointing, sample_rate: int, live: bool
    ) -> None:
        self._endpointer = Endpointer(detector, rules)
        self._resampler = (
            None
            if sample_rate == RATE
            else soxr.ResampleStream(sample_rate, RATE, 1, dtype="float32")
        )
        self._stride = 2 * CHUNK * sample_rate // RATE
        self._live = live
        self._sketched = 0
        self._paused: tuple[int, int] | None = None

    @property
    def stride(self) -> int:
        """How many bytes are worth a call: those of a chunk, for nothing smaller is judged."""
        return self._stride

    def judge(self, pcm: bytes, *, last: bool) -> list[Gated]:
        """Judge the next samples (signed 16 bit); ``last`` ends the stream."""
        samples: Samples = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768)
        if self._resampler is not None:
            samples = np.asarray(self._resampler.resample_chunk(samples, last), np.float32)
        heard = self._endpointer.feed(samples)
        if last:
            heard += self._endpointer.finish()
        found: list[Gated] = [
            Tone(event.end) if isinstance(event, Utterance) and tonal(event.audio) else event
            for event in heard
        ]
        return found + self._unfinished() if self._live and not last else found

    def _unfinished(self) -> list[Gated]:
        if (perhaps := self._endpointer.paused()) is not None:
            here = (perhaps.start, perhaps.end)
            if here == self._paused or tonal(perhaps.audio):
                return []
            self._paused = here
            self._sketched = perhaps.end
            return [Paused(perhaps)]
        if not self._endpointer.due(self._sketched, _SKETCH_S, _SKETCH_SHARE):
            return []
        so_far = self._endpointer.ongoing()
        if so_far is None:
            return []
        self._sketched = so_far.end
        return [] if tonal(so_far.audio) else [Ongoing(so_far)]
