"""A session listens without blocking, keeps its order, and outlives a failing engine."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Sequence

import numpy as np
import pytest

from gateway.channel.speech import (
    EngineInfo,
    Final,
    RecogniserSession,
    SpeechEnded,
    SpeechEvent,
    SpeechStarted,
)
from gateway.domain.errors import GatewayError
from gateway.domain.transcript import TranscriptWord
from gateway.speech.endpointing import Samples
from gateway.speech.engine import Decode, Decoded, Effort
from gateway.speech.scripted import LoudnessDetector, scripted_recogniser
from gateway.speech.session import GatedRecogniser
from gateway.speech.transcription import RecognitionError, transcribe

RATE = 8000


def voice(ms: int) -> bytes:
    rng = np.random.default_rng(7)
    return rng.integers(-9000, 9000, ms * RATE // 1000).astype("<i2").tobytes()


def silence(ms: int) -> bytes:
    return bytes(2 * ms * RATE // 1000)


def sentence() -> bytes:
    return silence(300) + voice(1000) + silence(1000)


async def listen(session: RecogniserSession, pcm: bytes, step: int = 320) -> list[SpeechEvent]:
    """Feed as a telephone does, in frames of 20 ms, then finish."""
    events: list[SpeechEvent] = []
    for at in range(0, len(pcm), step):
        events += await session.feed(pcm[at : at + step])
        await asyncio.sleep(0)
    return [*events, *await session.finish()]


def texts(events: Sequence[SpeechEvent]) -> list[str]:
    return [event.segment.text for event in events if isinstance(event, Final)]


async def test_each_utterance_becomes_one_text_in_order() -> None:
    recogniser = scripted_recogniser("停水了", "请来修")
    session = recogniser.session(sample_rate=RATE, language="zh")
    events = await listen(session, sentence() + sentence())
    recogniser.close()
    assert texts(events) == ["停水了", "请来修"]


async def test_a_sentence_is_told_as_started_ended_and_text_with_its_times() -> None:
    recogniser = scripted_recogniser("停水了")
    session = recogniser.session(sample_rate=RATE, language="zh")
    started, ended, final = await listen(session, sentence())
    recogniser.close()
    assert isinstance(started, SpeechStarted)
    assert isinstance(ended, SpeechEnded)
    assert isinstance(final, Final)
    # The detector judges 32 ms at once.
    assert started.at_ms == pytest.approx(300, abs=32)
    assert ended.at_ms == pytest.approx(1300, abs=40)
    assert (final.segment.start_ms, final.segment.end_ms) == (started.at_ms, ended.at_ms)


async def test_the_gate_is_called_when_there_is_a_chunk_to_judge() -> None:
    recogniser = scripted_recogniser("停水了")
    session = recogniser.session(sample_rate=RATE, language="zh")
    busy = []
    for _ in range(2):
        await session.feed(voice(20))
        busy.append(session.busy)
    assert busy == [False, True]
    await session.finish()
    recogniser.close()


async def test_a_caller_who_hangs_up_in_mid_sentence_is_heard() -> None:
    recogniser = scripted_recogniser("有人跌倒了快")
    session = recogniser.session(sample_rate=RATE, language="zh")
    events = await listen(session, silence(300) + voice(700))
    recogniser.close()
    assert texts(events) == ["有人跌倒了快"]


async def test_what_is_known_between_two_pieces_of_audio_is_announced() -> None:
    recogniser = scripted_recogniser("停水了")
    news = asyncio.Event()
    session = recogniser.session(sample_rate=RATE, language="zh", news=news.set)
    events = list(await session.feed(sentence()))
    async with asyncio.timeout(10):
        while not texts(events):
            await news.wait()
            news.clear()
            events += await session.feed(b"")
    session.close()
    recogniser.close()
    assert texts(events) == ["停水了"]


async def test_silence_says_nothing() -> None:
    recogniser = scripted_recogniser("从未说过")
    session = recogniser.session(sample_rate=RATE, language="zh")
    assert await listen(session, silence(3000)) == []
    recogniser.close()


async def test_an_utterance_nobody_spoke_in_has_no_text() -> None:
    recogniser = scripted_recogniser(None, "停水了")
    session = recogniser.session(sample_rate=RATE, language="zh")
    events = await listen(session, sentence() + sentence())
    recogniser.close()
    assert texts(events) == ["停水了"]
    assert session.failures == 0


async def test_an_engine_that_fails_costs_one_utterance_and_is_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    recogniser = scripted_recogniser(RuntimeError("out of memory"), "停水了")
    session = recogniser.session(sample_rate=RATE, language="zh")
    events = await listen(session, sentence() + sentence())
    recogniser.close()
    assert texts(events) == ["停水了"]
    assert session.failures == 1
    assert "could not be recognised" in caplog.text


async def test_an_odd_number_of_bytes_waits_for_its_other_half() -> None:
    recogniser = scripted_recogniser("停水了")
    session = recogniser.session(sample_rate=RATE, language="zh")
    events = await listen(session, sentence(), step=333)
    recogniser.close()
    assert texts(events) == ["停水了"]


async def test_a_closed_session_stays_silent() -> None:
    recogniser = scripted_recogniser("停水了")
    session = recogniser.session(sample_rate=RATE, language="zh")
    await session.feed(sentence())
    session.close()
    session.close()
    assert await session.feed(sentence()) == []
    assert texts(await session.finish()) == []
    recogniser.close()


async def test_finishing_twice_gives_nothing_twice() -> None:
    recogniser = scripted_recogniser("停水了")
    session = recogniser.session(sample_rate=RATE, language="zh")
    assert texts(await listen(session, sentence())) == ["停水了"]
    assert await session.finish() == []
    recogniser.close()


@pytest.mark.parametrize("rate", [0, -8000, 10_000_000])
async def test_an_impossible_sample_rate_is_refused(rate: int) -> None:
    recogniser = scripted_recogniser("停水了")
    with pytest.raises(GatewayError, match="Hz"):
        recogniser.session(sample_rate=rate, language="zh")
    recogniser.close()


class GatedEngine:
    """Decodes only when the test lets it, and counts how many decode at once."""

    info = EngineInfo(engine="gated", model="gated")

    def __init__(self) -> None:
        self.go = threading.Event()
        self.entered = threading.Semaphore(0)
        self.at_once = 0
        self.most_at_once = 0
        self._lock = threading.Lock()

    def decoder(self, *, language: str, hotwords: Sequence[str], effort: Effort) -> Decode:
        return self._decode

    def _decode(self, audio: Samples) -> Decoded | None:
        with self._lock:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        self.entered.release()
        self.go.wait(30)
        with self._lock:
            self.at_once -= 1
        word = TranscriptWord(text="停水了", start_ms=0, end_ms=900)
        return Decoded(text_raw="停水了", text="停水了", words=(word,))


@pytest.fixture
def engine() -> Iterator[GatedEngine]:
    engine = GatedEngine()
    yield engine
    engine.go.set()


@pytest.fixture
async def recogniser(engine: GatedEngine) -> AsyncIterator[GatedRecogniser]:
    recogniser = GatedRecogniser(engine, detector=LoudnessDetector, workers=4)
    yield recogniser
    engine.go.set()
    recogniser.close()


async def test_feeding_does_not_wait_for_the_engine(
    engine: GatedEngine, recogniser: GatedRecogniser
) -> None:
    session = recogniser.session(sample_rate=RATE, language="zh")
    await session.feed(sentence())
    await asyncio.to_thread(engine.entered.acquire)
    # The engine is stuck, and the voice channel still learns that the caller fell silent.
    events = await session.feed(silence(20))
    assert [type(event) for event in events] == [SpeechStarted, SpeechEnded]
    engine.go.set()
    assert texts(await session.finish()) == ["停水了。"]


async def test_one_call_has_one_utterance_decoded_at_a_time(
    engine: GatedEngine, recogniser: GatedRecogniser
) -> None:
    session = recogniser.session(sample_rate=RATE, language="zh")
    await session.feed(sentence() * 4)
    await asyncio.to_thread(engine.entered.acquire)
    engine.go.set()
    assert len(texts(await session.finish())) == 4
    assert engine.most_at_once == 1


async def test_several_calls_are_decoded_side_by_side(
    engine: GatedEngine, recogniser: GatedRecogniser
) -> None:
    sessions = [recogniser.session(sample_rate=RATE, language="zh") for _ in range(3)]
    for session in sessions:
        await session.feed(sentence())
    for _ in sessions:
        await asyncio.to_thread(engine.entered.acquire)
    assert engine.at_once == 3
    engine.go.set()
    assert [texts(await session.finish()) for session in sessions] == [["停水了。"]] * 3


async def test_word_times_count_from_the_start_of_the_call(
    engine: GatedEngine, recogniser: GatedRecogniser
) -> None:
    engine.go.set()
    session = recogniser.session(sample_rate=RATE, language="zh")
    (final,) = [
        e for e in await listen(session, silence(2000) + sentence()) if isinstance(e, Final)
    ]
    (word,) = final.segment.words
    # The engine's time zero is up to 300 ms of air before the voice; a word never starts there.
    assert word.start_ms == final.segment.start_ms
    assert word.end_ms == pytest.approx(2300 - 300 + 900, abs=64)


async def test_a_recording_becomes_a_transcript() -> None:
    recogniser = scripted_recogniser("停水了", "请来修")
    pcm = sentence() + silence(1000) + sentence()
    transcript = await transcribe(recogniser, pcm, sample_rate=RATE, language="zh")
    recogniser.close()
    assert transcript.text == "停水了\n请来修"
    assert (transcript.engine, transcript.language) == ("scripted", "zh")
    assert transcript.duration_ms == len(pcm) // 2 * 1000 // RATE
    assert transcript.confidence == 1.0
    assert [segment.speaker for segment in transcript.segments] == ["citizen", "citizen"]


async def test_a_silent_recording_becomes_an_empty_transcript() -> None:
    recogniser = scripted_recogniser("从未说过")
    transcript = await transcribe(recogniser, silence(2000), sample_rate=RATE, language="zh")
    recogniser.close()
    assert transcript.segments == ()
    assert transcript.confidence is None


async def test_a_transcript_with_a_hole_is_an_error() -> None:
    recogniser = scripted_recogniser(RuntimeError("out of memory"))
    with pytest.raises(RecognitionError):
        await transcribe(recogniser, sentence(), sample_rate=RATE, language="zh")
    recogniser.close()
