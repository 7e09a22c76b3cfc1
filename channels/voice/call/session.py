"""One call from the first ring to its draft: whatever was said survives however it ends.

The call is stored as started before the caller hears a word, every utterance and choice as soon as
it is known, and the recording at the end of every path. Everything a call does lives in one task
group, so ending the call ends all of it.
"""

import asyncio
from types import MappingProxyType

from channels.voice import events
from channels.voice.call.admission import Admission
from channels.voice.call.barge_in import Arbiter
from channels.voice.call.cause import CAUSE_OF, Cause, Trouble
from channels.voice.call.ears import Ears, recogniser_of
from channels.voice.call.ending import Ending, undisturbed
from channels.voice.call.handover import Handover
from channels.voice.call.journal import Journal
from channels.voice.call.keypad import Keypad
from channels.voice.call.line import Line
from channels.voice.call.performing import Performer
from channels.voice.call.reaching import Reaching
from channels.voice.call.rules import Rules
from channels.voice.call.speaking import EVERYTHING, Voice
from channels.voice.call.tape import Tape
from channels.voice.call.telling import Teller
from channels.voice.call.understanding import Understanding
from channels.voice.ivr.steps import Facts, HangUp, Result, StaleState, Step, Walk
from channels.voice.leg import (
    BYTES_PER_MS,
    Audio,
    CallLeg,
    Capability,
    Connection,
    Digit,
    Ended,
    EndedBy,
    LegEvent,
    MarkPlayed,
    MediaLost,
    MediaResumed,
    Party,
)
from channels.voice.people.group import People
from channels.voice.prompts import Prompts
from gateway.channel import Ports
from gateway.domain.contact import phone_of
from gateway.domain.intake import Fact

_MOST_STEPS = 500
"""Steps of one call; a flow that only turns in circles must not go on for ever."""
_LEAVES_WITHIN_S = 10.0
_APOLOGY_GRACE_S = 10.0


class CallSession:
    """Holds one conversation over a leg, and leaves a draft behind."""

    def __init__(
        self,
        leg: CallLeg,
        *,
        ports: Ports,
        prompts: Prompts,
        walk: Walk,
        people: People,
        admission: Admission,
        rules: Rules,
        language: str,
        resumed: bool = False,
        handover: Handover | None = None,
        result: Result | None = None,
    ) -> None:
        self._leg = leg
        self._ports = ports
        self._walk = walk
        self._rules = rules
        self._language = language
        self._resumed = resumed
        self._handover = handover
        self._result = result
        self._people = people
        self._admission = admission
        self._busy = False
        self._audible = False
        self._handing_over: Handover | None = None
        self._state = ""
        self._cause: str | None = None
        self._ended: EndedBy | None = None
        self._alarms: dict[Cause, asyncio.TimerHandle] = {}
        self.end_stored = False
        """Whether the end of the call is stored: nobody else needs to tell it."""
        self.handed_back = False
        """Whether the transport goes on with the flow."""

        call, log = leg.call, ports.log
        stretch = ports.ids.new() if resumed else ""
        before = handover or Handover(flow="", stretch=stretch)
        self._before = before
        self._line = line = Line(Keypad(before.digits))
        self._tape = Tape(ports.recorder, log, call.call_id)
        self._teller = Teller(ports.live, ports.clock, call.call_id, before_ms=before.heard_ms)
        self._journal = Journal(
            call,
            sink=ports.sink,
            clock=ports.clock,
            log=log,
            line=line,
            retry_waits_s=rules.retry_waits_s,
            before=before,
        )
        recogniser, engine, self._missing = recogniser_of(ports)
        understanding = Understanding(
            line=line, journal=self._journal, teller=self._teller, engine=engine
        )
        self._ears = {
            party: Ears(
                recogniser,
                party,
                entry=call.entry,
                log=log,
                feed_s=rules.feed_s,
                told=understanding.told,
                lost=self._lose_recogniser,
            )
            for party in Party
        }
        self._voice = Voice(
            leg, line=line, tape=self._tape, prompts=prompts, language=language, log=log
        )
        reaching = Reaching(
            leg,
            people=people,
            line=line,
            voice=self._voice,
            tape=self._tape,
            caller=self._ears[Party.CALLER],
            agent=self._ears[Party.AGENT],
            teller=self._teller,
            log=log,
        )
        self._performer = Performer(
            leg=leg,
            line=line,
            voice=self._voice,
            arbiter=Arbiter(line.hearing, self._tape, rules.barge_in),
            ears=self._ears[Party.CALLER],
            understanding=understanding,
            journal=self._journal,
            reaching=reaching,
            cases=ports.cases,
            log=log,
            rules=rules,
            hand_back=self._hand_back,
            served=before.served,
        )
        self._ending = Ending(
            call=call,
            clock=ports.clock,
            log=log,
            line=line,
            tape=self._tape,
            ears=tuple(self._ears.values()),
            performer=self._performer,
            reaching=reaching,
            understanding=understanding,
            before=before,
        )

    async def run(self) -> bool:
        """Hold the conversation until the call is over.

        False when this call had been taken before (a replayed stream): then nothing is stored.
        """
        place = self._admission.enter(self.wind_up)
        self._busy = place.busy
        try:
            if not place.listens:
                self._do_without_recogniser()
            if not await self._begin():
                return False
            try:
                await self._hold()
            finally:
                await undisturbed(self._close())
            return True
        finally:
            self._admission.leave(place)

    def wind_up(self) -> None:
        """End the call soon and politely, because the process ends."""
        self._line.fail(Cause.SHUTDOWN)

    # --- the beginning

    async def _begin(self) -> bool:
        self._leg.set_deadline(self._rules.call_s + _APOLOGY_GRACE_S)
        fresh = await self._journal.begin(self._language, self._walk.version)
        if not fresh and not (self._resumed or self._handover):
            return False
        self._teller.draft_id = self._journal.outcome.draft_id
        await self._tape.open()
        self._teller.tell("call.started", entry=self._leg.call.entry, resumed=self._resumed)
        return True

    async def _hold(self) -> None:
        """Let everything that a call does run until it is over."""
        async with asyncio.TaskGroup() as group:
            helping = [
                group.create_task(self._journal.run()),
                group.create_task(self._tape.run()),
                group.create_task(self._miss_audio()),
                *(group.create_task(ears.run()) for ears in self._ears.values()),
            ]
            reading = group.create_task(self._read())
            talking = group.create_task(self._talk())
            try:
                await asyncio.wait(
                    {reading, talking},
                    timeout=self._rules.call_s + 3 * _APOLOGY_GRACE_S,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if not reading.done():
                    # Hanging up makes the leg tell its end; one that does not is left.
                    await asyncio.wait({reading}, timeout=_LEAVES_WITHIN_S)
            finally:
                for alarm in self._alarms.values():
                    alarm.cancel()
                for task in (reading, talking, *helping):
                    task.cancel()

    # --- what comes in

    async def _read(self) -> None:
        try:
            async for event in self._leg.events():
                self._take(event)
                self._line.ring()
        except Exception as error:  # a transport's fault ends the call, not the process
            self._ports.log.warning(
                "leg_failed", call=self._leg.call.call_id, error=type(error).__name__
            )
            self._ended = self._ended or EndedBy.NETWORK

    def _take(self, event: LegEvent) -> None:
        line = self._line
        match event:
            case Audio(pcm=pcm, party=Party.CALLER):
                self._audible = True
                self._tape.hear(pcm)
                line.hearing.hear(pcm)
                self._ears[Party.CALLER].hear(pcm)
            case Audio(pcm=pcm):
                self._tape.hear_agent(pcm)
                self._ears[Party.AGENT].hear(pcm)
            case Digit(key=key):
                line.keypad.press(key)
            case Connection():
                line.connections.append(event)
            case MediaLost():
                self._alarm(self._rules.media_lost_s, Cause.MEDIA_LOST)
            case MediaResumed():
                if alarm := self._alarms.pop(Cause.MEDIA_LOST, None):
                    alarm.cancel()
            case MarkPlayed():
                pass  # the playback knows; this only wakes who waits for it
            case Ended(by=by):
                self._ended = self._ended or by

    async def _miss_audio(self) -> None:
        """End a call without audio, should the transport never have told that it is lost."""
        while True:
            self._audible = False
            await asyncio.sleep(2 * self._rules.media_lost_s)
            if not self._audible:
                self._line.fail(Cause.MEDIA_LOST)

    def _do_without_recogniser(self) -> None:
        for ears in self._ears.values():
            ears.deafen()
        self._missing = self._missing or "the recogniser was busy with other calls"

    def _lose_recogniser(self, error: Exception) -> None:
        self._missing = "the recogniser failed during the call"
        self._line.hearing.listens(False)
        self._ports.log.warning(
            "recogniser_failed", call=self._leg.call.call_id, error=type(error).__name__
        )
        if self._tape.broken:
            self._line.fail(Cause.OUT_OF_ORDER)

    # --- what is said

    async def _talk(self) -> None:
        line, ears = self._line, self._ears[Party.CALLER]
        self._alarm(self._rules.call_s, Cause.CALL_LIMIT)
        ears.listen(self._language, line.now)
        line.hearing.listens(ears.open)
        if self._tape.broken and not ears.open:
            line.fail(Cause.OUT_OF_ORDER)
        try:
            if line.trouble is not None:
                raise Trouble(line.trouble)
            self._cause = await self._walked()
        except Trouble as trouble:
            await self._apologise(trouble.cause)
        except Exception as error:  # a fault of flow or transport must not leave a dead line
            self._ports.log.warning(
                "call_failed", call=self._leg.call.call_id, error=type(error).__name__
            )
            await self._apologise(Cause.OUT_OF_ORDER)
        await self._leg.hangup()

    async def _walked(self) -> str:
        """Walk the flow to its end; return why it ended the call."""
        state, step = await self._first()
        for _ in range(_MOST_STEPS):
            self._enter(state, step)
            if isinstance(step.ask, HangUp):
                # From here on nothing is taken back: what was promised is stored.
                await self._say_at_last(self._voice.sound(step.parts))
                return step.ask.cause
            result = await self._performer.perform(step)
            state, step = self._walk.after(state, result, self._ports.clock.now())
        raise Trouble(Cause.OUT_OF_ORDER)

    async def _first(self) -> tuple[str, Step]:
        now = self._ports.clock.now()
        if self._handover is not None:
            state = self._handover.flow
            try:
                if self._result is not None:
                    return self._walk.after(state, self._result, now)
                return state, self._walk.step(state)
            except StaleState:
                self._ports.log.warning("flow_begins_again", call=self._leg.call.call_id)
        if self._resumed:
            await self._voice.say(self._voice.named("sorry_interrupted"))
        call, outcome = self._leg.call, self._journal.outcome
        known = {"receipt_no": outcome.receipt_no, "query_code": outcome.query_code}
        reaches = {Capability.CONNECT, Capability.HAND_BACK} & self._leg.capabilities
        return self._walk.begin(
            Facts(
                entry=call.entry,
                caller=phone_of(events.contact_of(call)),
                at=now,
                language=self._language,
                recognises=self._ears[Party.CALLER].open,
                busy=self._busy,
                can_connect=bool(reaches) and self._people.anybody,
                diverted_from=call.diverted_from,
                values={name: value for name, value in known.items() if value},
            )
        )

    def _enter(self, state: str, step: Step) -> None:
        self._state = state
        self._voice.language = step.language
        ears = self._ears[Party.CALLER]
        if ears.open:
            ears.listen(step.language, self._line.now, step.facts.get(Fact.TOPIC))
        self._journal.learnt(step.facts, step.language)
        self._teller.tell("call.step", node=step.node, language=step.language)

    async def _apologise(self, cause: Cause) -> None:
        self._cause = cause
        names = _APOLOGIES.get(cause, ("sorry_outage",))
        await self._say_at_last(self._voice.named(*names))

    async def _say_at_last(self, pcm: bytes) -> None:
        """Say something whatever goes wrong meanwhile, but not for ever."""
        try:
            async with asyncio.timeout(len(pcm) / BYTES_PER_MS / 1000 + _APOLOGY_GRACE_S):
                await self._voice.say(pcm, despite=EVERYTHING)
        except Exception as error:  # the line may be gone, which is no news here
            self._ports.log.info(
                "not_heard", call=self._leg.call.call_id, error=type(error).__name__
            )

    async def _hand_back(self) -> None:
        """Leave the call to the transport, once everything said so far is counted and stored."""
        await asyncio.gather(*(ears.finish(self._rules.answer_s) for ears in self._ears.values()))
        await self._line.until(lambda: self._journal.settled)
        journal, before = self._journal, self._before
        journal.notes += 1  # of this one, which tells of the recording, see ``_close``
        self._handing_over = Handover(
            flow=self._state,
            utterances=journal.utterances,
            notes=journal.notes,
            heard_ms=before.heard_ms + self._line.now,
            digits=self._line.keypad.digits,
            recordings=before.recordings + 1,
            stretch=before.stretch,
            served=self._performer.served,
        )
        await self._leg.hand_back(self._handing_over.text())

    # --- the end

    async def _close(self) -> None:
        closing_s, ending, handing_over = self._rules.closing_s, self._ending, self._handing_over
        finished = await asyncio.gather(*(ears.finish(closing_s) for ears in self._ears.values()))
        recording = await ending.sealed(closing_s / 4)
        self.handed_back = handing_over is not None and self._ended is EndedBy.HANDED_BACK
        if handing_over is not None and self.handed_back:
            last = ending.pause(handing_over, recording)
        else:
            missing = self._missing or ending.transcript_missing(understood=all(finished))
            cause = self._cause or (CAUSE_OF[self._ended] if self._ended else Cause.SHUTDOWN)
            last = ending.end(cause, recording, missing)
        try:
            async with asyncio.timeout(closing_s / 4):
                stored = await self._journal.close(last)
        except TimeoutError:
            stored = False
        self.end_stored = stored and not self.handed_back
        if not self.handed_back:
            self._teller.tell("call.ended", cause=last.cause, moment=str(last.moment))
        self._ports.log.info(
            "call_handed_back" if self.handed_back else "call_ended",
            call=self._leg.call.call_id,
            cause=last.cause,
            utterances=self._journal.utterances,
        )

    def _alarm(self, seconds: float, cause: Cause) -> None:
        """Let a cause end the conversation after so much real time; the first alarm counts."""
        if cause not in self._alarms:
            loop = asyncio.get_running_loop()
            self._alarms[cause] = loop.call_later(seconds, self._line.fail, cause)


_APOLOGIES = MappingProxyType(
    {Cause.STORE_BUSY: ("sorry_busy",), Cause.CALL_LIMIT: ("limit_reached", "thanks")}
)
