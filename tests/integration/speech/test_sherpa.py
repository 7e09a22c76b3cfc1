"""The sherpa engine: the real library with toy weights, for the real ones are not on any index."""

from pathlib import Path

import numpy as np
import pytest

from gateway.channel.speech import Feature
from gateway.speech.catalogue import ModelError
from gateway.speech.endpointing import RATE, Samples
from gateway.speech.sherpa import SherpaEngine, SherpaStreamingEngine, sherpa_engine
from gateway.speech.streaming import StreamingEngine
from tests.peers import toy_sherpa

ZH = frozenset({"zh"})


def noise_after(silence_s: float, noise_s: float = 1.0) -> Samples:
    rng = np.random.default_rng(1)
    quiet = np.zeros(int(silence_s * RATE), np.float32)
    return np.concatenate([quiet, rng.normal(0, 0.2, int(noise_s * RATE)).astype(np.float32)])


@pytest.fixture
def transducer(tmp_path: Path) -> SherpaStreamingEngine:
    toy_sherpa.streaming_transducer(tmp_path)
    engine = sherpa_engine(
        tmp_path, kind="streaming_transducer", model="toy", digest="", languages=ZH
    )
    assert isinstance(engine, SherpaStreamingEngine)
    return engine


def test_a_transducer_hears_a_word_when_it_is_said(transducer: SherpaStreamingEngine) -> None:
    assert isinstance(transducer, StreamingEngine)
    assert Feature.PARTIALS in transducer.info.features
    stream = transducer.stream(language="zh-CN", hotwords=("好", "经十/路"))
    audio = noise_after(1.0)
    heard = [stream.hear(audio[begin : begin + 1600]) for begin in range(0, len(audio), 1600)]
    assert heard[5] == ""
    assert heard[-1] == "好"
    final = stream.finish()
    assert final is not None
    assert final.text == "好"
    (word,) = final.words
    assert 800 < word.start_ms < 1300
    assert word.confidence is not None


def test_a_transducer_hears_a_whole_utterance_too(transducer: SherpaStreamingEngine) -> None:
    heard = transducer.decoder(language="zh")(noise_after(0.5))
    assert heard is not None
    assert heard.text_raw == "好"
    assert transducer.decoder(language="zh")(np.zeros(RATE, np.float32)) is None


def test_sense_voice_hears_a_whole_utterance(tmp_path: Path) -> None:
    toy_sherpa.sense_voice(tmp_path)
    engine = sherpa_engine(
        tmp_path, kind="sense_voice", model="toy", digest="", languages=frozenset({"zh", "en"})
    )
    assert isinstance(engine, SherpaEngine)
    assert not isinstance(engine, StreamingEngine)
    heard = engine.decoder(language="zh", hotwords=("好",))(noise_after(0.2))
    assert heard is not None
    assert heard.text == "好"
    assert [word.text for word in heard.words] == ["好"]


def test_cantonese_falls_back_to_mandarin_and_other_languages_are_refused(
    transducer: SherpaStreamingEngine,
) -> None:
    assert transducer.decoder(language="yue")(noise_after(0.2)) is not None
    with pytest.raises(ModelError, match="does not know the language 'fr'"):
        transducer.stream(language="fr", hotwords=())


def test_a_model_without_its_weights_is_refused_before_the_library_ends_the_process(
    tmp_path: Path,
) -> None:
    toy_sherpa.streaming_transducer(tmp_path)
    (tmp_path / "joiner-toy.onnx").unlink()
    with pytest.raises(ModelError, match=r"no file joiner\*\.onnx"):
        sherpa_engine(tmp_path, kind="streaming_transducer", model="t", digest="", languages=ZH)


def test_an_unknown_kind_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="of the kind 'moonshine'") as refused:
        sherpa_engine(tmp_path, kind="moonshine", model="t", digest="", languages=ZH)
    assert "streaming_transducer" in refused.value.cure


def test_the_library_is_an_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sherpa_onnx", None)
    with pytest.raises(ModelError, match="needs the library sherpa-onnx"):
        sherpa_engine(tmp_path, kind="sense_voice", model="t", digest="", languages=ZH)
