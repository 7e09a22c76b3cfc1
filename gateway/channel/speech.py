"""What a channel that carries voice may ask for: a recogniser of speech and a recorder of calls.

Audio crosses this border as PCM, signed 16 bit, little-endian, mono unless a recording says
otherwise. Every time is in milliseconds from the first sample fed to the session.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from gateway.domain.transcript import Speaker, TranscriptSegment, TranscriptWord


class Feature(StrEnum):
    """What an engine can do beyond giving a text."""

    PARTIALS = "partials"
    WORDS = "words"
    CONFIDENCE = "confidence"
    PUNCTUATION = "punctuation"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineInfo:
    """Which engine listens, with which weights.

    ``digest`` is the SHA-256 over the model's files, empty for an engine without any;
    ``languages`` are BCP 47 tags, empty when the engine takes any.
    """

    engine: str
    model: str
    digest: str = ""
    languages: frozenset[str] = frozenset()
    features: frozenset[Feature] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One utterance as an engine heard it.

    ``text_raw`` is the engine's own text and never changes; ``text`` is what people read.
    ``no_speech`` is the engine's belief (0 to 1) that nobody spoke at all.
    """

    start_ms: int
    end_ms: int
    text: str
    text_raw: str
    confidence: float | None = None
    no_speech: float | None = None
    words: tuple[TranscriptWord, ...] = ()

    def published(self, speaker: Speaker = "citizen") -> TranscriptSegment:
        """Return the part of this utterance that a draft shows."""
        return TranscriptSegment(
            speaker=speaker,
            start_ms=self.start_ms,
            end_ms=self.end_ms,
            text=self.text,
            confidence=self.confidence,
            words=self.words,
            text_raw=self.text_raw if self.text_raw != self.text else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechStarted:
    """Somebody began to speak; told as soon as it is certain, so ``at_ms`` lies in the past."""

    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechEnded:
    """The utterance is over: enough silence followed, or it reached the longest length allowed.

    ``at_ms`` is when the voice fell silent, not when the silence became long enough.
    """

    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Partial:
    """A provisional text of the utterance still being spoken.

    The first ``stable_chars`` characters are not expected to change any more.
    """

    start_ms: int
    text: str
    stable_chars: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Final:
    """The text of one finished utterance. An utterance without intelligible words has none."""

    segment: Segment


SpeechEvent = SpeechStarted | SpeechEnded | Partial | Final


class RecogniserSession(Protocol):
    """One listener for one speaker; its calls never overlap."""

    async def feed(self, pcm: bytes) -> Sequence[SpeechEvent]:
        """Queue audio of any length and return, without waiting, what is known by now."""
        ...

    async def finish(self) -> Sequence[SpeechEvent]:
        """End the audio, wait for every utterance and return the remaining events.

        An engine that fails on an utterance loses that utterance, never the call: its text is
        missing and ``failures`` says so.
        """
        ...

    def close(self) -> None:
        """Drop whatever is unfinished; safe at any time and more than once."""
        ...

    @property
    def failures(self) -> int:
        """How many utterances the engine could not decode."""
        ...

    @property
    def postponed(self) -> int:
        """How many utterances were left to a later pass over the recording."""
        ...


class Recogniser(Protocol):
    """One loaded model, shared by every call."""

    @property
    def info(self) -> EngineInfo:
        """Name the engine and its model."""
        ...

    def session(
        self,
        *,
        sample_rate: int,
        language: str,
        entry: str | None = None,
        topic: str | None = None,
        thorough: bool = False,
        news: Callable[[], None] | None = None,
    ) -> RecogniserSession:
        """Start to listen.

        ``sample_rate`` is in Hz (8000 for a telephone), ``language`` a BCP 47 tag. ``entry`` (the
        number that was dialled) and ``topic`` (the branch of the menu) choose the words of the
        city that are to be expected. ``thorough`` spends several times the CPU time on fewer
        mistakes: for recordings nobody waits for. ``news`` is called, on the event loop, when
        something is known before more audio has come: an empty feed takes it.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Unavailable:
    """Why there is no recogniser: calls are recorded all the same, and drafts say this."""

    reason: str
    cure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRecording:
    """A finished recording, known by its content."""

    sha256: str
    size: int
    media_type: str
    duration_ms: int


class Recording(Protocol):
    """A recording in progress; what was written survives a crash but for about a second."""

    async def write(self, pcm: bytes) -> None:
        """Append interleaved samples; made durable about once a second."""
        ...

    async def finish(self) -> StoredRecording:
        """Seal the recording and return what was stored. Nothing may be written after it."""
        ...


class Recorder(Protocol):
    """Where calls are recorded."""

    async def open(self, name: str, sample_rate: int, channels: int) -> Recording:
        """Begin a recording; ``name`` (the call's id) makes it findable after a crash."""
        ...
