"""The inbox table: every accepted event once, with its raw bytes, before anyone is told "ok"."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Literal

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, select, update

from gateway.domain.intake import CallEvent, Receipt, StoredEvent
from gateway.store import arrivals
from gateway.store.sql import Insert, Statement
from gateway.store.tables import INBOUND
from gateway.store.times import SECOND


class NewInbound(Struct, frozen=True, kw_only=True):
    """A verified, parsed event on its way into the store.

    ``lane`` orders it (see the function of that name). ``window_s``: how long equal content without
    a provider id counts as a redelivery.
    ``strict_key``: the id is an idempotency key; with other content it is a conflict.
    ``queued``: let a worker assemble it; otherwise the caller does so in the same transaction.
    """

    inbound_id: str
    kind: str
    account: str
    event: StoredEvent
    lane: str
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
_ADD = (
    "INSERT INTO inbound (inbound_id, kind, account, contact, dedupe, content, slot, flagged,"
    " received_at, event, raw) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
)
_INSERT = Insert(_ADD)
_INSERT_NEW = Insert(_ADD, "ON CONFLICT (dedupe, slot) DO NOTHING")
_FIRST = 0
_KNOWN = Statement(
    "SELECT dedupe, content, received_at, inbound_id, draft_id FROM inbound"
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
    """Store a batch of events that are not there yet, and note those that are to be assembled.

    The caller holds the lanes' locks, so what is looked up here stays true until the commit.
    """
    entries = [_entry(item) for item in items]
    # Nearly always everything is new, and inserting it tells so.
    at_once = all(item.event.dedupe_key for item in items)
    rows = [entry.row(slot=_FIRST) for entry in entries] if at_once else []
    if at_once and _INSERT_NEW.add(connection, rows) == len(rows):
        results = [Appended(status="accepted", inbound_id=item.inbound_id) for item in items]
    else:
        results = _append_unknown(connection, entries, some_stored=at_once)
    arrivals.add(
        connection,
        [
            arrivals.Arrival(
                inbound_id=item.inbound_id,
                lane=item.lane,
                received_at=item.received_at,
            )
            for item, result in zip(items, results, strict=True)
            if item.queued and result.status == "accepted"
        ],
    )
    return results


def _append_unknown(
    connection: Connection, entries: Sequence["_Entry"], *, some_stored: bool
) -> list[Appended]:
    """Store what is not known yet, event by event; some of it may have been stored just now."""
    known: dict[int, list[_Known]] = {}
    stored = set()
    for dedupe, content, received_at, inbound_id, draft_id in _KNOWN.rows(
        connection, [entry.dedupe for entry in entries]
    ):
        known.setdefault(dedupe, []).append(_Known(content, received_at, inbound_id, draft_id))
        if some_stored:
            stored.add(inbound_id)

    results: list[Appended] = []
    rows = []
    for entry in entries:
        item = entry.item
        if item.inbound_id in stored:
            stored.remove(item.inbound_id)
            results.append(Appended(status="accepted", inbound_id=item.inbound_id))
            continue
        earlier = known.setdefault(entry.dedupe, [])
        result = _judge(item, entry.content, earlier)
        results.append(result)
        if result.status != "accepted":
            continue
        if not item.event.dedupe_key:
            slot = item.received_at
        else:
            slot = entry.content if result.flagged else _FIRST
        earlier.append(_Known(entry.content, item.received_at, item.inbound_id, None))
        rows.append(entry.row(slot=slot, flagged=result.flagged))
    _INSERT.add(connection, rows)
    return results


class _Entry(Struct, frozen=True):
    """An event as it is written: digests of who-and-which and of what was said, and its text."""

    item: NewInbound
    dedupe: int
    content: int
    text: str

    def row(self, *, slot: int, flagged: bool = False) -> tuple[Any, ...]:
        item = self.item
        return (
            item.inbound_id,
            item.kind,
            item.account,
            item.event.contact,
            self.dedupe,
            self.content,
            slot,
            flagged,
            item.received_at,
            self.text,
            item.raw,
        )


class _Known(Struct, frozen=True):
    content: int
    received_at: int
    inbound_id: str
    draft_id: str | None


def _judge(item: NewInbound, content: int, earlier: Sequence[_Known]) -> Appended:
    for one in earlier:
        recent = item.received_at - one.received_at <= item.window_s * SECOND
        if one.content == content and (item.event.dedupe_key or recent):
            return Appended(status="duplicate", inbound_id=one.inbound_id, draft_id=one.draft_id)
    flagged = bool(earlier) and bool(item.event.dedupe_key)
    if flagged and item.strict_key:
        first = earlier[0]
        return Appended(status="conflict", inbound_id=first.inbound_id, draft_id=first.draft_id)
    return Appended(status="accepted", inbound_id=item.inbound_id, flagged=flagged)


def _entry(item: NewInbound) -> _Entry:
    """Digest an event.

    Provider ids collide between users, so the contact is part of the key; an idempotency key is the
    sender's own and stands for itself. A moment of a call is the same moment however often and with
    whatever details the carrier tells of it.
    """
    event = item.event
    body = _ENCODE(event)
    content = _digest(b"" if isinstance(event, CallEvent) else body)
    native = event.dedupe_key or f"~{content}"
    contact = "" if item.strict_key else event.contact
    dedupe = _identity(item.kind, item.account, contact, native)
    return _Entry(item, dedupe, content, body.decode())


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
