"""What the moments of a call do to its draft: when it stays open, when it ends, what is told.

``calls.py`` knows how a moment changes the document; the casebook opens and seals drafts. A call
gives signs of life until its end is told. Three things may put its draft off for a moment only: the
carrier tells of an end before the call itself does, a restart cuts it off, or nothing is heard.
Every end is told once: by the call, by a carrier that led it, or else when the draft is sealed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import replace as replaced
from datetime import timedelta

from msgspec.structs import replace

from gateway.domain.draft import WorkOrderDraft
from gateway.domain.intake import CallEvent, CallMoment
from gateway.domain.lifecycle import State
from gateway.intake.awaited import PENDING, states_of
from gateway.intake.calls import (
    CARRIER_NEWS,
    FLOW_ENDED,
    INTERRUPTED,
    RECORDINGS,
    RESTARTED,
    WORDS_PENDING,
    callback_of,
    closed,
    missed,
    rating_of,
    titled_as_callback,
    with_call,
    with_extra,
    without_extra,
)
from gateway.intake.recognising import SecondPass, listen_again, recognise_lane
from gateway.store import work
from gateway.store.drafts import Filed
from gateway.store.ledger import Ledger
from gateway.store.times import SECOND, to_us

CARRIER_GRACE_S = 45

LONGEST_CALL = timedelta(minutes=30)
"""A call of which nothing was heard for so long is over, should its end never be told."""

TAKEN_UP_AGAIN = timedelta(seconds=60)
"""So long after a restart a call may be found again before its draft is sealed."""

_PUT_OFF = frozenset({"hangup_cause", INTERRUPTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class CallBook:
    """Applies the moments of calls within a ledger's transaction.

    ``resuming`` holds the (kind, account) pairs whose calls outlive a restart of the gateway.
    """

    resuming: frozenset[tuple[str, str]]
    listens_again: SecondPass
    seal: Callable[[Ledger, Filed], Filed]

    def apply(self, ledger: Ledger, filed: Filed, event: CallEvent, *, heard_at: int) -> Filed:
        """Note a moment of a call on its draft; ``heard_at`` in store microseconds."""
        if event.moment not in {CallMoment.ENDED, CallMoment.ABANDONED}:
            filed = self._goes_on(ledger, filed, event, heard_at)
            return filed if event.words_pending is not False else self.words_came(ledger, filed)
        if event.cause is not None and event.cause.startswith(CARRIER_NEWS):
            return self._heard_from_carrier(ledger, filed, event, heard_at)
        return self.end(ledger, filed, event)

    def end(self, ledger: Ledger, filed: Filed, event: CallEvent) -> Filed:
        """Note the end of a call, with recording and transcript, and seal its draft."""
        sealed = filed.draft.state is not State.COLLECTING
        told = sealed and _cause(filed.draft).startswith(CARRIER_NEWS)
        draft = without_extra(filed.draft, INTERRUPTED)
        filed = _noted(ledger, filed, draft, event, seal_at=filed.filing.seal_at)
        if not told:
            _tell_end(ledger, filed, event.moment)
        _tell_recording(ledger, filed, event)
        if filed.draft.transcript is not None:
            ledger.tell("transcript.ready", filed.draft)
        if sealed:
            listen_again(ledger, filed.draft, self.listens_again)
        return self.seal(ledger, filed)

    def interrupt(self, ledger: Ledger, filed: Filed, event: CallEvent) -> Filed:
        """Note what a crash left of a call.

        Where calls outlive the gateway this one may be taken up again, so its draft goes on
        collecting for a moment; everywhere else this is its end.
        """
        account = (filed.filing.kind, filed.filing.account)
        if account not in self.resuming or filed.draft.state is not State.COLLECTING:
            return self.end(ledger, filed, event)
        draft = with_extra(filed.draft, **{INTERRUPTED: {"at": ledger.now.isoformat()}})
        until = to_us(ledger.now + TAKEN_UP_AGAIN)
        filed = _noted(ledger, filed, draft, replace(event, cause=None), seal_at=until)
        _tell_recording(ledger, filed, event)
        return filed

    def conclude(self, ledger: Ledger, filed: Filed) -> Filed:
        """Return a draft that is about to be sealed with what its call never told itself."""
        before = filed.draft
        if INTERRUPTED in (before.extra or {}):
            filed = self._give_up_waiting(ledger, filed)
            before = filed.draft
        cause = _cause(before)
        if cause.startswith(CARRIER_NEWS) and not cause.startswith(FLOW_ENDED):
            _tell_end(ledger, filed, CallMoment.ENDED)
        after = closed(titled_as_callback(missed(before, ledger.now)))
        if after is before:
            return filed
        filed = ledger.revise(filed, after, seal_at=filed.filing.seal_at)
        _tell_callback(ledger, before, filed)
        return filed

    def _goes_on(self, ledger: Ledger, filed: Filed, event: CallEvent, heard_at: int) -> Filed:
        """Note something of a call that is up; one that was interrupted has been found again."""
        draft = filed.draft
        if event.moment is CallMoment.STARTED and INTERRUPTED in (draft.extra or {}):
            draft = with_extra(without_extra(draft, INTERRUPTED), call_taken_up_again=True)
        seal_at = alive_until(replaced(filed, draft=draft), heard_at)
        filed = _noted(ledger, filed, draft, event, seal_at=seal_at)
        _tell_recording(ledger, filed, event)
        if filed.draft.state is not State.COLLECTING and event.recording is not None:
            listen_again(ledger, filed.draft, self.listens_again)
        return filed

    def words_came(self, ledger: Ledger, filed: Filed) -> Filed:
        """Seal the draft of a call that is over, now that every word it waited for is there."""
        return self.seal(ledger, filed) if _is_whole(ledger, filed.draft) else filed

    def _heard_from_carrier(
        self, ledger: Ledger, filed: Filed, event: CallEvent, heard_at: int
    ) -> Filed:
        """Note what only the carrier knows, and give the call itself time to tell its end.

        The carrier's news may overtake the last words. Should the call never tell (its process
        died), the draft is sealed a little later all the same.
        """
        draft = filed.draft
        if draft.state is not State.COLLECTING or "hangup_cause" in (draft.extra or {}):
            return filed
        soon = heard_at + round(CARRIER_GRACE_S * SECOND)
        if not _cause_in(event).startswith(FLOW_ENDED):
            # Whether the caller was ever heard only the call itself can tell.
            ended = replace(event, moment=CallMoment.ENDED)
            return _noted(ledger, filed, draft, ended, seal_at=soon)
        filed = _noted(ledger, filed, draft, event, seal_at=soon)
        _tell_end(ledger, filed, event.moment)
        return filed if event.recordings is None else self.words_came(ledger, filed)

    def _give_up_waiting(self, ledger: Ledger, filed: Filed) -> Filed:
        """End a call that was interrupted and has not been found again."""
        end = CallEvent(
            contact=filed.filing.contact,
            entry=filed.filing.entry,
            dedupe_key="",
            conversation=filed.filing.conversation,
            moment=CallMoment.ENDED,
            cause=RESTARTED,
        )
        draft = without_extra(filed.draft, INTERRUPTED)
        filed = _noted(ledger, filed, draft, end, seal_at=filed.filing.seal_at)
        _tell_end(ledger, filed, CallMoment.ENDED)
        return filed


def alive_until(filed: Filed, heard_at: int) -> int | None:
    """Return when the draft of a call that was just heard of is sealed: every sign of life counts.

    What was put off for a moment only stays as it is. Times are in store microseconds.
    """
    if filed.draft.state is not State.COLLECTING:
        return None
    if _PUT_OFF & (filed.draft.extra or {}).keys():
        return filed.filing.seal_at
    return heard_at + round(LONGEST_CALL.total_seconds() * SECOND)


def _noted(
    ledger: Ledger,
    filed: Filed,
    draft: WorkOrderDraft,
    event: CallEvent,
    *,
    seal_at: int | None,
) -> Filed:
    """Store what a moment of a call brings to ``draft`` and tell of what others wait for."""
    before = filed.draft
    at = event.occurred_at or ledger.now
    filed = ledger.revise(filed, with_call(draft, event, at), seal_at=seal_at)
    _tell_callback(ledger, before, filed)
    if event.rating is not None:
        feedback = {"rating": rating_of(filed.draft), "call_id": event.conversation}
        ledger.tell("feedback.received", filed.draft, data=feedback)
    return filed


def _is_whole(ledger: Ledger, draft: WorkOrderDraft) -> bool:
    """Tell whether the carrier told of a call's end and nothing said in it is still to come."""
    extra = draft.extra or {}
    if draft.state is not State.COLLECTING or not _cause(draft).startswith(CARRIER_NEWS):
        return False
    if WORDS_PENDING in extra or PENDING in states_of(draft).values():
        return False
    brought = sum(bool(one.attachment_ids) for one in draft.messages or ()) + len(states_of(draft))
    if brought < extra.get(RECORDINGS, 0):
        return False
    return not work.is_busy(ledger.connection, recognise_lane(draft.draft_id))


def _cause(draft: WorkOrderDraft) -> str:
    return str((draft.extra or {}).get("hangup_cause", ""))


def _cause_in(event: CallEvent) -> str:
    return event.cause or ""


def _tell_end(ledger: Ledger, filed: Filed, moment: CallMoment) -> None:
    cause = _cause(filed.draft).removeprefix(FLOW_ENDED)
    facts = {
        "call_id": filed.filing.conversation,
        "dialled_number": filed.filing.entry,
        "cause": cause or None,
        "duration_ms": (filed.draft.extra or {}).get("call_duration_ms"),
    }
    ledger.tell(f"call.{moment}", filed.draft, data={"call": facts})


def _tell_recording(ledger: Ledger, filed: Filed, event: CallEvent) -> None:
    if event.recording is not None:
        ledger.tell("recording.ready", filed.draft, data={"attachment_id": event.recording.id})


def _tell_callback(ledger: Ledger, before: WorkOrderDraft, filed: Filed) -> None:
    """Tell of a wish to be called back, once, and again when number or reason have changed."""
    wish = callback_of(filed.draft)
    if wish is None or wish == callback_of(before):
        return
    call = {"call_id": filed.filing.conversation, "dialled_number": filed.filing.entry}
    told = {"number": wish.get("number"), "reason": wish.get("reason")}
    ledger.tell("call.callback_requested", filed.draft, data={"call": call, "callback": told})
