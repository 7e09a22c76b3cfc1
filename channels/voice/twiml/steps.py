"""The webhooks of a call that is led through its flow by questions and answers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from msgspec import structs
from twilio.twiml.voice_response import VoiceResponse

from channels.voice.ivr.steps import (
    Connect,
    Reached,
    Result,
    StaleState,
    Stated,
    StatedBy,
    Statement,
    Wait,
    Waited,
)
from channels.voice.twiml import answers
from channels.voice.twiml.desk import Desk
from channels.voice.twiml.journey import Turn
from channels.voice.twiml.passage import Passage, result_as_told
from channels.voice.twiml.profile import Profile
from channels.voice.twiml.proof import Prover
from channels.voice.twiml.queue_words import standing
from channels.voice.twiml.results import is_over, keys_of, reached, result_of, seconds, waited_s
from channels.voice.twiml.webhooks import ABOUT_A_LEG, Signed, fields_of
from gateway.channel import HttpReply, RawRequest
from gateway.domain.intake import Event, Ignored, Outcome

Fields = Mapping[str, str]


class FirstQuestion(Signed):
    """A new call that is led by questions: stored before the caller hears a word.

    ``look_again`` notices a flow that was changed, for the calls to come.
    """

    def __init__(
        self, prover: Prover, profile: Profile, desk: Desk, look_again: Callable[[], None]
    ) -> None:
        super().__init__(prover, profile)
        self._desk = desk
        self._look_again = look_again

    def parse(self, raw: RawRequest) -> Sequence[Event]:
        """Return the call's beginning; raises ``Malformed``."""
        return [self._desk.journeys.begun(self.call(raw))]

    async def answer_after(self, raw: RawRequest, outcome: Outcome) -> HttpReply:
        """Return the flow's first step."""
        desk, call = self._desk, self.call(raw)
        if outcome.status == "busy":
            return desk.apologise(raw, call)
        self._look_again()
        now = desk.ports.clock.now()
        begun = replace(call, began_at=now)
        return await desk.perform(desk.journeys.first(begun, outcome, now), outcome)


class Continued(Signed):
    """What now, after a media stream? The flow may have left something for the provider to do."""

    def __init__(self, prover: Prover, profile: Profile, desk: Desk) -> None:
        super().__init__(prover, profile)
        self._desk = desk

    def parse(self, raw: RawRequest) -> Sequence[Event]:
        """Check that the form names a call; raises ``Malformed``."""
        self.call(raw)
        return [Ignored(reason="a question about a call")]

    async def answer_after(self, raw: RawRequest, outcome: Outcome) -> HttpReply:
        """Go on where the flow is, hang up after a farewell, or else let the caller be recorded."""
        desk = self._desk
        call = replace(self.call(raw), began_at=desk.ports.clock.now())
        if desk.calls.is_complete(call.call_id):
            return desk.answers.hang_up()
        left = desk.calls.handed_back(call.call_id)
        if left is None:
            return desk.recorded(call)
        state, turn = left
        try:
            return await desk.perform(desk.journeys.taken_over(call, state, turn + 1), None)
        except StaleState as stale:
            return desk.lost(call, str(stale))


class Bound(Signed):
    """A webhook in the middle of a call, tied to it by the passage in its address."""

    expected = ABOUT_A_LEG

    def __init__(self, prover: Prover, profile: Profile, desk: Desk) -> None:
        super().__init__(prover, profile)
        self._desk = desk

    def verify(self, raw: RawRequest) -> None:
        """Raise ``Unverified`` unless it is the provider's, and about a call of ours."""
        super().verify(raw)
        self._desk.check(raw, self._call_id(fields_of(raw)))

    def parse(self, raw: RawRequest) -> Sequence[Event]:
        """Nothing is stored of it; raises ``Malformed``."""
        self._desk.opened(raw)
        return [Ignored(reason="a question in the middle of a call")]

    def _call_id(self, fields: Fields) -> str:
        return fields.get("CallSid", "")


class Answer(Bound):
    """What a caller did at a step."""

    def parse(self, raw: RawRequest) -> Sequence[Event]:
        """Return what is to be stored of this answer; raises ``Malformed``."""
        desk, fields = self._desk, fields_of(raw)
        passage, at = desk.opened(raw)
        if not is_over(fields) and desk.settings.media == "none":
            try:
                here = desk.journeys.waiting(passage)
                result = _result(here, passage, fields, at)
                if result and (stored := desk.journeys.after(passage, result, fields, at).stored):
                    return stored
            except StaleState:
                pass  # nothing is known of it, and the answer says what becomes of the caller
        return [Ignored(reason="an answer that needs no storing")]

    async def answer_after(self, raw: RawRequest, outcome: Outcome) -> HttpReply:
        """Return the next step."""
        desk, fields = self._desk, fields_of(raw)
        passage, at = desk.opened(raw)
        if outcome.status == "busy":
            return desk.apologise(raw, passage.call)
        if is_over(fields):
            return answers.NOTHING
        try:
            here = desk.journeys.waiting(passage)
            result = _result(here, passage, fields, at)
            talked = "DialCallStatus" in fields and desk.profile.overhears is not None
            here = replace(here, after_talk=talked)
            if result is None:
                return await self._same_step(here, passage)
            if desk.settings.media == "stream":
                seen = desk.journeys.seen(here, passage, result, fields)
                return desk.resume(_later(seen, fields, at, desk.ports.clock.now()), result)
            turn = desk.journeys.after(passage, result, fields, at)
            return await desk.perform(replace(turn, after_talk=talked), outcome)
        except StaleState as stale:
            return desk.lost(passage.call, str(stale))

    async def _same_step(self, here: Turn, passage: Passage) -> HttpReply:
        if isinstance(here.step.ask, Wait):
            return self._desk.wait_on(here, here.step.ask, passage, rung=not passage.quick)
        # A key that skips what is said: listen at once.
        return await self._desk.perform(replace(here, step=replace(here.step, parts=())), None)


class InQueue(Bound):
    """The provider asks what a caller hears who waits in its queue."""

    async def answer_after(self, raw: RawRequest, outcome: Outcome) -> HttpReply:
        """Say the position, offer what may be done instead, or let the caller go on."""
        desk, fields, response = self._desk, fields_of(raw), VoiceResponse()
        passage, _ = desk.opened(raw)
        try:
            turn = desk.journeys.waiting(passage)
        except StaleState as stale:
            return desk.lost(passage.call, str(stale))
        ask, key = turn.step.ask, keys_of(fields)[:1]
        if not isinstance(ask, Wait):
            response.leave()
        elif key and key == ask.voicemail_key and await self._to_voicemail(turn):
            response.pause(length=1)
        elif (key and key == ask.callback_key) or self._waited_s(passage, fields) >= ask.longest_s:
            response.leave()
        else:
            parts = standing(
                ask,
                position=seconds(fields.get("QueuePosition", "")),
                wait_s=seconds(fields.get("AvgQueueTime", "")),
            )
            again = desk.address("/wait", passage)
            desk.verbs.waiting(
                response, parts, turn.step.language, key=again, every_s=ask.announce_every_s
            )
        return answers.xml(response)

    async def _to_voicemail(self, turn: Turn) -> bool:
        # <Leave/> cannot say why somebody left, so the call itself is sent on.
        told = turn.passage(result=result_as_told(Waited(outcome=Reached.VOICEMAIL)))
        address = self._desk.address("/step", told)
        return await self._desk.live.redirect(turn.call.call_id, address)

    def _waited_s(self, passage: Passage, fields: Fields) -> float:
        told = seconds(fields.get("QueueTime", ""))
        return max(told, waited_s(passage.since, self._desk.ports.clock.now()))


class Whisper(Bound):
    """The provider asks what to tell the person who has answered, before they are joined."""

    def answer(self, raw: RawRequest, outcome: Outcome) -> HttpReply:
        """Say the announcement."""
        desk, response = self._desk, VoiceResponse()
        passage, _ = desk.opened(raw)
        try:
            step = desk.journeys.waiting(passage).step
        except StaleState:
            return answers.NOTHING
        if isinstance(step.ask, Connect | Wait):
            desk.verbs.say(response, step.ask.announce, step.language)
        return answers.xml(response)

    def _call_id(self, fields: Fields) -> str:
        # The person's own call is another one, which names the caller's.
        return fields.get("ParentCallSid") or fields.get("CallSid", "")


def _result(here: Turn, passage: Passage, fields: Fields, at: datetime) -> Result | None:
    """Return what an answer means for the step it belongs to; None when the step goes on."""
    if passage.told is not None:
        return passage.told
    match here.step.ask:
        case Statement(single=single) if passage.quick and not fields.get("RecordingUrl"):
            key = keys_of(fields)[:1]
            return Stated(heard=False, by=StatedBy.KEY, key=key) if key in single else None
        case Wait() as ask if not fields.get("QueueResult"):
            return _rung(ask, passage, fields, at)
        case ask:
            return result_of(ask, fields)


def _later(turn: Turn, fields: Fields, asked: datetime, now: datetime) -> Turn:
    """Return a turn whose call has gone on since it was ``asked``: what is said next comes after.

    The provider counts from the moment at which the person answered.
    """
    talked_s = seconds(fields.get("DialCallDuration", ""))
    gone_ms = max(round((now - asked).total_seconds() * 1000), talked_s * 1000, 0)
    handover = turn.handover
    return replace(turn, handover=structs.replace(handover, heard_ms=handover.heard_ms + gone_ms))


def _rung(ask: Wait, passage: Passage, fields: Fields, at: datetime) -> Result | None:
    key = keys_of(fields)[:1]
    if key and key == ask.callback_key:
        return Waited(outcome=Reached.CALLBACK)
    if key and key == ask.voicemail_key:
        return Waited(outcome=Reached.VOICEMAIL)
    if fields.get("DialCallStatus") and reached(fields) is Reached.FINISHED:
        return Waited(outcome=Reached.FINISHED)
    if waited_s(passage.since, at) >= ask.longest_s:
        return Waited(outcome=Reached.TIMEOUT)
    return None
