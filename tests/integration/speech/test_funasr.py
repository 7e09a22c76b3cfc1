"""The FunASR engine against a server that speaks its protocol over a real WebSocket."""

from collections.abc import Iterator

import numpy as np
import pytest

from gateway.speech import funasr
from gateway.speech.catalogue import ModelError
from gateway.speech.endpointing import RATE
from gateway.speech.funasr import FunasrEngine
from gateway.speech.streaming import StreamingEngine
from tests.peers.funasr_server import FunasrServer, running

SECOND = np.full(RATE, 0.1, np.float32)


@pytest.fixture
def server() -> Iterator[FunasrServer]:
    with running() as server:
        yield server


@pytest.fixture
def engine(server: FunasrServer) -> Iterator[FunasrEngine]:
    engine = FunasrEngine(server.url, languages=frozenset({"zh"}))
    yield engine
    engine.close()


def test_a_whole_utterance_is_sent_and_its_text_comes_with_times(
    server: FunasrServer, engine: FunasrEngine
) -> None:
    heard = engine.decoder(language="zh-CN", hotwords=("经十路",))(SECOND)
    assert heard is not None
    assert heard.text == "井盖丢了。"
    assert [(word.text, word.start_ms) for word in heard.words][:2] == [("井", 0), ("盖", 200)]
    (connection,) = server.connections
    assert len(connection.audio) == 2 * RATE
    assert connection.first["mode"] == "offline"
    assert connection.first["hotwords"] == '{"经十路": 20}'
    assert connection.first["itn"] is False


def test_the_fast_pass_shows_while_the_caller_speaks_and_the_better_one_ends_it(
    engine: FunasrEngine,
) -> None:
    assert isinstance(engine, StreamingEngine)
    stream = engine.stream(language="zh", hotwords=())
    provisional = {stream.hear(SECOND[:8000]) for _ in range(8)}
    final = stream.finish()
    assert final is not None
    assert final.text == "井盖丢了。"
    assert all(final.text.startswith(text) for text in provisional)
    assert any(provisional)


def test_nothing_said_is_no_text() -> None:
    with running(words="") as server:
        engine = FunasrEngine(server.url, languages=frozenset({"zh"}))
        try:
            assert engine.decoder(language="zh")(SECOND) is None
        finally:
            engine.close()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("closes", "closed the connection"),
        ("garbage", "not understood"),
        ("silent", "does not answer in time"),
    ],
)
def test_a_server_that_fails_costs_one_utterance(
    fault: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(funasr, "_ANSWER_S", 0.5)
    with running(fault=fault) as server:
        engine = FunasrEngine(server.url, languages=frozenset({"zh"}))
        try:
            with pytest.raises(ModelError, match=message):
                engine.decoder(language="zh")(SECOND)
            server.fault = ""
            assert engine.decoder(language="zh")(SECOND) is not None
        finally:
            engine.close()


def test_a_server_that_is_not_there_is_named_with_the_cure(server: FunasrServer) -> None:
    engine = FunasrEngine("ws://127.0.0.1:1/", languages=frozenset({"zh"}))
    try:
        with pytest.raises(ModelError, match="cannot be used") as away:
            engine.stream(language="zh", hotwords=())
        assert "speech.server" in away.value.cure
        with pytest.raises(ModelError, match="not set up for the language 'fr'"):
            engine.stream(language="fr", hotwords=())
    finally:
        engine.close()
