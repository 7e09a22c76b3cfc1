"""How the moments of a telephone call change its draft: pure functions, like ``assembly.py``.

What a menu learnt stands in ``extra.ivr``, a wish to be called back in ``extra.callback``, the
caller's satisfaction in ``extra.feedback``; none of it is ever part of what the citizen asks for.
"""

from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from gateway.domain.contact import e164
from gateway.domain.draft import Evidence, Reporter, Suggestion, WorkOrderDraft
from gateway.domain.intake import CallEvent, CallMoment, Fact, Span
from gateway.intake.assembly import (
    STILL_WRITTEN_BY_CITIZEN,
    attachment_of,
    completed,
    content_of,
    together,
)

MENU = "ivr:menu"
"""Who proposes what a caller chose in the menu."""

CHOSEN = 0.8
HEARD = 0.3

CALLBACK_TASK = "回拨任务 call-back"
"""How ``extra.callback.task`` names it, for both kinds of readers."""

CALLBACK_TITLES = {"zh": "回拨任务", "en": "Call-back task"}

ABANDONED_REASON = "abandoned"
"""The caller hung up before anybody or anything could listen."""
MISSED_REASON = "missed"
"""Nothing is known of the call but that it came."""

CARRIER_NEWS = "carrier_"
"""How the cause of a call's end begins when the carrier told of it and not the call itself."""

FLOW_ENDED = "carrier_flow_"
"""How it begins when the carrier led the call to its end, and may still bring recordings of it."""

RESTARTED = "gateway_restarted"
"""The cause of an end that no call told: its process died and the call was not found again."""

SERVED = "served"
"""The name under which ``extra`` keeps, until the end, that the caller has got something."""

WORDS_PENDING = "words_pending"
"""The name under which ``extra`` tells that somebody listens whose words are still to come."""

RECORDINGS = "recordings_expected"
"""The name under which ``extra`` keeps how many recordings a carrier brings of a call."""

INTERRUPTED = "interrupted"
"""The name under which ``extra`` tells that a call may still be taken up again."""


def with_call(draft: WorkOrderDraft, call: CallEvent, at: datetime) -> WorkOrderDraft:
    """Return the draft with everything a moment of its call brings."""
    recording = None if call.recording is None else attachment_of(call.recording)
    noted: dict[str, Any] = {
        "call_duration_ms": call.duration_ms,
        "hangup_cause": call.cause,
        "digits": call.digits or None,
        "transcript_missing": call.transcript_missing,
        SERVED: call.served or None,
        WORDS_PENDING: call.words_pending or None,
        RECORDINGS: call.recordings,
        "connected": _connected(draft, call),
        "feedback": None
        if call.rating is None
        else {"rating": call.rating, "at": at.isoformat(timespec="seconds")},
    }
    if call.words_pending is False:
        draft = without_extra(draft, WORDS_PENDING)
    after = replace(
        with_extra(draft, **noted),
        attachments=together(draft.attachments, [] if recording is None else [recording]),
        transcript=call.transcript or draft.transcript,
        reporter=completed(draft.reporter, call.reporter),
    )
    after = _with_callback(_with_menu(after, call), call, at)
    if call.transcript is None or draft.state not in STILL_WRITTEN_BY_CITIZEN:
        return after
    return replace(after, request=replace(after.request, content=content_of(after)))


def connected_in(draft: WorkOrderDraft, recording: str) -> tuple[Span, ...]:
    """Return when a person was on the line within one of a draft's recordings, by its id."""
    spans = (draft.extra or {}).get("connected", ())
    found = [one for one in spans if one.get("recording") in {None, recording}]
    return msgspec.convert(found, tuple[Span, ...])


def _connected(draft: WorkOrderDraft, call: CallEvent) -> list[dict[str, Any]] | None:
    name = {} if call.recording is None else {"recording": call.recording.id}
    new = [{**msgspec.to_builtins(span), **name} for span in call.connected]
    return [*(draft.extra or {}).get("connected", ()), *new] if new else None


def with_extra(draft: WorkOrderDraft, **values: Any) -> WorkOrderDraft:
    """Return the draft with these values in ``extra``; None says nothing and changes nothing."""
    extra = {name: value for name, value in values.items() if value is not None}
    return replace(draft, extra={**(draft.extra or {}), **extra} or None)


def without_extra(draft: WorkOrderDraft, *names: str) -> WorkOrderDraft:
    """Return the draft without these values in ``extra``."""
    extra = {name: value for name, value in (draft.extra or {}).items() if name not in names}
    return replace(draft, extra=extra or None)


def callback_of(draft: WorkOrderDraft) -> dict[str, Any] | None:
    """Return the wish to be called back, if there is one."""
    found = (draft.extra or {}).get("callback")
    return found if isinstance(found, dict) else None


def rating_of(draft: WorkOrderDraft) -> int | None:
    """Return the caller's satisfaction, 1 to 5, if they told it."""
    found = (draft.extra or {}).get("feedback")
    return found.get("rating") if isinstance(found, dict) else None


def asked_back(
    draft: WorkOrderDraft, *, number: str | None, reason: str | None, at: datetime
) -> WorkOrderDraft:
    """Return the draft flagged as a call-back task (回拨任务).

    Without a number of its own the task names the one that is known; without any there is no task.
    """
    before = callback_of(draft) or {}
    usable = None if number is None else e164(number)
    reporter = draft.reporter
    if usable is not None and _may_fill(draft, reporter.callback_phone):
        reporter = replace(reporter, callback_phone=usable)
    number = usable or number or before.get("number") or reporter.callback_phone or reporter.phone
    if number is None:
        return draft
    task = {
        "task": CALLBACK_TASK,
        "number": number,
        "requested_at": at.isoformat(timespec="seconds"),
        **before,
    }
    task["number"] = number
    if reason is not None:
        task["reason"] = reason
    return with_extra(replace(draft, reporter=reporter), callback=task)


def titled_as_callback(draft: WorkOrderDraft) -> WorkOrderDraft:
    """Return the draft with a title that says what to do, where nobody said anything else."""
    request = draft.request
    if callback_of(draft) is None or request.title or content_of(draft):
        return draft
    language = (draft.reporter.language or "").lower().partition("-")[0]
    title = CALLBACK_TITLES.get(language, CALLBACK_TITLES["zh"])
    return replace(draft, request=replace(request, title=title))


def missed(draft: WorkOrderDraft, at: datetime) -> WorkOrderDraft:
    """Return a call's draft as a call-back task when the call itself never told anything."""
    if draft.channel_detail is None or draft.channel_detail.conversation_id is None:
        return draft
    extra = draft.extra or {}
    cause = extra.get("hangup_cause", RESTARTED)
    if SERVED in extra:
        return draft
    if cause != RESTARTED and not cause.startswith(CARRIER_NEWS):
        return draft
    if draft.messages or draft.attachments or draft.transcript or callback_of(draft) is not None:
        return draft
    return asked_back(draft, number=None, reason=MISSED_REASON, at=at)


def closed(draft: WorkOrderDraft) -> WorkOrderDraft:
    """Return the draft of a call that is over without what was only of use until then."""
    cause = (draft.extra or {}).get("hangup_cause", "")
    of_use_until_now = {SERVED, WORDS_PENDING, RECORDINGS} & (draft.extra or {}).keys()
    if not of_use_until_now and not cause.startswith(FLOW_ENDED):
        return draft
    draft = without_extra(draft, *of_use_until_now)
    return with_extra(draft, hangup_cause=cause.removeprefix(FLOW_ENDED) or None)


def _with_callback(draft: WorkOrderDraft, call: CallEvent, at: datetime) -> WorkOrderDraft:
    number, reason = call.callback_number, call.callback_reason
    if number or reason or call.moment is CallMoment.CALLBACK_REQUESTED:
        return asked_back(draft, number=number, reason=reason, at=at)
    if call.moment is CallMoment.ABANDONED and callback_of(draft) is None:
        return asked_back(draft, number=None, reason=ABANDONED_REASON, at=at)
    return draft


def _with_menu(draft: WorkOrderDraft, call: CallEvent) -> WorkOrderDraft:
    """Return the draft with what the menu learnt: facts, a chosen language, suggestions."""
    if call.language is not None and draft.state in STILL_WRITTEN_BY_CITIZEN:
        draft = replace(draft, reporter=replace(draft.reporter, language=call.language))
    if not call.facts and call.flow is None:
        return draft
    before = (draft.extra or {}).get("ivr")
    menu = dict(before) if isinstance(before, dict) else {}
    facts = {**menu.get("facts", {}), **call.facts}
    if call.flow is not None:
        menu["flow"] = call.flow
    if facts:
        menu["facts"] = facts
    draft = with_extra(draft, ivr=menu)
    return _with_proposals(_with_confirmed_phone(draft, call.facts), call.facts)


def _with_confirmed_phone(draft: WorkOrderDraft, facts: dict[str, str]) -> WorkOrderDraft:
    number = e164(facts.get(Fact.PHONE_CONFIRMED, ""))
    reporter: Reporter = draft.reporter
    if number is None or not _may_fill(draft, reporter.callback_phone):
        return draft
    return replace(draft, reporter=replace(reporter, callback_phone=number))


def _may_fill(draft: WorkOrderDraft, held: str | None) -> bool:
    """Tell whether the caller's own word still goes before what stands there."""
    return held is None or draft.state in STILL_WRITTEN_BY_CITIZEN


def _with_proposals(draft: WorkOrderDraft, facts: dict[str, str]) -> WorkOrderDraft:
    """Return the draft with suggestions of these facts in the place of earlier ones."""
    found = []
    chosen = next((name for name in (Fact.CATEGORY, Fact.TOPIC) if facts.get(name)), None)
    if chosen is not None:
        code = facts[chosen]
        found.append(
            Suggestion(
                field="request.category",
                value={"scheme": "ivr", "code": code, "name": code},
                confidence=CHOSEN,
                by=MENU,
                status="stated",
                evidence=(Evidence(text=f"{chosen}: {code}"),),
            )
        )
    spoken = facts.get(Fact.PHONE_SPOKEN, "")
    number = e164(spoken)
    if number is not None and number != draft.reporter.callback_phone:
        found.append(
            Suggestion(
                field="reporter.callback_phone",
                value=number,
                confidence=HEARD,
                by=MENU,
                status="suggested",
                evidence=(Evidence(text=spoken),),
            )
        )
    fields = {one.field for one in found}
    kept = [
        one
        for one in draft.suggestions or ()
        if one.accepted is not None or one.by != MENU or one.field not in fields
    ]
    return replace(draft, suggestions=(*kept, *found) or None)
