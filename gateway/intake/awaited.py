"""Files a draft still waits for: what became of each, and the work of fetching them.

A draft's attachments are stored files and have no state. So it stands in ``extra.media`` by the
file's id: ``pending``, ``refused: <why>`` or ``expired``; a file that has arrived leaves that list.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from gateway.domain.draft import ATTACHMENT_LIMIT, Attachment, WorkOrderDraft
from gateway.domain.intake import MediaRef
from gateway.store import work
from gateway.store.drafts import Filed
from gateway.store.ledger import Ledger
from gateway.store.times import to_us
from gateway.store.work import NewWork

MEDIA_QUEUE = "media"
"""The queue of files that are still to be fetched."""

MEDIA = "media"
"""The name under which ``extra`` tells of files that are not there."""

PENDING = "pending"
EXPIRED = "expired"
TOO_MANY = "too many files"


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """A file to fetch: its place among the message's media, and its id in the draft."""

    place: int
    attachment_id: str


def refused(why: str) -> str:
    """Return the state of a file that will not be taken."""
    return f"refused: {why}"


def states_of(draft: WorkOrderDraft) -> Mapping[str, str]:
    """Return the state of every file that is not there, by its id."""
    states = (draft.extra or {}).get(MEDIA)
    return states if isinstance(states, dict) else {}


def with_awaited(
    draft: WorkOrderDraft, media: Sequence[MediaRef], message_id: str
) -> tuple[WorkOrderDraft, list[Awaited]]:
    """Note the files of a message that are still to be fetched; return them beside the draft.

    A file keeps the provider's id unless another message of the draft brought one of that id.
    """
    states = dict(states_of(draft))
    taken = {one.id for one in draft.attachments or ()} | states.keys()
    room = ATTACHMENT_LIMIT - len(draft.attachments or ())
    room -= sum(state == PENDING for state in states.values())
    awaited = []
    for place, ref in enumerate(media):
        if ref.url is None or ref.sha256 is not None:
            continue
        name = ref.id if ref.id not in taken else _own_name(message_id, place)
        taken.add(name)
        states[name] = PENDING if room > 0 else refused(TOO_MANY)
        if room > 0:
            awaited.append(Awaited(place=place, attachment_id=name))
        room -= 1
    return _with_states(draft, states), awaited


def with_arrived(
    draft: WorkOrderDraft, file: Attachment, message_id: str, media: Sequence[MediaRef]
) -> WorkOrderDraft:
    """Return the draft with a fetched file, in its place among those of its message."""
    if len(draft.attachments or ()) >= ATTACHMENT_LIMIT:
        return with_lost(draft, file.id, refused(TOO_MANY))
    order = {
        name: place
        for place, ref in enumerate(media)
        for name in (ref.id, _own_name(message_id, place))
    }
    messages = tuple(
        replace(
            one,
            attachment_ids=tuple(
                sorted((*(one.attachment_ids or ()), file.id), key=lambda name: order.get(name, -1))
            ),
        )
        if one.id == message_id
        else one
        for one in draft.messages or ()
    )
    after = replace(draft, attachments=(*(draft.attachments or ()), file), messages=messages)
    return no_longer_awaited(after, file.id)


def with_lost(draft: WorkOrderDraft, attachment_id: str, state: str) -> WorkOrderDraft:
    """Return the draft with what became of a file that will not arrive."""
    return _with_states(draft, {**states_of(draft), attachment_id: state})


def no_longer_awaited(draft: WorkOrderDraft, attachment_id: str) -> WorkOrderDraft:
    """Return the draft without any word on this file."""
    left = {name: state for name, state in states_of(draft).items() if name != attachment_id}
    return _with_states(draft, left)


def plan_fetching(
    ledger: Ledger, filed: Filed, message_id: str, awaited: Sequence[Awaited]
) -> None:
    """Let the files of a message be fetched, each for itself, once this transaction is durable."""
    now = to_us(ledger.now)
    work.enqueue(
        ledger.connection,
        [
            NewWork(
                queue=MEDIA_QUEUE,
                lane=None,
                subject=filed.draft.draft_id,
                payload={
                    "message_id": message_id,
                    "place": one.place,
                    "attachment_id": one.attachment_id,
                },
                due=now,
                created=now,
            )
            for one in awaited
        ],
    )


def _own_name(message_id: str, place: int) -> str:
    return f"{message_id}-{place}"


def _with_states(draft: WorkOrderDraft, states: Mapping[str, str]) -> WorkOrderDraft:
    if states == states_of(draft):
        return draft
    extra: dict[str, Any] = {
        name: value for name, value in (draft.extra or {}).items() if name != MEDIA
    }
    if states:
        extra[MEDIA] = dict(states)
    return replace(draft, extra=extra or None)
