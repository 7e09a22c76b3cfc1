"""Walks a flow request by request: what an answer means, what is stored of it, what comes next.

Pure: the time is the one at which the question was sealed, so an answer that is delivered twice
means the same twice, and its events carry the same keys. Nothing is promised before it is stored:
a step that stores something is told to the core with the answer that led to it, and only the next
document, with the receipt number in its passage, goes on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from dataclasses import replace as replaced
from datetime import UTC, datetime
from typing import Protocol

from msgspec.structs import replace

from channels.voice import events
from channels.voice.call.handover import Handover
from channels.voice.call.keypad import DIGITS_KEPT
from channels.voice.ivr.steps import (
    Connected,
    Facts,
    HangUp,
    Keep,
    Kept,
    Looked,
    Reached,
    Result,
    Stated,
    Step,
    Waited,
    Walk,
)
from channels.voice.leg import Call
from channels.voice.twiml.passage import Passage
from channels.voice.twiml.results import keys_of
from gateway.domain.contact import phone_of
from gateway.domain.intake import CallEvent, CallMoment, Outcome

MISSED = "missed"
_ANY_TIME = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A step of a call that is to be performed: ``stored`` comes first, then ``step``.

    ``handover`` is the state of the call with the flow waiting at ``step``; ``untold`` are facts
    that could not be stored yet. ``after_talk``: the provider has just parted caller and person.
    """

    call: Call
    number: int
    handover: Handover
    step: Step
    stored: tuple[CallEvent, ...] = ()
    untold: Mapping[str, str] = field(default_factory=dict)
    after_talk: bool = False

    def passage(
        self, *, result: tuple[str, object] | None = None, since: int = 0, quick: bool = False
    ) -> Passage:
        """Return what the question of this step takes along."""
        call = self.call
        return Passage(
            call_id=call.call_id,
            caller=call.caller,
            dialled=call.dialled,
            began=int(call.began_at.timestamp()) if call.began_at else 0,
            turn=self.number,
            handover=self.handover.text(),
            result=result,
            since=since,
            quick=quick,
            facts=dict(self.untold),
        )


class Flows(Protocol):
    """The flow of one account, which a site may change while calls are under way."""

    @property
    def walk(self) -> Walk:
        """The flow that a call beginning now is led through."""

    def walk_of(self, state: str) -> Walk:
        """Return the flow that a state belongs to, or one that refuses the state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Journeys:
    """The calls of one account, led through its flow by questions and answers.

    ``flows`` knows the flow as it is now and, for calls under way, as it was when they began.
    ``language`` is the account's; ``hears`` tells whether spoken choices are understood,
    ``connects`` whether there are people to reach.
    """

    flows: Flows
    language: str
    hears: bool
    connects: bool

    def begun(self, call: Call) -> CallEvent:
        """Return what is stored of a call before anybody hears a word."""
        begun = events.started(call, _ANY_TIME, self.language, flow=self.flows.walk.version)
        # The provider does not say when, so the core's own time counts.
        return replace(begun, occurred_at=None)

    def first(self, call: Call, outcome: Outcome, at: datetime) -> Turn:
        """Return the first step of a call that is stored."""
        flow, step = self.flows.walk.begin(
            Facts(
                entry=call.dialled,
                caller=phone_of(events.contact_of(call)),
                at=at,
                language=self.language,
                recognises=self.hears,
                can_connect=self.connects,
                diverted_from=call.diverted_from,
                values=values_of(outcome),
            )
        )
        # What the flow has learnt by now is stored with the first answer.
        return Turn(call=call, number=1, handover=Handover(flow=flow), step=step, untold=step.facts)

    def taken_over(self, call: Call, state: str, number: int) -> Turn:
        """Return the step at which live audio left a call to us; raises ``StaleState``."""
        handover = Handover.parse(state)
        step = self.flows.walk_of(handover.flow).step(handover.flow)
        return Turn(call=call, number=number, handover=handover, step=step)

    def waiting(self, passage: Passage) -> Turn:
        """Return the step a passage waits at; raises ``StaleState``."""
        handover = Handover.parse(passage.handover)
        return Turn(
            call=passage.call,
            number=passage.turn,
            handover=handover,
            step=self.flows.walk_of(handover.flow).step(handover.flow),
            untold=passage.facts,
        )

    def after(
        self, passage: Passage, result: Result, fields: Mapping[str, str], at: datetime
    ) -> Turn:
        """Return the step that follows a result; raises ``StaleState``."""
        before = self.waiting(passage)
        state = before.handover.flow
        flow, step = self.flows.walk_of(state).after(state, result, at)
        seen = self.seen(before, passage, result, fields).handover
        handover = replace(seen, flow=flow, recordings=seen.recordings + _records(result))
        told = _told(before, step, handover, at)
        return Turn(
            call=before.call,
            number=passage.turn + 1,
            handover=replace(handover, notes=handover.notes + _numbered(told)),
            step=step,
            stored=told,
        )

    def seen(self, here: Turn, passage: Passage, result: Result, fields: Mapping[str, str]) -> Turn:
        """Return the same step with the keys of its answer counted, and what its result is worth.

        So whoever goes on after it, live audio too, knows both.
        """
        before = here.handover
        keys = keys_of(fields) if passage.told is None else ""
        after = replace(
            before,
            digits=(before.digits + keys)[:DIGITS_KEPT],
            served=before.served or _serves(result),
        )
        return replaced(here, handover=after)


def _serves(result: Result) -> bool:
    match result:
        case Kept():
            return True
        case Stated(heard=heard):
            return heard
        case Connected(outcome=outcome) | Waited(outcome=outcome):
            return outcome is Reached.FINISHED
        case Looked(state=state):
            return state is not None
        case _:
            return False


def _records(result: Result) -> bool:
    return isinstance(result, Stated) and result.heard


def values_of(outcome: Outcome) -> dict[str, str]:
    """Return what may be read out once something is stored."""
    told = {"receipt_no": outcome.receipt_no, "query_code": outcome.query_code}
    return {name: value for name, value in told.items() if value}


def _told(before: Turn, step: Step, after: Handover, at: datetime) -> tuple[CallEvent, ...]:
    """Return what the core must know before ``step`` is performed."""
    call = before.call
    facts = {**before.untold, **step.facts}
    language = step.language if step.language != before.step.language else None
    match step.ask:
        case Keep() as keep:
            return (
                events.progress(
                    call,
                    after.notes + 1,
                    at=at,
                    stretch=after.stretch,
                    facts=facts,
                    language=language,
                    rating=keep.rating,
                    callback_number=keep.callback_number,
                    callback_reason=keep.callback_reason,
                    digits=after.digits,
                    served=after.served,
                ),
            )
        case HangUp(cause=cause):
            learnt = _learnt(call, after, facts, language, at)
            return (*learnt, _end(call, after, cause, at))
        case _:
            return _learnt(call, after, facts, language, at)


def _learnt(
    call: Call, after: Handover, facts: Mapping[str, str], language: str | None, at: datetime
) -> tuple[CallEvent, ...]:
    if not facts and language is None:
        return ()
    number = after.notes + 1
    return (
        events.progress(
            call,
            number,
            at=at,
            stretch=after.stretch,
            facts=facts,
            language=language,
            digits=after.digits,
            served=after.served,
        ),
    )


def _end(call: Call, after: Handover, cause: str, at: datetime) -> CallEvent:
    number = phone_of(events.contact_of(call))
    missed = not after.served
    if after.recordings:
        # The core waits a moment for what the provider has recorded, so that the draft is whole.
        cause = f"carrier_flow_{cause}"
    return events.ended(
        call,
        CallMoment.ABANDONED if missed else CallMoment.ENDED,
        at=at,
        cause=cause,
        digits=after.digits,
        duration_ms=max(round((at - (call.began_at or at)).total_seconds() * 1000), 0),
        recording=None,
        transcript_missing=None,
        callback_number=number if missed else None,
        callback_reason=MISSED if missed and number else None,
        stretch=after.stretch,
        recordings=after.recordings or None,
    )


def _numbered(told: tuple[CallEvent, ...]) -> int:
    return sum(one.moment not in (CallMoment.ENDED, CallMoment.ABANDONED) for one in told)
