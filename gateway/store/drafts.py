"""Drafts with every revision: the current one is found by number, none is ever overwritten."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select, text, update

from gateway.domain.draft import WorkOrderDraft, decode, encode
from gateway.domain.lifecycle import State
from gateway.store.errors import NotFound, RevisionConflict
from gateway.store.tables import DRAFT, REVISION
from gateway.store.times import to_us

_COUNT = text(
    "INSERT INTO counter (name, value) VALUES (:name, 1)"
    " ON CONFLICT (name) DO UPDATE SET value = counter.value + 1 RETURNING value"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filing:
    """How a draft is found again: whose it is, where it came in, when it will be sealed.

    ``seal_at`` is in store microseconds, None once the draft is no longer collecting.
    """

    kind: str
    account: str
    contact: str
    entry: str
    conversation: str | None
    query_hash: str
    seal_at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filed:
    """A draft together with its filing."""

    draft: WorkOrderDraft
    filing: Filing


def next_count(connection: Connection, name: str) -> int:
    """Count one more under a name and return the new value, from 1."""
    return int(connection.execute(_COUNT, {"name": name}).scalar_one())


def create(connection: Connection, draft: WorkOrderDraft, filing: Filing, *, actor: str) -> None:
    """Store a new draft's first revision."""
    at = to_us(draft.updated_at or draft.received_at)
    connection.execute(
        insert(DRAFT).values(
            draft_id=draft.draft_id,
            receipt_no=draft.receipt_no,
            query_hash=filing.query_hash,
            revision=draft.revision,
            state=draft.state.value,
            kind=filing.kind,
            account=filing.account,
            contact=filing.contact,
            entry=filing.entry,
            conversation=filing.conversation,
            received_at=to_us(draft.received_at),
            updated_at=at,
            seal_at=filing.seal_at,
        )
    )
    _keep(connection, draft, at, actor, ("*",))


def revise(
    connection: Connection,
    draft: WorkOrderDraft,
    *,
    actor: str,
    changed: Sequence[str],
    seal_at: int | None,
) -> None:
    """Store the next revision; raises ``RevisionConflict`` when it is not the next one any more."""
    at = to_us(draft.updated_at or draft.received_at)
    moved = connection.execute(
        update(DRAFT)
        .where(DRAFT.c.draft_id == draft.draft_id, DRAFT.c.revision == draft.revision - 1)
        .values(revision=draft.revision, state=draft.state.value, updated_at=at, seal_at=seal_at)
    )
    if moved.rowcount != 1:
        raise RevisionConflict(draft.draft_id)
    _keep(connection, draft, at, actor, changed)


def _keep(
    connection: Connection, draft: WorkOrderDraft, at: int, actor: str, changed: Sequence[str]
) -> None:
    connection.execute(
        insert(REVISION).values(
            draft_id=draft.draft_id,
            revision=draft.revision,
            at=at,
            actor=actor,
            changed=json.dumps(list(changed)),
            body=encode(draft).decode(),
        )
    )


_CURRENT = select(DRAFT, REVISION.c.body).join(
    REVISION,
    (REVISION.c.draft_id == DRAFT.c.draft_id) & (REVISION.c.revision == DRAFT.c.revision),
)


def get(connection: Connection, draft_id: str) -> Filed:
    """Return a draft; raises ``NotFound``."""
    row = connection.execute(_CURRENT.where(DRAFT.c.draft_id == draft_id)).mappings().first()
    if row is None:
        raise NotFound(f"there is no draft {draft_id}", "list the drafts to find its id")
    return _filed(row)


def revision(connection: Connection, draft_id: str, number: int) -> WorkOrderDraft:
    """Return a draft as one of its revisions left it; raises ``NotFound``."""
    body = connection.execute(
        select(REVISION.c.body).where(
            REVISION.c.draft_id == draft_id, REVISION.c.revision == number
        )
    ).scalar()
    if body is None:
        raise NotFound(
            f"draft {draft_id} has no revision {number}", "its history lists the revisions"
        )
    return decode(body)


def by_receipt(connection: Connection, receipt_no: str) -> Filed | None:
    """Return the draft with a receipt number."""
    row = connection.execute(_CURRENT.where(DRAFT.c.receipt_no == receipt_no)).mappings().first()
    return None if row is None else _filed(row)


def by_conversation(connection: Connection, kind: str, account: str, name: str) -> Filed | None:
    """Return the latest draft of a call, form or other named conversation."""
    row = (
        connection.execute(
            _CURRENT.where(
                DRAFT.c.conversation == name, DRAFT.c.kind == kind, DRAFT.c.account == account
            )
            .order_by(DRAFT.c.received_at.desc())
            .limit(1)
        )
        .mappings()
        .first()
    )
    return None if row is None else _filed(row)


def by_call(connection: Connection, name: str) -> Filed | None:
    """Return the draft of a call by the call's id alone, whichever account it came in on."""
    query = _CURRENT.where(DRAFT.c.conversation == name).limit(1)
    row = connection.execute(query).mappings().first()
    return None if row is None else _filed(row)


def latest_of_contact(
    connection: Connection, kind: str, account: str, contact: str, entry: str
) -> Filed | None:
    """Return the newest draft of a contact at an entry."""
    row = (
        connection.execute(
            _CURRENT.where(
                DRAFT.c.contact == contact,
                DRAFT.c.kind == kind,
                DRAFT.c.account == account,
                DRAFT.c.entry == entry,
            )
            .order_by(DRAFT.c.received_at.desc(), DRAFT.c.draft_id.desc())
            .limit(1)
        )
        .mappings()
        .first()
    )
    return None if row is None else _filed(row)


def due_for_sealing(connection: Connection, now: int, limit: int = 200) -> list[str]:
    """Return ids of collecting drafts whose quiet window or cap has passed."""
    return list(
        connection.execute(
            select(DRAFT.c.draft_id)
            .where(DRAFT.c.seal_at.is_not(None), DRAFT.c.seal_at <= now)
            .order_by(DRAFT.c.seal_at)
            .limit(limit)
        ).scalars()
    )


def listing(
    connection: Connection,
    *,
    states: Sequence[State] = (),
    contact: str | None = None,
    before: str | None = None,
    limit: int = 50,
) -> list[WorkOrderDraft]:
    """Return drafts, newest first; ``before`` is the draft id the last page ended with."""
    query = _CURRENT.order_by(DRAFT.c.draft_id.desc()).limit(limit)
    if states:
        query = query.where(DRAFT.c.state.in_([state.value for state in states]))
    if contact is not None:
        query = query.where(DRAFT.c.contact == contact)
    if before is not None:
        query = query.where(DRAFT.c.draft_id < before)
    return [decode(row["body"]) for row in connection.execute(query).mappings()]


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionEntry:
    """One line of a draft's history; ``at`` in store microseconds."""

    revision: int
    at: int
    actor: str
    changed: tuple[str, ...]


def history(connection: Connection, draft_id: str) -> list[RevisionEntry]:
    """Return who changed what and when, oldest first."""
    rows = connection.execute(
        select(REVISION.c.revision, REVISION.c.at, REVISION.c.actor, REVISION.c.changed)
        .where(REVISION.c.draft_id == draft_id)
        .order_by(REVISION.c.revision)
    )
    return [
        RevisionEntry(revision=number, at=at, actor=actor, changed=tuple(json.loads(changed)))
        for number, at, actor, changed in rows
    ]


def count_by_state(connection: Connection) -> dict[str, int]:
    """Return how many drafts are in each state."""
    rows = connection.execute(text("SELECT state, count(*) FROM draft GROUP BY state"))
    return {state: count for state, count in rows}


def _filed(row: Any) -> Filed:
    return Filed(
        draft=decode(row["body"]),
        filing=Filing(
            kind=row["kind"],
            account=row["account"],
            contact=row["contact"],
            entry=row["entry"],
            conversation=row["conversation"],
            query_hash=row["query_hash"],
            seal_at=row["seal_at"],
        ),
    )
