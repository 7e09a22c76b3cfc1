"""The inbox table: every accepted event once, with its raw bytes, before anyone is told "ok"."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, select, update

from gateway.domain.intake import CallEvent, Receipt, StoredEvent
from gateway.store import work
from gateway.store.sql import Insert, Statement
from gateway.store.tables import INBOUND
from gateway.store.times import SECOND

ASSEMBLE = "assemble"
"""The queue in which stored events wait to become drafts."""


class NewInbound(Struct, frozen=True, kw_only=True):
    """A verified, parsed event on its way into the store.

    ``window_s``: how long equal content without a provider id counts as a redelivery.
    ``strict_key``: the id is an idempotency key; with other content it is a conflict.
    ``queued``: let a worker assemble it; otherwise the caller does so in the same transaction.
    """

    inbound_id: str
    kind: str
    account: str
    event: StoredEvent
    received_at: int
    raw: bytes
    window_s: float
    strict_key: bool = False
    queued: bool = True


class Appended(Struct, frozen=True, kw_only=True):
    """What became of it; for a duplicate the ids are those of the first time."""

    status: Literal["accepted", "duplicate", "conflict"]
    inbound_id: str
    draft_id: str | None = None
    flagged: bool = False


_ENCODE = msgspec.json.Encoder().encode
_DECODE = msgspec.json.Decoder(StoredEvent).decode
_INSERT = Insert(
    "INSERT INTO inbound (inbound_id, kind, account, contact, dedupe, content, slot, flagged,"
    " received_at, event, raw) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
)
_KNOWN = Statement(
    "SELECT dedupe, content, slot, inbound_id, draft_id FROM inbound"
    " WHERE dedupe = ANY($1::bigint[])"
)


def lane(kind: str, account: str, event: StoredEvent) -> str:
    """Return the lane that orders an event: one conversation, one contact, or one sent message.

    News of a message that we sent may have to wait for our own note of it; what the citizen writes
    must not wait with it.
    """
    if isinstance(event, Receipt):
        return f"in:{kind}:{account}:receipt:{event.sent_id}"
    return f"in:{kind}:{account}:{event.conversation or event.contact}"


def append(connection: Connection, items: Sequence[NewInbound]) -> list[Appended]:
    """Store a batch of events that are not there yet, and queue them for assembly.

    The caller holds the lanes' locks, so what is looked up here stays true until the commit.
    """
    encoded = [_ENCODE(item.event) for item in items]
    keys = [_keys(item, body) for item, body in zip(items, encoded, strict=True)]
    known: dict[int, list[_Known]] = {}
    for dedupe, content, slot, inbound_id, draft_id in _KNOWN.rows(
        connection, [dedupe for dedupe, _ in keys]
    ):
        known.setdefault(dedupe, []).append(_Known(content, slot, inbound_id, draft_id))

    results: list[Appended] = []
    rows = []
    jobs = []
    for item, body, (dedupe, content) in zip(items, encoded, keys, strict=True):
        earlier = known.setdefault(dedupe, [])
        result = _judge(item, content, earlier)
        results.append(result)
        if result.status != "accepted":
            continue
        slot = item.received_at if not item.event.dedupe_key else 0
        earlier.append(_Known(content, slot, item.inbound_id, None))
        rows.append(
            (
                item.inbound_id,
                item.kind,
                item.account,
                item.event.contact,
                dedupe,
                content,
                slot,
                result.flagged,
                item.received_at,
                body.decode(),
                item.raw,
            )
        )
        if item.queued:
            jobs.append(_job(item))
    _INSERT.add(connection, rows)
    work.enqueue(connection, jobs)
    return results


class _Known(Struct, frozen=True):
    content: int
    slot: int
    inbound_id: str
    draft_id: str | None


def _judge(item: NewInbound, content: int, earlier: Sequence[_Known]) -> Appended:
    for one in earlier:
        recent = one.slot == 0 or item.received_at - one.slot <= item.window_s * SECOND
        if one.content == content and recent:
            return Appended(status="duplicate", inbound_id=one.inbound_id, draft_id=one.draft_id)
    flagged = bool(earlier) and bool(item.event.dedupe_key)
    if flagged and item.strict_key:
        first = earlier[0]
        return Appended(status="conflict", inbound_id=first.inbound_id, draft_id=first.draft_id)
    return Appended(status="accepted", inbound_id=item.inbound_id, flagged=flagged)


def _keys(item: NewInbound, body: bytes) -> tuple[int, int]:
    """Return the digest of who-and-which, and the digest of what was said.

    Provider ids collide between users, so the contact is part of the key; an idempotency key is the
    sender's own and stands for itself. A moment of a call is the
    same moment however often and with whatever details the carrier tells of it.
    """
    event = item.event
    said = b"" if isinstance(event, CallEvent) else body
    content = _digest(said)
    native = event.dedupe_key or f"~{content}"
    contact = "" if item.strict_key else event.contact
    return _identity(item.kind, item.account, contact, native), content


def _job(item: NewInbound) -> work.NewWork:
    return work.NewWork(
        queue=ASSEMBLE,
        lane=lane(item.kind, item.account, item.event),
        subject=item.inbound_id,
        payload={},
        due=item.received_at,
        created=item.received_at,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbound:
    """A stored event."""

    inbound_id: str
    kind: str
    account: str
    event: StoredEvent
    received_at: int
    flagged: bool
    draft_id: str | None


def load(connection: Connection, inbound_id: str) -> Inbound:
    """Return a stored event; it exists, since nothing deletes work before its inbound event."""
    row = connection.execute(
        select(
            INBOUND.c.kind,
            INBOUND.c.account,
            INBOUND.c.event,
            INBOUND.c.received_at,
            INBOUND.c.flagged,
            INBOUND.c.draft_id,
        ).where(INBOUND.c.inbound_id == inbound_id)
    ).one()
    return Inbound(
        inbound_id=inbound_id,
        kind=row.kind,
        account=row.account,
        event=_DECODE(row.event),
        received_at=row.received_at,
        flagged=row.flagged,
        draft_id=row.draft_id,
    )


def belongs_to(connection: Connection, inbound_id: str, draft_id: str) -> None:
    """Remember which draft an event went into, so that a redelivery gets the same answer."""
    connection.execute(
        update(INBOUND).where(INBOUND.c.inbound_id == inbound_id).values(draft_id=draft_id)
    )


def find(
    connection: Connection, kind: str, account: str, contact: str, dedupe_key: str
) -> str | None:
    """Return the id of the first event a contact sent under a provider id."""
    digest = _identity(kind, account, contact, dedupe_key)
    return connection.execute(
        select(INBOUND.c.inbound_id)
        .where(INBOUND.c.dedupe == digest)
        .order_by(INBOUND.c.received_at)
        .limit(1)
    ).scalar()


def _identity(kind: str, account: str, contact: str, native: str) -> int:
    return _digest("\x1f".join((kind, account, contact, native)).encode())


def _digest(data: bytes) -> int:
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "big", signed=True)
