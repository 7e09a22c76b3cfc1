"""An engine is told the words of the call's branch, and what it heard is written around names."""

import asyncio
from collections.abc import Sequence

import numpy as np

from gateway.channel.speech import EngineInfo
from gateway.domain.transcript import Transcript
from gateway.speech.endpointing import Samples
from gateway.speech.engine import Decode, Decoded, Effort
from gateway.speech.lexicon import Lexicon
from gateway.speech.scripted import LoudnessDetector
from gateway.speech.session import GatedRecogniser
from gateway.speech.transcription import transcribe

RATE = 16000
# Noise: a steady tone is no voice.
LOUD = (np.random.default_rng(7).standard_normal(32000) * 8000).astype("<i2").tobytes()
CITY = Lexicon(
    communities=("三号院小区",), by_entry={"12319": ("渣土车",)}, by_topic={"供水": ("水压",)}
)


class AttentiveEngine:
    """Remembers what it was told to expect, and always hears the same."""

    info = EngineInfo(engine="attentive", model="none")

    def __init__(self) -> None:
        self.told: list[tuple[str, ...]] = []

    def decoder(self, *, language: str, hotwords: Sequence[str], effort: Effort) -> Decode:
        self.told.append(tuple(hotwords))
        return self._hear

    def _hear(self, audio: Samples) -> Decoded | None:
        text = "三号院小区三号楼停水"
        return Decoded(text_raw=text, text=text)


def heard(engine: AttentiveEngine, *, entry: str | None, topic: str | None) -> Transcript:
    recogniser = GatedRecogniser(engine, detector=LoudnessDetector, workers=1, lexicon=CITY)
    try:
        return asyncio.run(
            transcribe(recogniser, LOUD, sample_rate=RATE, language="zh", entry=entry, topic=topic)
        )
    finally:
        recogniser.close()


def test_the_words_of_the_branch_and_the_number_that_was_dialled_come_first() -> None:
    engine = AttentiveEngine()
    heard(engine, entry="12319", topic="供水")
    assert engine.told[0] == ("水压", "渣土车", "三号院小区")


def test_a_call_without_a_branch_has_the_general_words() -> None:
    engine = AttentiveEngine()
    heard(engine, entry=None, topic=None)
    assert engine.told[0] == ("三号院小区",)


def test_numbers_are_written_in_figures_but_for_those_in_names() -> None:
    assert heard(AttentiveEngine(), entry=None, topic=None).text == "三号院小区3号楼停水"
