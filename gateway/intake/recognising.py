"""The queue of recordings that still have to become text: its name and its work."""

from gateway.store.ledger import Ledger
from gateway.store.times import to_us
from gateway.store.work import NewWork, enqueue, lock_lanes

RECOGNISE = "recognise"
"""The queue of drafts whose recording still has to be transcribed."""


def recognise_lane(draft_id: str) -> str:
    """Return the lane of a draft's recordings: they are transcribed one after another."""
    return f"recognise:{draft_id}"


def recognise_later(ledger: Ledger, draft_id: str, sha256: str) -> None:
    """Let a stored recording be transcribed once this transaction is durable."""
    now = to_us(ledger.now)
    job = NewWork(
        queue=RECOGNISE,
        lane=recognise_lane(draft_id),
        subject=draft_id,
        payload={"sha256": sha256},
        due=now,
        created=now,
    )
    lock_lanes(ledger.connection, [job])
    enqueue(ledger.connection, [job])
