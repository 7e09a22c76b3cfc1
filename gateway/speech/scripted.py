"""An engine that hears what it was told to hear: for tests, and for trials without a model."""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from gateway.channel.speech import EngineInfo
from gateway.speech.endpointing import LIVE, RATE, Endpointing, Samples
from gateway.speech.engine import Decode, Decoded, Effort
from gateway.speech.session import GatedRecogniser

_LOUD = 0.01


class LoudnessDetector:
    """A VoiceDetector that takes every loud chunk for a voice, at any rate."""

    def __init__(self, sample_rate: int = RATE) -> None:
        pass

    def probabilities(self, chunks: npt.NDArray[np.float32]) -> list[float]:
        """Judge ``chunks`` by their mean loudness: 1.0 or 0.0."""
        loudness = np.sqrt(np.mean(np.square(chunks), axis=1))
        return [1.0 if value > _LOUD else 0.0 for value in loudness]


class ScriptedEngine:
    """Gives the texts in order, one an utterance, starting over at the end.

    ``None`` in the script is an utterance nobody spoke in, an exception is raised.
    """

    def __init__(self, script: Sequence[str | Exception | None]) -> None:
        self._script: Iterator[str | Exception | None] = itertools.cycle(script)

    @property
    def info(self) -> EngineInfo:
        """Name the engine."""
        return EngineInfo(engine="scripted", model="scripted")

    def decoder(self, *, language: str, hotwords: Sequence[str], effort: Effort) -> Decode:
        """Return a decoder that goes on in the script, whatever the audio holds.

        A sketch only looks at what comes next.
        """
        return self._peek if effort is Effort.SKETCH else self._next

    def _peek(self, audio: Samples) -> Decoded | None:
        self._script, script = itertools.tee(self._script)
        return _heard(next(script, None))

    def _next(self, audio: Samples) -> Decoded | None:
        return _heard(next(self._script, None))


def _heard(text: str | Exception | None) -> Decoded | None:
    if isinstance(text, Exception):
        raise text
    return None if text is None else Decoded(text_raw=text, text=text, confidence=1.0)


def scripted_recogniser(
    *script: str | Exception | None, rules: Endpointing = LIVE, partials: bool = False
) -> GatedRecogniser:
    """Return a recogniser that takes loud audio for speech and hears the script in it.

    With ``partials`` a pause of the voice may use up a text of the script.
    """
    return GatedRecogniser(
        ScriptedEngine(script),
        detector=LoudnessDetector,
        workers=1,
        live=rules,
        recorded=rules,
        partials=partials,
    )
