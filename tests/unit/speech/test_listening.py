"""What a session tells while somebody speaks, what it leaves out, and when it decodes at all."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from gateway.channel.speech import EngineInfo, Final, Partial, SpeechEnded, SpeechEvent
from gateway.speech.admission import Room
from gateway.speech.endpointing import RATE, Samples
from gateway.speech.engine import Decode, Decoded, Effort
from gateway.speech.listening import GatedSession
from gateway.speech.scripted import LoudnessDetector
from gateway.speech.session import GatedRecogniser

LINE = 8000
FRAME = 320


def voice(ms: int) -> bytes:
    rng = np.random.default_rng(7)
    return rng.integers(-9000, 9000, ms * LINE // 1000).astype("<i2").tobytes()


def silence(ms: int) -> bytes:
    return bytes(2 * ms * LINE // 1000)


@dataclass
class CountingEngine:
    """Hears 一 for each second of an utterance, and remembers what it was asked."""

    info = EngineInfo(engine="counting", model="counting")
    calls: list[tuple[Effort, float]] = field(default_factory=list)
    before: Callable[[Effort], object] = lambda effort: None

    def decoder(self, *, language: str, hotwords: Sequence[str], effort: Effort) -> Decode:
        def decode(audio: Samples) -> Decoded | None:
            self.before(effort)
            self.calls.append((effort, round(len(audio) / RATE, 1)))
            text = "一" * int(len(audio) / RATE) + "。"
            return Decoded(text_raw=text, text=text)

        return decode

    def efforts(self) -> list[Effort]:
        return [effort for effort, _ in self.calls]


class Watched:
    """Counts what was noted."""

    def __init__(self) -> None:
        self.noted: list[str] = []

    def waited(self, seconds: float) -> None:
        pass

    def note(self, name: str, *, room: str | None = None) -> None:
        self.noted.append(name)


@pytest.fixture
def watch() -> Watched:
    return Watched()


@pytest.fixture
def engine() -> CountingEngine:
    return CountingEngine()


@pytest.fixture
async def recogniser(engine: CountingEngine, watch: Watched) -> AsyncIterator[GatedRecogniser]:
    made = GatedRecogniser(engine, detector=LoudnessDetector, workers=1, watch=watch)
    yield made
    made.close()


async def settle(session: GatedSession) -> None:
    while session.busy:
        await asyncio.sleep(0.001)


async def spoken(session: GatedSession, pcm: bytes) -> list[SpeechEvent]:
    """Feed as a telephone does, with a decoder that is fast enough, and finish."""
    events: list[SpeechEvent] = []
    for at in range(0, len(pcm), FRAME):
        events += await session.feed(pcm[at : at + FRAME])
        await settle(session)
    return [*events, *await session.finish()]


async def test_provisional_texts_come_about_once_a_second_and_grow(
    recogniser: GatedRecogniser,
) -> None:
    session = recogniser.session(sample_rate=LINE, language="zh")
    events = await spoken(session, silence(300) + voice(4600) + silence(1000))
    partials = [event for event in events if isinstance(event, Partial)]
    assert [partial.text for partial in partials] == ["一", "一一", "一一一", "一一一一", "一" * 5]
    assert [partial.stable_chars for partial in partials] == [0, 1, 2, 3, 4]
    (final,) = [event for event in events if isinstance(event, Final)]
    assert events.index(final) > max(events.index(partial) for partial in partials)
    assert {partial.start_ms for partial in partials} == {final.segment.start_ms}


async def test_the_text_is_ready_when_the_silence_is_long_enough(
    recogniser: GatedRecogniser, engine: CountingEngine
) -> None:
    session = recogniser.session(sample_rate=LINE, language="zh")
    await session.feed(silence(300) + voice(700) + silence(400))
    await settle(session)
    assert engine.efforts() == [Effort.USUAL]
    await session.feed(silence(400))
    await settle(session)
    events = await session.feed(b"")
    # The voice stayed silent: what was decoded at its pause is the text, and nothing was decoded.
    assert [type(event) for event in events][-2:] == [SpeechEnded, Final]
    assert engine.efforts() == [Effort.USUAL]
    await session.finish()


async def test_a_voice_that_goes_on_after_a_pause_is_decoded_whole(
    recogniser: GatedRecogniser, engine: CountingEngine
) -> None:
    session = recogniser.session(sample_rate=LINE, language="zh")
    events = await spoken(
        session, silence(300) + voice(700) + silence(450) + voice(700) + silence(1000)
    )
    (final,) = [event for event in events if isinstance(event, Final)]
    assert final.segment.text_raw == "一一。"
    assert max(seconds for effort, seconds in engine.calls if effort is Effort.USUAL) > 2


async def test_silence_costs_no_decoding(
    recogniser: GatedRecogniser, engine: CountingEngine
) -> None:
    session = recogniser.session(sample_rate=LINE, language="zh")
    assert await spoken(session, silence(5000)) == []
    assert engine.calls == []


async def test_a_tone_that_the_detector_takes_for_a_voice_costs_no_decoding(
    recogniser: GatedRecogniser, engine: CountingEngine
) -> None:
    wave = np.sin(2 * np.pi * 450 / LINE * np.arange(4 * LINE))
    tone = (wave * 9000).astype("<i2").tobytes()
    session = recogniser.session(sample_rate=LINE, language="zh")
    events = await spoken(session, silence(300) + tone + silence(1000))
    assert engine.calls == []
    # Whoever waits for the caller's silence must still learn of it.
    assert isinstance(events[-1], SpeechEnded)


async def test_late_sketches_are_replaced_not_queued(
    recogniser: GatedRecogniser, engine: CountingEngine
) -> None:
    go = threading.Event()
    engine.before = lambda effort: go.wait(30)
    session = recogniser.session(sample_rate=LINE, language="zh")
    for _ in range(60):
        await session.feed(voice(100))
        while session._gating is not None:
            await asyncio.sleep(0.001)
    go.set()
    await session.finish()
    sketched = [seconds for effort, seconds in engine.calls if effort is Effort.SKETCH]
    assert len(sketched) <= 2
    assert engine.efforts()[-1] is Effort.USUAL


async def test_a_recogniser_without_partials_decodes_finished_utterances_only(
    engine: CountingEngine,
) -> None:
    recogniser = GatedRecogniser(engine, detector=LoudnessDetector, workers=1, partials=False)
    session = recogniser.session(sample_rate=LINE, language="zh")
    events = await spoken(session, silence(300) + voice(3000) + silence(1000))
    recogniser.close()
    assert engine.efforts() == [Effort.USUAL]
    assert not any(isinstance(event, Partial) for event in events)


async def test_a_thorough_pass_makes_no_sketches(
    recogniser: GatedRecogniser, engine: CountingEngine
) -> None:
    session = recogniser.session(sample_rate=LINE, language="zh", thorough=True)
    await spoken(session, silence(300) + voice(3000) + silence(2000))
    assert engine.efforts() == [Effort.THOROUGH]


async def test_without_room_for_sketches_the_texts_still_come(
    recogniser: GatedRecogniser, engine: CountingEngine, watch: Watched
) -> None:
    recogniser._admission._room = Room.TEXTS
    session = recogniser.session(sample_rate=LINE, language="zh")
    events = await spoken(session, silence(300) + voice(3000) + silence(1000))
    assert engine.efforts() == [Effort.USUAL]
    assert sum(isinstance(event, Final) for event in events) == 1
    assert "speech.partial_dropped" in watch.noted
    assert session.postponed == 0


async def test_without_room_for_texts_the_utterance_is_left_to_the_second_pass(
    recogniser: GatedRecogniser, engine: CountingEngine, watch: Watched
) -> None:
    recogniser._admission._room = Room.RECORDING_ONLY
    session = recogniser.session(sample_rate=LINE, language="zh")
    events = await spoken(session, silence(300) + voice(1500) + silence(1000))
    assert engine.calls == []
    # The call goes on as before: it still learns when the caller falls silent.
    assert isinstance(events[-1], SpeechEnded)
    assert (session.postponed, session.failures) == (1, 0)
    assert watch.noted.count("speech.postponed") == 1


async def test_a_second_pass_is_never_put_off(
    recogniser: GatedRecogniser, engine: CountingEngine
) -> None:
    recogniser._admission._room = Room.RECORDING_ONLY
    session = recogniser.session(sample_rate=LINE, language="zh", thorough=True)
    events = await spoken(session, silence(300) + voice(1500) + silence(2000))
    assert sum(isinstance(event, Final) for event in events) == 1
    assert session.postponed == 0


async def test_a_sketch_that_fails_costs_nothing(
    recogniser: GatedRecogniser, engine: CountingEngine
) -> None:
    def fail(effort: Effort) -> None:
        if effort is Effort.SKETCH:
            raise RuntimeError

    engine.before = fail
    session = recogniser.session(sample_rate=LINE, language="zh")
    events = await spoken(session, silence(300) + voice(3000) + silence(1000))
    assert sum(isinstance(event, Final) for event in events) == 1
    assert session.failures == 0


class Piecewise:
    """A streaming engine that counts the samples it was given."""

    info = EngineInfo(engine="piecewise", model="piecewise")

    def __init__(self) -> None:
        self.pieces: list[int] = []

    def decoder(self, *, language: str, hotwords: Sequence[str], effort: Effort) -> Decode:
        assert effort is not Effort.SKETCH
        return _never

    def stream(self, *, language: str, hotwords: Sequence[str]) -> "Piecewise":
        return self

    def hear(self, audio: Samples) -> str:
        self.pieces.append(len(audio))
        return "字" * len(self.pieces)

    def finish(self) -> Decoded | None:
        return Decoded(text_raw="完", text="完")


def _never(audio: Samples) -> Decoded | None:
    raise AssertionError


async def test_a_streaming_engine_hears_every_sample_once() -> None:
    engine = Piecewise()
    recogniser = GatedRecogniser(engine, detector=LoudnessDetector, workers=1)
    session = recogniser.session(sample_rate=LINE, language="zh")
    events = await spoken(session, silence(320) + voice(2560) + silence(1000))
    recogniser.close()
    (final,) = [event for event in events if isinstance(event, Final)]
    length = final.segment.end_ms - final.segment.start_ms
    assert sum(engine.pieces) / RATE == pytest.approx(length / 1000 + 0.6, abs=0.07)
    assert len(engine.pieces) >= 3
    assert any(isinstance(event, Partial) for event in events)
