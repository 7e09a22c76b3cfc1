"""What a recognition engine is to the rest of this room: a function from audio to a text."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

from gateway.channel.speech import EngineInfo
from gateway.domain.transcript import TranscriptWord
from gateway.speech.endpointing import Samples


class Effort(StrEnum):
    """How much an engine may spend on an utterance."""

    SKETCH = "sketch"
    """A provisional text of an utterance still being spoken; no words needed."""
    USUAL = "usual"
    """The text while a caller waits."""
    THOROUGH = "thorough"
    """Several times the CPU time for fewer mistakes: for recordings nobody waits for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """What an engine heard in one utterance; word times count from the utterance's audio."""

    text_raw: str
    text: str
    confidence: float | None = None
    no_speech: float | None = None
    words: tuple[TranscriptWord, ...] = ()


Decode = Callable[[Samples], Decoded | None]
"""Recognises one utterance of at most 30 seconds; None when nobody spoke in it.

It blocks, and several threads may call it at once.
"""


class Engine(Protocol):
    """A loaded model. It may also have a ``close`` (see ``Closing``)."""

    @property
    def info(self) -> EngineInfo:
        """Name the engine and its model."""
        ...

    def decoder(self, *, language: str, hotwords: Sequence[str], effort: Effort) -> Decode:
        """Prepare to recognise one speaker; raise GatewayError for a language it does not know.

        ``hotwords`` are words of the city that are likely to be said, the likeliest first; an
        engine that cannot use them ignores them.
        """
        ...


@runtime_checkable
class Closing(Protocol):
    """An engine that holds something beyond memory: processes, connections."""

    def close(self) -> None:
        """Let go of it; harmless when done twice."""
        ...
