"""The Vosk engine with real weights: Korean ones, the only that the package index holds.

What is understood of the demo's Mandarin callers is nonsense, and that does not matter here: words,
times, confidence and provisional texts must be what the engine says they are.
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from gateway.channel.speech import Feature
from gateway.speech.audio import read_audio
from gateway.speech.catalogue import Catalogue, Installed, ModelError
from gateway.speech.endpointing import RATE, Samples
from gateway.speech.fetch import fetch
from gateway.speech.loading import default_models_folder, try_out
from gateway.speech.streaming import StreamingEngine
from gateway.speech.vosk import VoskEngine
from tests.integration.speech.conftest import CALLERS

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def installed() -> Installed:
    """The Korean model, fetched the first time."""
    catalogue = Catalogue.read(default_models_folder())
    return fetch(
        catalogue,
        catalogue.get("vosk-ko"),
        say=print,
        try_out=lambda model, folder: try_out(model, folder, manifest_folder=catalogue.folder),
    )


@pytest.fixture(scope="module")
def engine(installed: Installed) -> VoskEngine:
    return VoskEngine(
        installed.folder,
        model="vosk-ko",
        digest=installed.variant.digest,
        languages=frozenset({"ko"}),
    )


def speech() -> Samples:
    audio = read_audio(CALLERS / "zh2.wav")
    assert audio.sample_rate == RATE
    return np.frombuffer(audio.pcm, "<i2").astype(np.float32)[: 4 * RATE] / np.float32(32768)


def pieces(audio: Samples) -> Sequence[Samples]:
    return [audio[begin : begin + 1600] for begin in range(0, len(audio), 1600)]


def test_words_come_in_order_with_times_and_confidence(engine: VoskEngine) -> None:
    heard = engine.decoder(language="ko")(speech())
    assert heard is not None
    assert heard.text == " ".join(word.text for word in heard.words)
    assert all(first.end_ms <= second.start_ms for first, second in pairwise(heard.words))
    assert heard.words[-1].end_ms <= 4100
    assert all(0 < (word.confidence or 0) <= 1 for word in heard.words)
    assert heard.confidence is not None


def test_provisional_texts_come_while_the_caller_speaks(engine: VoskEngine) -> None:
    assert isinstance(engine, StreamingEngine)
    stream = engine.stream(language="ko", hotwords=("무시",))
    provisional = [stream.hear(piece) for piece in pieces(speech())]
    final = stream.finish()
    assert final is not None
    different = [text for text, _ in {text: None for text in provisional if text}.items()]
    assert len(different) > 3
    assert len(different[0]) < len(different[-1])
    assert {Feature.PARTIALS, Feature.WORDS, Feature.CONFIDENCE} <= engine.info.features


def test_each_utterance_counts_its_times_from_its_own_beginning(engine: VoskEngine) -> None:
    decode = engine.decoder(language="ko")
    first, second = decode(speech()), decode(speech())
    assert first is not None
    assert second is not None
    assert abs(first.words[0].start_ms - second.words[0].start_ms) < 200
    assert second.words[-1].end_ms <= 4100


def test_two_callers_speak_at_once(engine: VoskEngine) -> None:
    one, other = (engine.stream(language="ko", hotwords=()) for _ in range(2))
    for piece in pieces(speech()):
        one.hear(piece)
        other.hear(np.zeros_like(piece))
    assert other.finish() is None
    assert one.finish() is not None


def test_silence_is_no_words(engine: VoskEngine) -> None:
    assert engine.decoder(language="ko")(np.zeros(2 * RATE, np.float32)) is None


def test_a_language_that_the_model_does_not_speak_is_refused(engine: VoskEngine) -> None:
    with pytest.raises(ModelError, match="does not know the language 'zh'"):
        engine.stream(language="zh", hotwords=())


def test_a_folder_that_is_no_model_is_refused_with_the_cure(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not load") as refused:
        VoskEngine(tmp_path, model="vosk-ko", digest="", languages=frozenset({"ko"}))
    assert "hotline models verify vosk-ko" in refused.value.cure


def test_an_engine_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "vosk", None)
    with pytest.raises(ModelError, match="needs the Vosk library") as refused:
        VoskEngine(tmp_path, model="vosk-ko", digest="", languages=frozenset({"ko"}))
    assert "pip install" in refused.value.cure
