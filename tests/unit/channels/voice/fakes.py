"""Stands-in for everything a call needs: a line that plays a script, a store, ears and a tape."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

import numpy as np

from channels.voice.leg import (
    BYTES_PER_MS,
    Audio,
    Call,
    Capability,
    Digit,
    Ended,
    EndedBy,
    LegEvent,
    MarkPlayed,
)
from channels.voice.prompts import NAMES, Prompts
from channels.voice.session import Rules
from gateway.channel import Ports
from gateway.channel.errors import StoreBusy
from gateway.channel.speech import (
    EngineInfo,
    Final,
    Recogniser,
    RecogniserSession,
    Recording,
    Segment,
    SpeechEnded,
    SpeechEvent,
    SpeechStarted,
    StoredRecording,
    Unavailable,
)
from gateway.domain.intake import CallEvent, InboundMessage, Outcome, StoredEvent
from tests.contract.kit.fakes import FakeClock, FakeHttp, FakeLog
from tests.contract.kit.fakes import ports as kit_ports

CALL = Call(call_id="CA" + "1" * 32, caller="+8613800138000", dialled="+15005550006")
RECEIPT = Outcome(
    status="accepted",
    draft_id="01JD7Z8Q4N5T6V7W8X9Y0Z1A2B",
    receipt_no="2611210000018",
    query_code="204816",
)
NO_WAITS = Rules(retry_waits_s=(0.0, 0.0, 0.0))
FRAME_MS = 20


def tone(milliseconds: int, level: int = 8000) -> bytes:
    """Something that sounds like a voice to a loudness detector."""
    places = np.arange(milliseconds * 8)
    wave = np.sin(places * 2 * math.pi * 440 / 8000) * level
    return wave.astype("<i2").tobytes()


def quiet(milliseconds: int) -> bytes:
    """Silence."""
    return bytes(milliseconds * BYTES_PER_MS)


def short_prompts() -> Prompts:
    """Every prompt, each with a sound of its own so that a test can tell them apart."""
    return Prompts({"zh": {name: _hiss(place) for place, name in enumerate(NAMES)}}, "zh")


def _hiss(seed: int) -> bytes:
    return np.random.default_rng(seed).integers(-8000, 8000, 800).astype("<i2").tobytes()


@dataclass(slots=True)
class FakeSink:
    """A store in memory; ``busy`` is how many of the next commits it refuses."""

    busy: int = 0
    outcome: Outcome = RECEIPT
    events: list[StoredEvent] = field(default_factory=list)

    async def commit(self, events: Sequence[StoredEvent], raw: bytes = b"") -> Outcome:
        await asyncio.sleep(0)
        if self.busy:
            self.busy -= 1
            raise StoreBusy
        fresh = [event for event in events if event not in self.events]
        self.events += fresh
        if not fresh:
            return Outcome(
                status="duplicate",
                draft_id=self.outcome.draft_id,
                receipt_no=self.outcome.receipt_no,
                query_code=self.outcome.query_code,
            )
        return self.outcome

    @property
    def said(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, InboundMessage)]

    @property
    def moments(self) -> list[CallEvent]:
        return [event for event in self.events if isinstance(event, CallEvent)]

    @property
    def end(self) -> CallEvent:
        return self.moments[-1]


class FakeEars:
    """A recogniser session: loud is speech, half a second of quiet ends an utterance."""

    def __init__(
        self, script: Sequence[str], failing_after_ms: int | None = None, *, deaf: bool = False
    ) -> None:
        self._script = list(script)
        self._deaf = deaf
        self._failing_after_ms = failing_after_ms
        self._now = 0
        self._began: int | None = None
        self._loud_to = 0
        self.failures = 0
        self.postponed = 0
        self.closed = False
        self.busy = False

    async def feed(self, pcm: bytes) -> Sequence[SpeechEvent]:
        assert not self.busy, "calls must never overlap"
        self.busy = True
        await asyncio.sleep(0)
        self.busy = False
        self._now += len(pcm) // BYTES_PER_MS
        if self._failing_after_ms is not None and self._now >= self._failing_after_ms:
            raise RuntimeError("the engine broke")
        if self._deaf:
            return []
        if np.abs(np.frombuffer(pcm, "<i2")).max(initial=0) > 1000:
            self._loud_to = self._now
            if self._began is None:
                self._began = self._now
                return [SpeechStarted(at_ms=self._now)]
        elif self._began is not None and self._now - self._loud_to >= 500:
            return self._utterance()
        return []

    async def finish(self) -> Sequence[SpeechEvent]:
        assert not self.busy, "calls must never overlap"
        await asyncio.sleep(0)
        return self._utterance() if self._began is not None else []

    def close(self) -> None:
        self.closed = True

    def _utterance(self) -> list[SpeechEvent]:
        began, self._began = self._began or 0, None
        if not self._script:
            return [SpeechEnded(at_ms=self._loud_to)]
        text = self._script.pop(0)
        segment = Segment(start_ms=began, end_ms=self._loud_to, text=text, text_raw=text)
        return [SpeechEnded(at_ms=self._loud_to), Final(segment=segment)]


@dataclass(slots=True)
class FakeRecogniser:
    """Hears the script, one text an utterance."""

    script: Sequence[str] = ("井盖丢了", "在建设路")
    failing_after_ms: int | None = None
    deaf: bool = False
    sessions: list[FakeEars] = field(default_factory=list)

    @property
    def info(self) -> EngineInfo:
        return EngineInfo(engine="scripted", model="none")

    def session(
        self,
        *,
        sample_rate: int,
        language: str,
        entry: str | None = None,
        topic: str | None = None,
        thorough: bool = False,
    ) -> RecogniserSession:
        assert sample_rate == 8000
        ears = FakeEars(self.script, self.failing_after_ms, deaf=self.deaf)
        self.sessions.append(ears)
        return ears


@dataclass(slots=True)
class FakeRecorder:
    """Keeps recordings in memory; ``broken`` as a full disk would be."""

    broken: bool = False
    tapes: dict[str, bytearray] = field(default_factory=dict)

    async def open(self, name: str, sample_rate: int, channels: int) -> Recording:
        assert (sample_rate, channels) == (8000, 2)
        if self.broken:
            raise OSError("no space left on device")
        tape = self.tapes[name] = bytearray()
        return _FakeTape(tape)


class _FakeTape:
    def __init__(self, tape: bytearray) -> None:
        self._tape = tape

    async def write(self, pcm: bytes) -> None:
        self._tape += pcm

    async def finish(self) -> StoredRecording:
        return StoredRecording(
            sha256=sha256(self._tape).hexdigest(),
            size=len(self._tape),
            media_type="audio/wav",
            duration_ms=len(self._tape) // (2 * BYTES_PER_MS),
        )


@dataclass(slots=True)
class World:
    """All ports of one test."""

    sink: FakeSink = field(default_factory=FakeSink)
    recogniser: Recogniser | Unavailable = field(default_factory=FakeRecogniser)
    recorder: FakeRecorder = field(default_factory=FakeRecorder)
    clock: FakeClock = field(default_factory=FakeClock)
    http: FakeHttp = field(default_factory=FakeHttp)
    log: FakeLog = field(default_factory=FakeLog)

    @property
    def ports(self) -> Ports:
        usual = kit_ports(clock=self.clock, http=self.http, log=self.log)
        return Ports(
            site=usual.site,
            clock=self.clock,
            ids=usual.ids,
            http=self.http,
            sink=self.sink,
            uploads=usual.uploads,
            cases=usual.cases,
            pages=usual.pages,
            recogniser=self.recogniser,
            recorder=self.recorder,
            log=self.log,
        )


@dataclass(frozen=True, slots=True)
class Say:
    """The caller makes this sound for so long."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class Press:
    """The caller presses keys."""

    keys: str


@dataclass(frozen=True, slots=True)
class Listen:
    """The caller is silent until the gateway has nothing more to say."""


@dataclass(frozen=True, slots=True)
class HangUp:
    """The call ends here."""

    by: EndedBy = EndedBy.CALLER


@dataclass(frozen=True, slots=True)
class Then:
    """Something happens elsewhere while the caller is on the line."""

    happens: Callable[[], None]


Step = Say | Press | Listen | HangUp | Then
_LONGEST_MS = 120_000


class FakePlayback:
    """Audio the caller has heard once the call has lasted until ``until_ms``."""

    def __init__(self, leg: "ScriptedLeg", until_ms: float) -> None:
        self._leg = leg
        self.until_ms = until_ms
        self.cancelled = False

    @property
    def done(self) -> bool:
        return self.cancelled or self._leg.now_ms >= self.until_ms

    async def cancel(self) -> None:
        await self._leg.clear()


class ScriptedLeg:
    """A line whose caller follows a script and then stays silent until the gateway hangs up."""

    def __init__(self, *steps: Step, call: Call = CALL) -> None:
        self._steps = steps
        self._call = call
        self.now_ms = 0
        self.until_ms = 0.0
        self.played: list[bytes] = []
        self.playbacks: list[FakePlayback] = []
        self.hung_up = False
        self.cleared = 0

    @property
    def call(self) -> Call:
        return self._call

    @property
    def capabilities(self) -> frozenset[Capability]:
        return frozenset({Capability.CLEAR})

    async def connect(
        self, addresses: Sequence[str], *, timeout_s: float, announcement: bytes = b""
    ) -> None:
        raise NotImplementedError

    async def disconnect(self) -> None:
        raise NotImplementedError

    async def hand_back(self, state: str) -> None:
        raise NotImplementedError

    async def events(self) -> AsyncIterator[LegEvent]:
        for step in self._steps:
            match step:
                case Say(pcm=pcm):
                    async for event in self._sound(pcm):
                        yield event
                case Press(keys=keys):
                    for key in keys:
                        yield Digit(key=key)
                case Listen():
                    await _let_others_work()
                    while not self.playbacks or not self.playbacks[-1].done:
                        async for event in self._sound(quiet(FRAME_MS)):
                            yield event
                    yield MarkPlayed(playback_id="p")
                case HangUp(by=by):
                    yield Ended(by=by)
                    return
                case Then(happens=happens):
                    happens()
            if self.hung_up:
                break
        while not self.hung_up and self.now_ms < _LONGEST_MS:
            async for event in self._sound(quiet(FRAME_MS)):
                yield event
        yield Ended(by=EndedBy.GATEWAY if self.hung_up else EndedBy.LIMIT)

    async def play(self, pcm: bytes) -> FakePlayback:
        self.until_ms = max(self.until_ms, self.now_ms) + len(pcm) / BYTES_PER_MS
        self.played.append(pcm)
        self.playbacks.append(FakePlayback(self, self.until_ms))
        return self.playbacks[-1]

    async def clear(self) -> None:
        self.cleared += 1
        self.until_ms = self.now_ms
        for playback in self.playbacks:
            playback.cancelled = True

    async def hangup(self) -> None:
        self.hung_up = True

    def set_deadline(self, seconds: float) -> None:
        raise AssertionError("the session leaves deadlines to its transport")

    async def _sound(self, pcm: bytes) -> AsyncIterator[LegEvent]:
        step = FRAME_MS * BYTES_PER_MS
        for start in range(0, len(pcm), step):
            if self.hung_up:
                return
            part = pcm[start : start + step]
            self.now_ms += len(part) // BYTES_PER_MS
            yield Audio(pcm=part)
            await _let_others_work()


async def _let_others_work() -> None:
    for _ in range(8):
        await asyncio.sleep(0)
