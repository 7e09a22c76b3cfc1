"""A demonstration in words for people, and as one JSON object for programs."""

import unicodedata
from collections.abc import Mapping
from typing import Any

from gateway.demo.outcome import Outcome, Result
from gateway.demo.stage import ENDPOINT

_EXCERPT = 44


def line(outcome: Outcome) -> str:
    """Return one line for one contact that became a delivered draft."""
    (draft,) = outcome.drafts
    case, contact = outcome.case, outcome.contact
    opened = case.opened() if case else None
    where = f"{ENDPOINT} {case.number if case else '?'} in {opened.ms if opened else '?'} ms"
    said = draft.request.content.replace("\n", " ")
    if contact.spoken:
        said = f"“{said}”" if _transcript(outcome) else "(recorded, not transcribed)"
    told = ", receipt sent to the citizen" if outcome.told else ""
    return (
        f"{draft.receipt_no}  {contact.channel:<5}  {_wide(contact.what, 31)}  "
        f"{_wide(_short(said), _EXCERPT)}  → {where}{told}"
    )


def closing(result: Result, seconds: float) -> list[str]:
    """Return the sum, and what is missing if anything is."""
    drafts = sum(len(one.drafts) for one in result.outcomes) + len(result.strays)
    lines = [
        f"{_count(len(result.outcomes), 'contact')}, {_count(drafts, 'draft')}, "
        f"{sum(one.delivered for one in result.outcomes)} delivered and acknowledged, "
        f"{result.lost} lost, {result.duplicates} doubled, in {seconds:.0f} s"
    ]
    if result.unheard:
        lines.append(f"calls were recorded but not transcribed: {result.unheard}")
    return [*lines, *(f"missing: {what}" for what in result.missing())]


def summary(result: Result, seconds: float) -> Mapping[str, Any]:
    """Return the demonstration for a program."""
    return {
        "drafts": [
            {
                "draft_id": draft.draft_id,
                "receipt_no": draft.receipt_no,
                "channel": draft.channel,
                "account": one.contact.account,
                "contact": one.contact.what,
                "state": draft.state.value,
                "title": draft.request.title,
                "content": draft.request.content,
                "attachments": [file.kind for file in draft.attachments or ()],
                "transcript": _transcript(one),
                "transcript_missing": one.contact.spoken and _transcript(one) is None,
            }
            for one in result.outcomes
            for draft in one.drafts
        ],
        "deliveries": [
            {
                "draft_id": one.case.draft_id,
                "endpoint": ENDPOINT,
                "case": one.case.number,
                "events": len(one.case.events),
                "ms": opened.ms,
                "signature": "verified",
                "acknowledged": one.delivered,
            }
            for one in result.outcomes
            if one.case is not None and (opened := one.case.opened()) is not None
        ],
        "lost": result.lost,
        "duplicates": result.duplicates,
        "contacts": len(result.outcomes),
        "citizens_told": sum(one.told is True for one in result.outcomes),
        "missing": result.missing(),
        "seconds": round(seconds, 1),
    }


def _transcript(outcome: Outcome) -> str | None:
    for draft in outcome.drafts:
        if draft.transcript is not None and draft.transcript.segments:
            return "".join(segment.text for segment in draft.transcript.segments)
    return None


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _width(character: str) -> int:
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _short(text: str) -> str:
    """Return as much of a text as fits the column, Chinese characters being two wide."""
    if sum(map(_width, text)) <= _EXCERPT:
        return text
    taken, room = "", _EXCERPT - 1
    for character in text:
        room -= _width(character)
        if room < 0:
            break
        taken += character
    return taken + "…"


def _wide(text: str, width: int) -> str:
    return text + " " * max(0, width - sum(map(_width, text)))
