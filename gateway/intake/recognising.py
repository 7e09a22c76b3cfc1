"""The queue of recordings that still have to become text, for the first or for the second time."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from gateway.domain.draft import WorkOrderDraft
from gateway.domain.intake import InboundMessage
from gateway.store.ledger import Ledger
from gateway.store.times import to_us
from gateway.store.work import NewWork, enqueue, lock_lanes

RECOGNISE = "recognise"
"""The queue of drafts whose recording still has to be transcribed."""

SecondPass = Literal["always", "missing", "never"]
"""Which calls are listened to again once they are over: ``missing`` is those that lack words."""

MISSING = "transcript_missing"
"""The name under which ``extra`` tells why a call's transcript is not whole."""


def recognise_lane(draft_id: str) -> str:
    """Return the lane of a draft's recordings: they are transcribed one after another."""
    return f"recognise:{draft_id}"


def recognise_later(
    ledger: Ledger, draft_id: str, sha256: str, *, message_id: str | None = None
) -> None:
    """Let a recording without words be transcribed once this transaction is durable.

    ``message_id`` names the message that the recording is; its words become that message's.
    """
    payload = {"sha256": sha256}
    if message_id is not None:
        payload["message_id"] = message_id
    _enqueue(ledger, draft_id, payload)


def listen_again(ledger: Ledger, draft: WorkOrderDraft, which: SecondPass) -> None:
    """Plan the second pass over the recordings of a call that is over, where the site wants it."""
    recordings = recordings_of(draft)
    lacking = MISSING in (draft.extra or {})
    heard = draft.transcript is not None
    if not recordings or which == "never" or not (lacking or (heard and which == "always")):
        return
    _enqueue(ledger, draft.draft_id, {"again": True, "recordings": list(recordings)})


def recordings_of(draft: WorkOrderDraft) -> tuple[str, ...]:
    """Return the content hashes of a draft's recordings, in the order in which they were made."""
    return tuple(one.sha256 for one in draft.attachments or () if one.kind == "recording")


def recordings_without_words(message: InboundMessage) -> tuple[str, ...]:
    """Return the content hashes of a message's stored recordings that nobody has listened to."""
    if message.text or message.transcript is not None:
        return ()
    return tuple(
        one.sha256 for one in message.media if one.kind == "recording" and one.sha256 is not None
    )


def recordings_in(payload: Mapping[str, Any]) -> Sequence[str]:
    """Return the recordings that a job of this queue is about."""
    return list(payload["recordings"]) if "recordings" in payload else [str(payload["sha256"])]


def _enqueue(ledger: Ledger, draft_id: str, payload: Mapping[str, Any]) -> None:
    now = to_us(ledger.now)
    job = NewWork(
        queue=RECOGNISE,
        lane=recognise_lane(draft_id),
        subject=draft_id,
        payload=dict(payload),
        due=now,
        created=now,
    )
    lock_lanes(ledger.connection, [job])
    enqueue(ledger.connection, [job])
