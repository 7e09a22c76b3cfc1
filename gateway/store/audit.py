"""The audit trail: who did what to what; written in the same transaction as the deed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select

from gateway.store.tables import AUDIT


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the trail; ``at`` in store microseconds."""

    at: int
    actor: str
    action: str
    subject: str
    detail: Mapping[str, Any]


def write(
    connection: Connection,
    *,
    at: int,
    actor: str,
    action: str,
    subject: str,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Add a line; ``detail`` holds JSON values, never a secret or a citizen's words."""
    document = json.dumps(dict(detail), ensure_ascii=False) if detail else None
    connection.execute(
        insert(AUDIT).values(at=at, actor=actor, action=action, subject=subject, detail=document)
    )


def about(connection: Connection, subject: str, *, limit: int = 100) -> list[Entry]:
    """Return what was done to a subject, oldest first."""
    rows = connection.execute(
        select(AUDIT.c.at, AUDIT.c.actor, AUDIT.c.action, AUDIT.c.subject, AUDIT.c.detail)
        .where(AUDIT.c.subject == subject)
        .order_by(AUDIT.c.audit_id)
        .limit(limit)
    )
    return [
        Entry(
            at=at,
            actor=actor,
            action=action,
            subject=about,
            detail={} if detail is None else json.loads(detail),
        )
        for at, actor, action, about, detail in rows
    ]
