"""A draft as a person reads it: what is asked, by whom, and what a call left beside it."""

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.domain.draft import WorkOrderDraft

_SPEAKERS = {"citizen": "市民 citizen", "operator": "话务员 operator", "system": "系统 system"}


def in_words(draft: WorkOrderDraft) -> Iterator[str]:
    """Yield the lines; what is not known has none."""
    at = draft.received_at.isoformat(timespec="seconds")
    yield f"{draft.receipt_no}  {draft.state}  {draft.channel}  {at}  {draft.draft_id}"
    reporter = draft.reporter
    yield from _said("诉求人 reporter", reporter.name, reporter.phone, reporter.email)
    yield from _said("标题 title", draft.request.title)
    yield from _said("诉求 request", draft.request.content)
    yield from _said("回电号码 number to call", reporter.callback_phone)
    extra = draft.extra or {}
    task = _part(extra, "callback")
    yield from _said("回拨任务 call-back", task.get("number"), task.get("reason"))
    rating = _part(extra, "feedback").get("rating")
    yield from _said("满意度 rating", rating and f"{rating}/5")
    menu = _part(extra, "ivr")
    facts = [f"{name}={value}" for name, value in _part(menu, "facts").items()]
    yield from _said("按键菜单 menu", *facts, menu.get("flow") and f"({menu['flow']})")
    yield from _said("转写不全 transcript not whole", extra.get("transcript_missing"))
    for one in draft.suggestions or ():
        if one.accepted is None:
            yield from _said("建议 suggestion", f"{one.field}: {one.value}")
    if draft.transcript is not None:
        heard = "录音复识 second pass" if draft.transcript.pass_no else "实时 live"
        yield f"转写 transcript ({heard}):"
        for said in draft.transcript.segments:
            yield f"  {_clock(said.start_ms)}  {_SPEAKERS[said.speaker]}: {said.text}"


def _said(name: str, *values: object) -> Iterator[str]:
    known = [" ".join(str(value).split()) for value in values if value]
    if known:
        yield f"{name}: {'  '.join(known)}"


def _part(whole: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = whole.get(name)
    return found if isinstance(found, dict) else {}


def _clock(ms: int) -> str:
    return f"{ms // 60_000:02}:{ms // 1000 % 60:02}"
