"""Where one utterance begins and ends, so that every engine gets speech and only speech."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]
"""Mono audio at 16 kHz, -1 to 1."""

RATE = 16_000
CHUNK = 512
"""Samples judged at once: 32 ms."""


class VoiceDetector(Protocol):
    """Tells how likely each chunk of one stream holds a voice; remembers the stream so far."""

    def probabilities(self, chunks: npt.NDArray[np.float32]) -> Sequence[float]:
        """Judge ``chunks``, shape (n, 512), the next ones of the stream."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpointing:
    """When speech starts and ends; the defaults suit a telephone call.

    After ``pause_ms`` of silence an utterance may be over, so it is worth recognising; after
    ``trailing_ms`` it is.
    """

    start: float = 0.5
    end: float = 0.2
    min_speech_ms: int = 200
    pause_ms: int = 160
    trailing_ms: int = 700
    max_segment_ms: int = 20_000
    pre_roll_ms: int = 300
    post_roll_ms: int = 300


LIVE = Endpointing()
# A recording's segments are longer: more context means fewer mistakes, and nobody waits for the
# end of an utterance. They must still fit into the 30 seconds that an engine hears at once.
RECORDED = Endpointing(trailing_ms=1400, max_segment_ms=28_000)


@dataclass(frozen=True, slots=True)
class Began:
    """Speech is certain; it began at this sample."""

    sample: int


@dataclass(frozen=True, slots=True)
class Utterance:
    """A finished utterance: where the voice was, and its audio with some air around it."""

    start: int
    end: int
    audio_start: int
    audio: Samples


class Endpointer:
    """Cuts one stream into utterances."""

    def __init__(self, detector: VoiceDetector, rules: Endpointing = LIVE) -> None:
        self._detector = detector
        self._rules = rules
        self._rest: Samples = np.zeros(0, np.float32)
        self._kept: deque[Samples] = deque()
        self._scores: deque[float] = deque()
        # Sample numbers: the first one kept, and the first one not judged yet.
        self._first = 0
        self._position = 0
        self._start: int | None = None
        self._silence: int | None = None
        self._voiced = 0
        self._announced = False

    def feed(self, samples: Samples) -> list[Began | Utterance]:
        """Judge the next samples, of any number; a rest shorter than a chunk waits."""
        audio = np.concatenate([self._rest, samples])
        whole = len(audio) // CHUNK * CHUNK
        self._rest = audio[whole:]
        if not whole:
            return []
        chunks = audio[:whole].reshape(-1, CHUNK)
        found: list[Began | Utterance] = []
        for chunk, score in zip(chunks, self._detector.probabilities(chunks), strict=True):
            self._judge(chunk, score, found)
        return found

    def finish(self) -> list[Began | Utterance]:
        """End the stream: an utterance that is still going on ends here."""
        found: list[Began | Utterance] = []
        if len(self._rest):
            found += self.feed(np.zeros(CHUNK - len(self._rest), np.float32))
        if self._announced and self._start is not None:
            end = self._position if self._silence is None else self._silence
            self._cut(self._start, end, found)
        self._reset()
        return found

    def due(self, since: int, least_s: float, share: float) -> bool:
        """Say whether enough was said since sample ``since``: ``least_s`` and that ``share``."""
        # In a pause the whole utterance is recognised already, and a sketch would only delay that.
        if not self._announced or self._start is None or self._silence is not None:
            return False
        length = self._position - self._start
        new = self._position - max(since, self._start)
        return new >= max(least_s * RATE, share * length)

    def ongoing(self) -> Utterance | None:
        """Return the utterance that is still being spoken, as far as it goes."""
        if not self._announced or self._start is None:
            return None
        return Utterance(self._start, self._position, *self._audio(self._start, self._position))

    def paused(self) -> Utterance | None:
        """Return what the utterance will have been if the voice that just fell silent stays so."""
        if not self._announced or self._start is None or self._silence is None:
            return None
        last = self._silence + _samples(self._rules.pause_ms)
        if self._position < last:
            return None
        return Utterance(self._start, self._silence, *self._audio(self._start, last))

    def _judge(self, chunk: Samples, score: float, found: list[Began | Utterance]) -> None:
        begin = self._position
        self._kept.append(chunk)
        self._scores.append(score)
        self._position += CHUNK
        rules = self._rules
        if self._start is None:
            if score < rules.start:
                self._drop_before(self._position - _samples(rules.pre_roll_ms))
                return
            self._start = begin
        if score >= rules.start:
            self._voiced += CHUNK
            self._silence = None
        elif score < rules.end and self._silence is None:
            self._silence = begin
        if not self._announced and self._voiced >= _samples(rules.min_speech_ms):
            self._announced = True
            found.append(Began(self._start))
        if self._silence is not None and self._position - self._silence >= _samples(
            rules.trailing_ms
        ):
            if self._announced:
                self._cut(self._start, self._silence, found)
            self._reset()
        elif self._position - self._start >= _samples(rules.max_segment_ms):
            self._split(self._start, found)

    def _split(self, start: int, found: list[Began | Utterance]) -> None:
        """Cut an utterance without end at its quietest place in the second half."""
        if not self._announced:
            self._reset()
            return
        scores = list(self._scores)
        half = ((start - self._first) // CHUNK + len(scores)) // 2
        quietest = min(range(half, len(scores)), key=lambda place: (scores[place], -place))
        place = self._first + quietest * CHUNK
        found.append(Utterance(start, place, *self._audio(start, place)))
        self._drop_before(place)
        # The voice goes on, so the next utterance begins at once.
        self._start = place
        self._silence = None
        self._voiced = self._position - place
        found.append(Began(place))

    def _cut(self, start: int, end: int, found: list[Began | Utterance]) -> None:
        last = min(end + _samples(self._rules.post_roll_ms), self._position)
        found.append(Utterance(start, end, *self._audio(start, last)))
        self._drop_before(last)

    def _audio(self, start: int, last: int) -> tuple[int, Samples]:
        begin = max(start - _samples(self._rules.pre_roll_ms), self._first)
        return begin, np.concatenate(list(self._kept))[begin - self._first : last - self._first]

    def _reset(self) -> None:
        self._start = self._silence = None
        self._voiced = 0
        self._announced = False
        self._drop_before(self._position - _samples(self._rules.pre_roll_ms))

    def _drop_before(self, sample: int) -> None:
        while self._kept and self._first + CHUNK <= sample:
            self._kept.popleft()
            self._scores.popleft()
            self._first += CHUNK


def _samples(milliseconds: int) -> int:
    return milliseconds * RATE // 1000
