"""Stands-in for everything a call needs: a line that plays a script, a store, ears and a tape."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

import numpy as np

from channels.voice.call.admission import Admission
from channels.voice.call.handover import Handover
from channels.voice.call.rules import Rules
from channels.voice.call.session import CallSession
from channels.voice.config import TargetSettings
from channels.voice.ivr.steps import (
    Ask,
    Facts,
    Prompt,
    Result,
    StaleState,
    Step,
)
from channels.voice.ivr.steps import HangUp as End
from channels.voice.leg import (
    BYTES_PER_MS,
    Audio,
    Call,
    Capability,
    Connecting,
    Connection,
    Digit,
    Ended,
    EndedBy,
    LegEvent,
    MarkPlayed,
    Party,
)
from channels.voice.people.group import People
from channels.voice.prompts import NAMES, QUANTITIES, Prompts
from channels.voice.telephone import SAID_BY_CALLS
from gateway.channel import Ports
from gateway.channel.errors import StoreBusy
from gateway.channel.ports import LiveNews
from gateway.channel.speech import (
    EngineInfo,
    Final,
    Partial,
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
from gateway.domain.intake import (
    CallEvent,
    CaseStatus,
    InboundMessage,
    Outcome,
    StoredEvent,
)
from tests.contract.kit.fakes import FakeClock, FakeHttp, FakeLog
from tests.contract.kit.fakes import ports as kit_ports

CALL = Call(call_id="CA" + "1" * 32, caller="+8613800138000", dialled="+15005550006")
RECEIPT = Outcome(
    status="accepted",
    draft_id="01JD7Z8Q4N5T6V7W8X9Y0Z1A2B",
    receipt_no="2611210000018",
    query_code="204816",
)
NO_WAITS = Rules(retry_waits_s=(0.0, 0.0, 0.0), closing_s=4.0)
FRAME_MS = 20


def tone(milliseconds: int, level: int = 8000) -> bytes:
    """Something that sounds like a voice to a loudness detector."""
    places = np.arange(milliseconds * 8)
    wave = np.sin(places * 2 * math.pi * 440 / 8000) * level
    return wave.astype("<i2").tobytes()


def voice(milliseconds: int, seed: int = 7, level: int = 5000) -> bytes:
    """Something as restless as speech, and as unlike another of it as two people's speech."""
    noise = np.random.default_rng(seed).normal(0, level, milliseconds * 8)
    return noise.clip(-30000, 30000).astype("<i2").tobytes()


def quiet(milliseconds: int) -> bytes:
    """Silence."""
    return bytes(milliseconds * BYTES_PER_MS)


ASKED = ("welcome", "menu", "matter", "once_more_please", "receipt", "bye")


def short_prompts(*languages: str) -> Prompts:
    """Every prompt, each with a sound of its own so that a test can tell them apart."""
    names = (*NAMES, *QUANTITIES, *SAID_BY_CALLS, *ASKED, "please_hold")
    return Prompts(
        {
            language: {
                name: _hiss(1000 * number + place)
                for place, name in enumerate(dict.fromkeys(names))
            }
            for number, language in enumerate(languages or ("zh",))
        },
        "zh",
    )


def _hiss(seed: int) -> bytes:
    return np.random.default_rng(seed).integers(-8000, 8000, 800).astype("<i2").tobytes()


@dataclass(slots=True)
class FakeSink:
    """A store in memory; ``busy`` is how many of the next commits it refuses."""

    busy: int = 0
    refuses: Callable[[Sequence[StoredEvent]], bool] = lambda events: False
    outcome: Outcome = RECEIPT
    events: list[StoredEvent] = field(default_factory=list)

    async def commit(self, events: Sequence[StoredEvent], raw: bytes = b"") -> Outcome:
        await asyncio.sleep(0)
        if self.busy or self.refuses(events):
            self.busy = max(0, self.busy - 1)
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

    @property
    def facts(self) -> dict[str, str]:
        return {name: value for event in self.moments for name, value in event.facts.items()}

    @property
    def keys(self) -> list[str]:
        return [event.dedupe_key for event in self.events]


class FakeEars:
    """A recogniser session: loud is speech, half a second of quiet ends an utterance.

    With ``partials`` the words of an utterance are told while it is still spoken.
    """

    def __init__(
        self,
        script: list[str],
        failing_after_ms: int | None = None,
        *,
        deaf: bool = False,
        hangs: bool = False,
        partials: bool = False,
    ) -> None:
        self._script = script
        self._hangs = hangs
        self._partials = partials
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
        if self._hangs:
            await asyncio.sleep(3600)
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
            if self._partials and self._script and self._now - self._began >= 300:
                text = self._script[0]
                return [Partial(start_ms=self._began, text=text, stable_chars=len(text))]
        elif self._began is not None and self._now - self._loud_to >= 500:
            return self._utterance()
        return []

    async def finish(self) -> Sequence[SpeechEvent]:
        assert not self.busy, "calls must never overlap"
        await asyncio.sleep(3600 if self._hangs else 0)
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
    """Hears the script, one text an utterance; ``agent`` is what the second listener hears."""

    script: Sequence[str] = ("井盖丢了", "在建设路")
    agent: Sequence[str] = ()
    failing_after_ms: int | None = None
    deaf: bool = False
    hangs: bool = False
    partials: bool = False
    sessions: list[FakeEars] = field(default_factory=list)
    asked: list[tuple[str, str | None, str | None]] = field(default_factory=list)
    _left: list[str] | None = None

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
        news: Callable[[], None] | None = None,
    ) -> RecogniserSession:
        assert sample_rate == 8000
        self.asked.append((language, entry, topic))
        if self._left is None:
            self._left = list(self.script)
        open_now = [ears for ears in self.sessions if not ears.closed]
        script = list(self.agent) if self.agent and open_now else self._left
        ears = FakeEars(
            script,
            self.failing_after_ms,
            deaf=self.deaf,
            hangs=self.hangs,
            partials=self.partials,
        )
        self.sessions.append(ears)
        return ears


@dataclass(slots=True)
class FakeRecorder:
    """Keeps recordings in memory; ``broken`` as a full disk would be."""

    broken: bool = False
    hangs: bool = False
    tapes: dict[str, bytearray] = field(default_factory=dict)

    async def open(self, name: str, sample_rate: int, channels: int) -> Recording:
        assert (sample_rate, channels) == (8000, 2)
        if self.broken:
            raise OSError("no space left on device")
        tape = self.tapes[name] = bytearray()
        return _FakeTape(tape, hangs=self.hangs)


class _FakeTape:
    def __init__(self, tape: bytearray, *, hangs: bool) -> None:
        self._tape = tape
        self._hangs = hangs

    async def write(self, pcm: bytes) -> None:
        if self._hangs:
            await asyncio.sleep(3600)
        self._tape += pcm

    async def finish(self) -> StoredRecording:
        if self._hangs:
            await asyncio.sleep(3600)
        return StoredRecording(
            sha256=sha256(self._tape).hexdigest(),
            size=len(self._tape),
            media_type="audio/wav",
            duration_ms=len(self._tape) // (2 * BYTES_PER_MS),
        )


@dataclass(slots=True)
class FakeLive:
    """Remembers what was told."""

    news: list[LiveNews] = field(default_factory=list)

    def tell(self, news: LiveNews) -> None:
        self.news.append(news)

    def of(self, kind: str) -> list[Mapping[str, object]]:
        return [one.data for one in self.news if one.type == kind]


@dataclass(slots=True)
class FakeCases:
    """Knows one case."""

    known: CaseStatus | None = None
    away: bool = False

    async def status(self, receipt_no: str, query_code: str) -> CaseStatus | None:
        if self.away:
            raise StoreBusy
        return self.known


@dataclass(slots=True)
class World:
    """All ports of one test."""

    sink: FakeSink = field(default_factory=FakeSink)
    recogniser: Recogniser | Unavailable = field(default_factory=FakeRecogniser)
    recorder: FakeRecorder = field(default_factory=FakeRecorder)
    clock: FakeClock = field(default_factory=FakeClock)
    http: FakeHttp = field(default_factory=FakeHttp)
    log: FakeLog = field(default_factory=FakeLog)
    live: FakeLive = field(default_factory=FakeLive)
    cases: FakeCases = field(default_factory=FakeCases)

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
            cases=self.cases,
            pages=usual.pages,
            recogniser=self.recogniser,
            recorder=self.recorder,
            log=self.log,
            live=self.live,
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


@dataclass(frozen=True, slots=True)
class Told:
    """The leg tells this, whatever it is."""

    event: LegEvent


@dataclass(frozen=True, slots=True)
class Pause:
    """Real time goes by without any audio."""

    seconds: float


Doing = Say | Press | Listen | HangUp | Then | Told | Pause
_LONGEST_MS = 120_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who can be rung: what becomes of it ``after_ms``, and how long he talks then."""

    becomes: Connecting = Connecting.ANSWERED
    after_ms: int = 400
    talks_ms: int = 2000
    voice: bytes = b""


NOBODY = Person(becomes=Connecting.FAILED, after_ms=20)


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

    def __init__(
        self,
        *steps: Doing,
        call: Call = CALL,
        capabilities: frozenset[Capability] = frozenset({Capability.CLEAR}),
        people: Mapping[str, Person] | None = None,
    ) -> None:
        self._steps = steps
        self._call = call
        self._capabilities = capabilities
        if people is not None:
            self._capabilities |= {Capability.CONNECT}
        self._people = dict(people or {})
        self._coming: list[tuple[float, Connection]] = []
        self._agent: Person | None = None
        self._agent_said = 0
        self.now_ms = 0
        self.until_ms = 0.0
        self.played: list[bytes] = []
        self.playbacks: list[FakePlayback] = []
        self.rung: list[Sequence[str]] = []
        self.announced: list[bytes] = []
        self.disconnected = 0
        self.handed: str | None = None
        self.hung_up = False
        self.cleared = 0
        self.deadline: float | None = None

    @property
    def call(self) -> Call:
        return self._call

    @property
    def capabilities(self) -> frozenset[Capability]:
        return self._capabilities

    async def connect(
        self, addresses: Sequence[str], *, timeout_s: float, announcement: bytes = b""
    ) -> None:
        self.rung.append(tuple(addresses))
        self.announced.append(announcement)
        rung = {one: self._people.get(one, NOBODY) for one in addresses}
        for address in rung:
            ringing = Connection(state=Connecting.RINGING, address=address)
            self._coming.append((self.now_ms, ringing))
        longest = int(timeout_s * 1000)
        found = [
            (person.after_ms, address)
            for address, person in rung.items()
            if person.becomes is Connecting.ANSWERED and person.after_ms <= longest
        ]
        if found:
            after, address = min(found)
            news = Connection(state=Connecting.ANSWERED, address=address)
        else:
            # As a PBX does: one word about all of them, when the last has failed.
            after = min(longest, max(person.after_ms for person in rung.values()))
            address, person = next(iter(rung.items()))
            late = person.becomes is Connecting.ANSWERED
            state = Connecting.NO_ANSWER if late else person.becomes
            news = Connection(state=state, address=address)
        self._coming.append((self.now_ms + after, news))

    async def disconnect(self) -> None:
        self.disconnected += 1
        self._coming.clear()
        self._agent = None

    async def hand_back(self, state: str) -> None:
        self.handed = state

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
                    await let_others_work()
                    while (not self.playbacks or not self.playbacks[-1].done) and not self._over:
                        async for event in self._sound(quiet(FRAME_MS)):
                            yield event
                    yield MarkPlayed(playback_id="p")
                case HangUp(by=by):
                    yield Ended(by=by)
                    return
                case Told(event=event):
                    yield event
                    if isinstance(event, Ended):
                        return
                case Pause(seconds=seconds):
                    await asyncio.sleep(seconds)
                case Then(happens=happens):
                    happens()
            if self._over:
                break
        longest = self.now_ms + _LONGEST_MS
        while not self._over and self.now_ms < longest:
            async for event in self._sound(quiet(FRAME_MS)):
                yield event
        if self.handed is not None:
            yield Ended(by=EndedBy.HANDED_BACK)
        else:
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
        self.deadline = seconds

    def heard(self, prompts: Prompts, name: str, language: str = "zh") -> bool:
        """Whether the gateway began to say a prompt."""
        return any(prompts.render(Prompt(name=name), language) in pcm for pcm in self.played)

    @property
    def _over(self) -> bool:
        return self.hung_up or self.handed is not None

    async def _sound(self, pcm: bytes) -> AsyncIterator[LegEvent]:
        step = FRAME_MS * BYTES_PER_MS
        for start in range(0, len(pcm), step):
            if self._over:
                return
            part = pcm[start : start + step]
            self.now_ms += len(part) // BYTES_PER_MS
            yield Audio(pcm=part)
            for event in self._others(len(part)):
                yield event
            await let_others_work()

    def _others(self, size: int) -> list[LegEvent]:
        """What people do meanwhile."""
        told: list[LegEvent] = []
        while self._coming and self._coming[0][0] <= self.now_ms:
            _, news = self._coming.pop(0)
            told.append(news)
            if news.state is Connecting.ANSWERED:
                person = self._agent = self._people[news.address]
                self._agent_said = 0
                gone = Connection(state=Connecting.FINISHED, address=news.address)
                self._coming = [(self.now_ms + person.talks_ms, gone)]
            elif news.state is Connecting.FINISHED:
                self._agent = None
        if self._agent is not None:
            said = self._agent.voice[self._agent_said : self._agent_said + size]
            self._agent_said += size
            told.append(Audio(pcm=said.ljust(size, b"\0"), party=Party.AGENT))
        return told


async def let_others_work() -> None:
    for _ in range(8):
        await asyncio.sleep(0)


# --- a flow of a few steps


def asks(
    ask: Ask,
    *said: str,
    node: str = "node",
    language: str = "zh",
    interruptible: bool = True,
    facts: Mapping[str, str] | None = None,
) -> Step:
    """One step: says prompts by their names, then asks."""
    return Step(
        node=node,
        language=language,
        parts=tuple(Prompt(name=name) for name in said),
        ask=ask,
        interruptible=interruptible,
        facts=facts or {},
    )


class ScriptedWalk:
    """A flow that takes its steps in order, whatever comes back, and then says goodbye."""

    version = "scripted@1"

    def __init__(self, *steps: Step) -> None:
        self.steps = (*steps, asks(End(), "bye", node="bye"))
        self.results: list[Result] = []
        self.facts: Facts | None = None
        self.begun = 0

    def begin(self, facts: Facts) -> tuple[str, Step]:
        self.facts = facts
        self.begun += 1
        return "0", self.steps[0]

    def after(self, state: str, result: Result, at: datetime) -> tuple[str, Step]:
        self.step(state)
        self.results.append(result)
        following = min(int(state) + 1, len(self.steps) - 1)
        return str(following), self.steps[following]

    def step(self, state: str) -> Step:
        if not state.isdigit() or int(state) >= len(self.steps):
            raise StaleState("another flow's")
        return self.steps[int(state)]


def people(clock: FakeClock, **targets: TargetSettings) -> People:
    """The people of one test."""
    return People(targets, clock)


def ring(*addresses: str, **settings: object) -> TargetSettings:
    """A target by its addresses."""
    return TargetSettings.model_validate({"ring": addresses, **settings})


@dataclass(slots=True)
class Exchange:
    """Everything the calls of one test share."""

    world: World
    walk: ScriptedWalk
    prompts: Prompts = field(default_factory=short_prompts)
    rules: Rules = NO_WAITS
    targets: dict[str, TargetSettings] = field(default_factory=dict)
    admission: Admission = field(default_factory=lambda: Admission(10, 10))
    _people: People | None = None

    def session(
        self,
        leg: ScriptedLeg,
        *,
        resumed: bool = False,
        handover: Handover | None = None,
        result: Result | None = None,
    ) -> CallSession:
        if self._people is None:
            self._people = People(self.targets, self.world.clock)
        return CallSession(
            leg,
            ports=self.world.ports,
            prompts=self.prompts,
            walk=self.walk,
            people=self._people,
            admission=self.admission,
            rules=self.rules,
            language="zh",
            resumed=resumed,
            handover=handover,
            result=result,
        )

    @property
    def people(self) -> People:
        assert self._people is not None
        return self._people

    async def hold(self, leg: ScriptedLeg) -> ScriptedLeg:
        """Hold one call to its end."""
        async with asyncio.timeout(30):
            assert await self.session(leg).run()
        return leg
