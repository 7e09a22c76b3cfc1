"""The work queue: durable jobs and deliveries with leases, fences and ordered lanes.

Only the *head* of a lane can be claimed; finishing it promotes the next. So an empty claim stays
cheap however many lanes are blocked, which a search for "no earlier unfinished" does not.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from sqlalchemy import Connection, RowMapping, text

from gateway.domain.errors import GatewayError
from gateway.store.locks import lock


class WorkState(IntEnum):
    """Where a piece of work stands; finished work is deleted."""

    READY = 0
    CLAIMED = 1
    HELD = 2
    """Stopped until a person decides, and its lane with it."""
    DEAD = 3
    """Given up: waits in the dead letters for a person, while its lane goes on."""


class Fenced(GatewayError):
    """The lease had run out and somebody else has the work now: this result must not count."""

    def __init__(self, seq: int) -> None:
        super().__init__(f"work {seq} is no longer ours", "nothing to do: it is being done again")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWork:
    """Work to be done: ``lane`` orders it (None: no order), ``due`` is in store microseconds.

    ``subject`` is the id it is about (a draft, an inbound event), for people who search.
    """

    queue: str
    lane: str | None
    subject: str
    payload: Mapping[str, Any]
    due: int
    created: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A piece of work as stored; whoever claimed it holds ``claim_id``."""

    seq: int
    queue: str
    lane: str | None
    state: WorkState
    subject: str
    payload: Mapping[str, Any]
    due: int
    created: int
    attempts: int
    claims: int
    claim_id: str | None
    error: str | None


_COLUMNS = (
    "seq, queue, lane, state, subject, payload, due, created, attempts, claims, claim_id, error"
)

_ENQUEUE = text(
    "INSERT INTO work (queue, lane, head, state, due, subject, payload, created) VALUES"
    " (:queue, :lane, NOT EXISTS (SELECT 1 FROM work WHERE lane = :lane AND state < 3),"
    " 0, :due, :subject, :payload, :created)"
)
# The state numbers are literals: a planner uses a partial index only when it can prove it applies.
_CLAIM = (
    "UPDATE work SET state = 1, claims = claims + 1, claim_id = :claim_id, lease_until = :lease"
    " WHERE seq IN (SELECT seq FROM work WHERE queue = :queue AND state = 0 AND head"
    f" AND due <= :now ORDER BY due, seq LIMIT :limit {{skip}}) RETURNING {_COLUMNS}"
)
_CLAIMS = {
    "sqlite": text(_CLAIM.format(skip="")),
    "postgresql": text(_CLAIM.format(skip="FOR UPDATE SKIP LOCKED")),
}
_OURS = "WHERE seq = :seq AND state = 1 AND claim_id = :claim_id"
_DELETE = text(f"DELETE FROM work {_OURS}")
_PROMOTE = text(
    "UPDATE work SET head = TRUE WHERE NOT head AND seq ="
    " (SELECT min(seq) FROM work WHERE lane = :lane AND state < 3)"
)
_RETRY = text(
    "UPDATE work SET state = 0, due = :due, attempts = attempts + :tried, claims = 0,"
    f" error = :error, claim_id = NULL, lease_until = NULL {_OURS}"
)
_STOP = text(
    "UPDATE work SET state = :state, error = :error, claim_id = NULL, lease_until = NULL,"
    f" attempts = attempts + 1, head = CASE WHEN :state = 3 THEN FALSE ELSE head END {_OURS}"
)
_EXTEND = text(f"UPDATE work SET lease_until = :lease {_OURS}")
_REOPEN = text(
    f"UPDATE work SET state = 0, due = :due, claim_id = NULL, lease_until = NULL {_OURS}"
)
_EXPIRED = text(
    f"SELECT {_COLUMNS} FROM work WHERE state = 1 AND lease_until < :now"
    " ORDER BY lease_until LIMIT :limit"
)
_ABANDONED = text("UPDATE work SET lease_until = 0 WHERE state = 1")
_STOPPED = f"SELECT {_COLUMNS} FROM work WHERE state >= 2"


def enqueue(connection: Connection, works: Iterable[NewWork]) -> None:
    """Add work at the end of its lanes, in the order given.

    The caller holds the lanes' locks already or lets ``lock_lanes`` do it.
    """
    rows = [
        {
            "queue": work.queue,
            "lane": work.lane,
            "due": work.due,
            "subject": work.subject,
            "payload": json.dumps(work.payload, ensure_ascii=False, separators=(",", ":")),
            "created": work.created,
        }
        for work in works
    ]
    if rows:
        connection.execute(_ENQUEUE, rows)


def claim(
    connection: Connection, *, queue: str, limit: int, now: int, lease: int, claim_id: str
) -> list[Work]:
    """Take up to ``limit`` due heads of a queue under a lease that ends at ``lease``."""
    rows = connection.execute(
        _CLAIMS[connection.dialect.name],
        {"queue": queue, "limit": limit, "now": now, "lease": lease, "claim_id": claim_id},
    )
    return sorted((_work(row) for row in rows.mappings()), key=lambda work: (work.due, work.seq))


def complete(connection: Connection, work: Work) -> None:
    """Finish claimed work and let its lane go on; raises ``Fenced`` when it is not ours any more.

    Called in the same transaction as the work's effects: they and the fence stand or fall together.
    """
    lock_lanes(connection, [work])
    _only_if_ours(connection, _DELETE, work)
    _promote(connection, work.lane)


def complete_batched(connection: Connection, works: Sequence[Work]) -> list[None]:
    """Finish many pieces of claimed work whose lanes' locks are held."""
    for work in works:
        _only_if_ours(connection, _DELETE, work)
    lanes = [{"lane": work.lane} for work in works if work.lane is not None]
    if lanes:
        connection.execute(_PROMOTE, lanes)
    return [None] * len(works)


def retry(connection: Connection, work: Work, *, due: int, error: str, tried: bool = True) -> None:
    """Put claimed work back for ``due``; its lane waits with it. ``tried`` counts the attempt."""
    _only_if_ours(connection, _RETRY, work, due=due, error=error, tried=int(tried))


def bury(connection: Connection, work: Work, *, error: str) -> None:
    """Move claimed work to the dead letters and let its lane go on."""
    lock_lanes(connection, [work])
    _only_if_ours(connection, _STOP, work, state=WorkState.DEAD.value, error=error)
    _promote(connection, work.lane)


def hold(connection: Connection, work: Work, *, error: str) -> None:
    """Stop claimed work, and its lane with it, until a person decides."""
    _only_if_ours(connection, _STOP, work, state=WorkState.HELD.value, error=error)


def extend(connection: Connection, works: Sequence[Work], *, lease: int) -> list[Work]:
    """Renew leases (the heartbeat); return the works that are still ours."""
    return [
        work
        for work in works
        if connection.execute(
            _EXTEND, {"seq": work.seq, "claim_id": work.claim_id, "lease": lease}
        ).rowcount
    ]


def rescue(connection: Connection, *, now: int, max_claims: int, limit: int = 100) -> list[Work]:
    """Take work back from workers whose lease ran out; return what was found.

    Work that was claimed ``max_claims`` times without ever being put back in an orderly way kills
    its workers: it goes to the dead letters and its lane goes on.
    """
    expired = [
        _work(row) for row in connection.execute(_EXPIRED, {"now": now, "limit": limit}).mappings()
    ]
    lock_lanes(connection, expired)
    for work in expired:
        if work.claims >= max_claims:
            error = f"given up: {work.claims} workers stopped while doing it"
            changed = _execute(connection, _STOP, work, state=WorkState.DEAD.value, error=error)
            if changed:
                _promote(connection, work.lane)
        else:
            _execute(connection, _REOPEN, work, due=now)
    return expired


def abandon_all_leases(connection: Connection) -> None:
    """At the start of the only process of a store: whoever held leases is dead, so end them now."""
    connection.execute(_ABANDONED)


def stopped(
    connection: Connection, *, queue: str | None = None, after: int = 0, limit: int = 100
) -> list[Work]:
    """Return held and dead work, oldest first."""
    where = " AND seq > :after" + (" AND queue = :queue" if queue else "")
    rows = connection.execute(
        text(f"{_STOPPED}{where} ORDER BY seq LIMIT :limit"),
        {"after": after, "limit": limit, **({"queue": queue} if queue else {})},
    )
    return [_work(row) for row in rows.mappings()]


def revive(connection: Connection, seqs: Sequence[int], *, now: int) -> int:
    """Give stopped work another life and return how much there was.

    Held work still heads its lane and simply becomes ready. A dead letter's lane has gone on, so it
    comes back as new work at the end of that lane.
    """
    count = 0
    for seq in seqs:
        row = (
            connection.execute(
                text(f"SELECT {_COLUMNS} FROM work WHERE seq = :seq AND state >= 2"),
                {"seq": seq},
            )
            .mappings()
            .first()
        )
        if row is None:
            continue
        work = _work(row)
        lock_lanes(connection, [work])
        if work.state is WorkState.HELD:
            connection.execute(
                text("UPDATE work SET state = 0, due = :now, claims = 0 WHERE seq = :seq"),
                {"seq": seq, "now": now},
            )
        else:
            connection.execute(text("DELETE FROM work WHERE seq = :seq"), {"seq": seq})
            again = NewWork(
                queue=work.queue,
                lane=work.lane,
                subject=work.subject,
                payload=work.payload,
                due=now,
                created=now,
            )
            enqueue(connection, [again])
        count += 1
    return count


def depths(connection: Connection) -> dict[tuple[str, str], int]:
    """Return how much work each queue holds by state name, for the metrics."""
    rows = connection.execute(text("SELECT queue, state, count(*) FROM work GROUP BY queue, state"))
    return {(queue, WorkState(state).name.lower()): count for queue, state, count in rows}


def lock_lanes(connection: Connection, works: Iterable[Work | NewWork]) -> None:
    """Hold the lanes of these works until the transaction ends."""
    lock(connection, (work.lane for work in works if work.lane is not None))


def _promote(connection: Connection, lane: str | None) -> None:
    if lane is not None:
        connection.execute(_PROMOTE, {"lane": lane})


def _only_if_ours(connection: Connection, statement: Any, work: Work, **values: Any) -> None:
    if not _execute(connection, statement, work, **values):
        raise Fenced(work.seq)


def _execute(connection: Connection, statement: Any, work: Work, **values: Any) -> int:
    return connection.execute(
        statement, {"seq": work.seq, "claim_id": work.claim_id, **values}
    ).rowcount


def _work(row: RowMapping) -> Work:
    return Work(
        **{
            **row,
            "state": WorkState(row["state"]),
            "payload": json.loads(row["payload"]),
        }
    )
