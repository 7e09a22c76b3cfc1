"""Divides one draft into two: the chosen messages become a case of their own."""

from collections.abc import Collection, Iterable
from datetime import datetime

from msgspec.structs import replace

from gateway.domain.draft import Message, Priority, Request, Suggestion, WorkOrderDraft
from gateway.domain.errors import GatewayError
from gateway.domain.lifecycle import State
from gateway.intake.assembly import content_of


class CannotSplit(GatewayError):
    """The chosen messages cannot become a case of their own."""


def divided(
    draft: WorkOrderDraft,
    chosen: Collection[str],
    *,
    draft_id: str,
    receipt_no: str,
    now: datetime,
) -> tuple[WorkOrderDraft, WorkOrderDraft]:
    """Return what stays and the new, still collecting draft with the ``chosen`` message ids.

    Files go with the messages that brought them; one that both halves name is in both. What was
    found out about the whole (place, routing, category) stays: it may not be true of the part.
    Raises ``CannotSplit``.
    """
    moved = _moved(draft, frozenset(chosen))
    ids = {message.id for message in moved}
    stay = tuple(message for message in draft.messages or () if message.id not in ids)
    files = _files_of(moved)
    gone = files - _files_of(stay)
    rest = replace(
        draft,
        messages=stay,
        attachments=tuple(one for one in draft.attachments or () if one.id not in gone) or None,
        suggestions=tuple(one for one in draft.suggestions or () if not _rests_on(one, ids))
        or None,
        extra={**(draft.extra or {}), "split_into": [*_split_into(draft), draft_id]},
    )
    if draft.request.content == content_of(draft):  # nobody has written it anew
        rest = replace(rest, request=replace(rest.request, content=content_of(rest)))
    part = WorkOrderDraft(
        schema_version=draft.schema_version,
        draft_id=draft_id,
        receipt_no=receipt_no,
        jurisdiction=draft.jurisdiction,
        revision=1,
        state=State.COLLECTING,
        channel=draft.channel,
        channel_detail=draft.channel_detail,
        received_at=moved[0].at,
        updated_at=now,
        reporter=draft.reporter,
        request=Request(type="unclassified", title="", content="", content_source="citizen_text"),
        confidential=draft.confidential,
        public_consent=draft.public_consent,
        follow_up_wanted=draft.follow_up_wanted,
        priority=Priority(level="normal"),
        messages=moved,
        attachments=tuple(one for one in draft.attachments or () if one.id in files) or None,
        extra={"split_from": draft.draft_id},
    )
    part = replace(part, request=replace(part.request, content=content_of(part)))
    return rest, part


def _moved(draft: WorkOrderDraft, chosen: frozenset[str]) -> tuple[Message, ...]:
    heard = [message for message in draft.messages or () if message.direction == "in"]
    moved = tuple(message for message in heard if message.id in chosen)
    if not chosen or len(moved) != len(chosen):
        raise CannotSplit(
            "not all of these are messages of the citizen in this draft",
            "choose from messages[].id where direction is in",
        )
    if len(moved) == len(heard):
        raise CannotSplit("these are all of the citizen's messages", "leave at least one behind")
    return moved


def _files_of(messages: Iterable[Message]) -> set[str]:
    return {one for message in messages for one in message.attachment_ids or ()}


def _rests_on(suggestion: Suggestion, messages: Collection[str]) -> bool:
    return any(one.source in messages for one in suggestion.evidence or ())


def _split_into(draft: WorkOrderDraft) -> list[str]:
    before = (draft.extra or {}).get("split_into", ())
    return [str(one) for one in before] if isinstance(before, list | tuple) else []
