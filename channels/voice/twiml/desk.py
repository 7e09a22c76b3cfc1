"""Turns the steps of a call into documents, and the addresses in them back into the call.

What proves an answer beside the provider's signature is the passage in its address: it opens with
our key only, names the very call that the form names, and is not older than a call can be.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote

from twilio.twiml.voice_response import Start, VoiceResponse

from channels.voice.config import TargetSettings, VoiceSettings
from channels.voice.ivr.steps import (
    Connect,
    Connected,
    HangUp,
    Keep,
    Kept,
    Keys,
    Look,
    Looked,
    NoInput,
    Prompt,
    Reached,
    Result,
    Statement,
    Wait,
    Waited,
)
from channels.voice.leg import Call
from channels.voice.twiml import answers
from channels.voice.twiml.answers import Answers
from channels.voice.twiml.calls import Calls
from channels.voice.twiml.journey import Journeys, Turn, values_of
from channels.voice.twiml.live import LiveCalls
from channels.voice.twiml.passage import LONGEST_S, Passage, Passes, result_as_told
from channels.voice.twiml.profile import Profile
from channels.voice.twiml.results import waited_s
from channels.voice.twiml.talk import Talk, TalkTickets
from channels.voice.twiml.ticket import BadTicket, Tickets
from channels.voice.twiml.verbs import Verbs, can_ring, queue_of
from channels.voice.twiml.webhooks import asked
from gateway.channel import HttpReply, Malformed, Ports, RawRequest, Unverified
from gateway.domain.intake import Outcome

PASSAGE = "p"
"""The name under which a passage stands in an address."""
_TRY = "again"
_TRIES = 3
_TRY_AFTER_S = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What the webhooks of one account share to lead a call through its flow."""

    settings: VoiceSettings
    profile: Profile
    ports: Ports
    journeys: Journeys
    passes: Passes
    tickets: Tickets
    talks: TalkTickets
    answers: Answers
    verbs: Verbs
    calls: Calls
    live: LiveCalls
    mount: str

    # --- what arrives

    def opened(self, raw: RawRequest) -> tuple[Passage, datetime]:
        """Return the passage of a request; raises ``Malformed``."""
        try:
            return self.passes.open(asked(raw).get(PASSAGE, ""))
        except BadTicket:
            raise Malformed("no passage of ours") from None

    def check(self, raw: RawRequest, call_sid: str) -> None:
        """Raise ``Unverified`` unless the passage is ours, of this call, and not too old."""
        try:
            passage, at = self.passes.open(asked(raw).get(PASSAGE, ""))
        except BadTicket:
            raise Unverified("no passage of ours") from None
        if passage.call_id != call_sid:
            raise Unverified("the passage of another call")
        if self.ports.clock.now() - at > timedelta(seconds=LONGEST_S):
            raise Unverified("a passage from long ago")

    def target(self, name: str) -> TargetSettings | None:
        """Return whom a flow calls by this name."""
        return self.settings.targets.get(name)

    # --- what is answered

    def address(self, path: str, passage: Passage) -> str:
        """Return where a question's answer is brought to."""
        return f"{self.mount}{path}?{PASSAGE}={self.passes.seal(passage, self.ports.clock.now())}"

    def onward(self, response: VoiceResponse, turn: Turn, result: Result, *, say: bool) -> None:
        """Say what a step says and go on with its result, which is known already."""
        if say:
            self.verbs.say(response, turn.step.parts, turn.step.language)
        passage = turn.passage(result=result_as_told(result))
        response.redirect(self.address("/step", passage), method="POST")

    async def perform(self, turn: Turn, outcome: Outcome | None) -> HttpReply:
        """Return the document that performs a step; ``outcome`` is what became of its storing."""
        response, step = answers.begun(turn.after_talk), turn.step
        go_on = self.address("/step", turn.passage())
        match step.ask:
            case Keys() as ask:
                if ask.first_s <= 0:
                    self.onward(response, turn, NoInput(), say=True)
                else:
                    self.verbs.keys(response, step, ask, go_on)
            case Statement() as ask:
                self._statement(response, turn, ask, go_on)
            case Connect(target=name) as ask:
                target = self.target(name)
                if target is None or not can_ring(target):
                    self.onward(response, turn, Connected(outcome=Reached.FAILED), say=True)
                else:
                    whisper = self.address("/whisper", turn.passage())
                    self.verbs.connect(
                        response,
                        step,
                        ask,
                        target,
                        go_on=go_on,
                        whisper=whisper,
                        overheard=self._overheard(turn),
                    )
            case Wait() as ask:
                self._wait(response, turn, ask)
            case Keep():
                kept = Kept(values=values_of(outcome or Outcome(status="ignored")))
                self.onward(response, turn, kept, say=True)
            case Look(receipt_no=number, query_code=code):
                found = await self.ports.cases.status(number, code)
                looked = Looked(state=found.state if found else None)
                self.onward(response, turn, looked, say=True)
            case HangUp():
                self.verbs.say(response, step.parts, step.language)
                response.hangup()
        return answers.xml(response)

    def _statement(self, response: VoiceResponse, turn: Turn, ask: Statement, go_on: str) -> None:
        told = self.tickets.seal(turn.call, self.ports.clock.now())
        self.verbs.statement(
            response,
            turn.step,
            ask,
            go_on=go_on,
            skipped=self.address("/step", turn.passage(quick=True)),
            told=f"{self.mount}/recording?ticket={quote(told)}",
        )

    def _wait(self, response: VoiceResponse, turn: Turn, ask: Wait) -> None:
        target = self.target(ask.target)
        since = int(self.ports.clock.now().timestamp())
        passage = turn.passage(since=since)
        name = queue_of(target) if target is not None and self.profile.queues else None
        if name is not None:
            self.verbs.enqueue(
                response,
                turn.step,
                name,
                go_on=self.address("/step", passage),
                wait=self.address("/wait", passage),
            )
        elif target is None or not can_ring(target):
            self.onward(response, turn, Waited(outcome=Reached.FAILED), say=True)
        else:
            self.verbs.say(response, turn.step.parts, turn.step.language)
            self.verbs.ring(
                response,
                ask,
                target,
                go_on=self.address("/step", passage),
                whisper=self.address("/whisper", passage),
                left_s=ask.longest_s,
                overheard=self._overheard(turn),
            )

    def _overheard(self, turn: Turn) -> Start | None:
        """Return the verb that lets us listen to a talk, None where that cannot be."""
        if self.profile.overhears is None:
            return None
        call, now = turn.call, self.ports.clock.now()
        began = call.began_at or now
        at_ms = turn.handover.heard_ms
        if self.settings.media == "none":
            at_ms = max(round((now - began).total_seconds() * 1000), 0)
        talk = Talk(
            name=self.ports.ids.new(),
            call_id=call.call_id,
            caller=call.caller,
            dialled=call.dialled,
            began=int(began.timestamp()),
            at_ms=at_ms,
            language=turn.step.language,
        )
        return self.answers.overheard(self.talks.seal(talk, now))

    def resume(self, turn: Turn, result: Result) -> HttpReply:
        """Give the call back to live audio, which goes on after a result."""
        passage = turn.passage(result=result_as_told(result))
        ticket = self.passes.seal(passage, self.ports.clock.now())
        return self.answers.connect(ticket, after_talk=turn.after_talk)

    def wait_on(self, turn: Turn, ask: Wait, passage: Passage, *, rung: bool) -> HttpReply:
        """Between two rings of somebody who is busy: offer what else there is, or ring again."""
        response = answers.begun(turn.after_talk)
        target = self.target(ask.target)
        left_s = ask.longest_s - waited_s(passage.since, self.ports.clock.now())
        go_on = self.address("/step", turn.passage(since=passage.since, quick=rung))
        if rung or target is None:
            self.verbs.offer(response, ask, turn.step.language, go_on=go_on)
        else:
            whisper = self.address("/whisper", turn.passage(since=passage.since))
            self.verbs.ring(
                response,
                ask,
                target,
                go_on=go_on,
                whisper=whisper,
                left_s=left_s,
                overheard=self._overheard(turn),
            )
        return answers.xml(response)

    def apologise(self, raw: RawRequest, call: Call) -> HttpReply:
        """Nothing could be stored: ask to be asked again, and at last say so."""
        response = VoiceResponse()
        tries = asked(raw).get(_TRY, "0")
        done = int(tries) if tries.isascii() and tries.isdigit() and len(tries) < 3 else _TRIES
        if done >= _TRIES:
            language = self.journeys.language
            self.verbs.say(response, [Prompt(name="sorry_busy")], language)
            response.hangup()
            self.ports.log.warning("call_not_stored", call=call.call_id)
        else:
            passage = asked(raw).get(PASSAGE)
            here = f"?{PASSAGE}={quote(passage)}&" if passage else "?"
            response.pause(length=_TRY_AFTER_S)
            response.redirect(f"{self.mount}{raw.path}{here}{_TRY}={done + 1}", method="POST")
        return answers.xml(response)

    def lost(self, call: Call, why: str) -> HttpReply:
        """The flow cannot be continued: never a dead line, so the caller is recorded."""
        self.ports.log.warning("flow_lost", call=call.call_id, why=why)
        return self.recorded(call)

    def recorded(self, call: Call) -> HttpReply:
        """Let the provider record what the caller still has to say."""
        return self.answers.record(self.tickets.seal(call, self.ports.clock.now()))
