"""Messages to citizens as the store sees them: planned once, sent at most once, then tracked."""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from gateway.channel.outgoing import ContactState
from gateway.domain.draft import MessageDelivery
from gateway.store import work
from gateway.store.tables import CONTACT, REPLY, SENT
from gateway.store.times import from_us

REPLY_QUEUE = "reply"
"""The queue in which planned messages to citizens wait."""

ReplyState = Literal["planned", "sending", "sent", "failed", "unknown"]

_RANK = {"queued": 0, "sent": 1, "failed": 2, "delivered": 3, "read": 4}


def plan(
    connection: Connection,
    *,
    reply_id: str,
    draft_id: str,
    purpose: str,
    lane: str,
    payload: dict[str, object],
    now: int,
) -> bool:
    """Plan one message of a purpose for a draft; return False when there is one already."""
    make = postgres_insert if connection.dialect.name == "postgresql" else sqlite_insert
    planned = connection.execute(
        make(REPLY)
        .values(
            reply_id=reply_id, draft_id=draft_id, purpose=purpose, state="planned", updated_at=now
        )
        .on_conflict_do_nothing(index_elements=["draft_id", "purpose"])
    )
    if planned.rowcount != 1:
        return False
    job = work.NewWork(
        queue=REPLY_QUEUE,
        lane=lane,
        subject=draft_id,
        payload={"reply_id": reply_id, "purpose": purpose, **payload},
        due=now,
        created=now,
    )
    work.lock_lanes(connection, [job])
    work.enqueue(connection, [job])
    return True


def move(
    connection: Connection, reply_id: str, to: ReplyState, *, now: int, error: str | None = None
) -> ReplyState:
    """Set a planned message's state and return what it was before."""
    before: ReplyState = connection.execute(
        select(REPLY.c.state).where(REPLY.c.reply_id == reply_id)
    ).scalar_one()
    connection.execute(
        update(REPLY)
        .where(REPLY.c.reply_id == reply_id)
        .values(state=to, error=error, updated_at=now)
    )
    return before


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a planned message has come: its state, and the numbers of the parts that went out."""

    state: ReplyState
    parts: frozenset[int]


def progress(connection: Connection, reply_id: str) -> Progress:
    """Return how far a planned message has come."""
    state: ReplyState = connection.execute(
        select(REPLY.c.state).where(REPLY.c.reply_id == reply_id)
    ).scalar_one()
    parts = connection.execute(select(SENT.c.part).where(SENT.c.reply_id == reply_id)).scalars()
    return Progress(state=state, parts=frozenset(parts))


def sent(
    connection: Connection,
    *,
    kind: str,
    account: str,
    sent_id: str,
    reply_id: str,
    part: int,
    now: int,
) -> None:
    """Remember the provider's id of a part, so that its receipts find the way back."""
    connection.execute(
        insert(SENT).values(
            kind=kind,
            account=account,
            sent_id=sent_id,
            reply_id=reply_id,
            part=part,
            delivery="sent",
            updated_at=now,
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """Which draft a provider's receipt is about, and how its message stands over all parts."""

    draft_id: str
    reply_id: str
    delivery: MessageDelivery


def receipt(
    connection: Connection,
    *,
    kind: str,
    account: str,
    sent_id: str,
    delivery: MessageDelivery,
    error: str | None,
    now: int,
) -> Tracked | None:
    """Take in a receipt; receipts come in any order and the state never goes back.

    Returns None for a message that is not ours, for news that is old, and while other parts of the
    message have not gone out: then a part's news is not yet the message's.
    """
    row = connection.execute(
        select(SENT.c.delivery, SENT.c.reply_id, REPLY.c.draft_id, REPLY.c.state)
        .join(REPLY, REPLY.c.reply_id == SENT.c.reply_id)
        .where(SENT.c.kind == kind, SENT.c.account == account, SENT.c.sent_id == sent_id)
    ).first()
    if row is None or _RANK[delivery] <= _RANK[row.delivery]:
        return None
    connection.execute(
        update(SENT)
        .where(SENT.c.kind == kind, SENT.c.account == account, SENT.c.sent_id == sent_id)
        .values(delivery=delivery, error=error, updated_at=now)
    )
    if row.state != "sent":
        return None
    parts: list[MessageDelivery] = list(
        connection.execute(select(SENT.c.delivery).where(SENT.c.reply_id == row.reply_id)).scalars()
    )
    whole: MessageDelivery = (
        "failed" if "failed" in parts else min(parts, key=lambda part: _RANK[part])
    )
    return Tracked(draft_id=row.draft_id, reply_id=row.reply_id, delivery=whole)


def is_known(connection: Connection, *, kind: str, account: str, sent_id: str) -> bool:
    """Tell whether a provider's id is one of a message we have noted as sent."""
    found = connection.execute(
        select(SENT.c.part).where(
            SENT.c.kind == kind, SENT.c.account == account, SENT.c.sent_id == sent_id
        )
    )
    return found.first() is not None


def heard_from(connection: Connection, *, kind: str, account: str, contact: str, now: int) -> None:
    """Note that a contact wrote: it opens reply windows."""
    _set_contact(connection, kind, account, contact, {"last_inbound_at": now})


def set_stopped(
    connection: Connection, *, kind: str, account: str, contact: str, stopped: bool
) -> None:
    """Note that a contact wants no messages any more, or wants them again."""
    _set_contact(connection, kind, account, contact, {"stopped": stopped})


def _set_contact(
    connection: Connection, kind: str, account: str, contact: str, values: dict[str, object]
) -> None:
    make = postgres_insert if connection.dialect.name == "postgresql" else sqlite_insert
    row = {"kind": kind, "account": account, "contact": contact, "stopped": False, **values}
    connection.execute(
        make(CONTACT)
        .values(row)
        .on_conflict_do_update(index_elements=["kind", "account", "contact"], set_=values)
    )


def contact_state(connection: Connection, *, kind: str, account: str, contact: str) -> ContactState:
    """Return what is known of the way back to a contact."""
    row = connection.execute(
        select(CONTACT.c.last_inbound_at, CONTACT.c.stopped).where(
            CONTACT.c.kind == kind, CONTACT.c.account == account, CONTACT.c.contact == contact
        )
    ).first()
    if row is None:
        return ContactState()
    return ContactState(
        last_inbound_at=None if row.last_inbound_at is None else from_us(row.last_inbound_at),
        stopped=row.stopped,
    )
