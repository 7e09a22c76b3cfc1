"""The work queue: durable jobs and deliveries with leases, fences and ordered lanes.

Only the *head* of a lane can be claimed; finishing it promotes the next. So an empty claim stays
cheap however many lanes are blocked, which a search for "no earlier unfinished" does not.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection

from gateway.domain.errors import GatewayError
from gateway.store.locks import lock
from gateway.store.sql import Insert, Statement


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


class NewWork(Struct, frozen=True, kw_only=True):
    """Work to be done: ``lane`` orders it (None: no order), ``due`` is in store microseconds.

    ``subject`` is the id it is about (a draft, an inbound event), for people who search.
    """

    queue: str
    lane: str | None
    subject: str
    payload: Mapping[str, Any]
    due: int
    created: int


class Work(Struct, frozen=True, kw_only=True):
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
    "work.seq, work.queue, work.lane, work.state, work.subject, work.payload, work.due,"
    " work.created, work.attempts, work.claims, work.claim_id, work.error"
)

_ENQUEUE = Insert(
    "INSERT INTO work (queue, lane, head, state, due, subject, payload, created) VALUES"
    " ($1, $2, $3, 0, $4, $5, $6, $7)"
)
_BUSY = Statement(
    "SELECT asked.value FROM unnest($1::text[]) AS asked(value)"
    " WHERE EXISTS (SELECT 1 FROM work WHERE lane = asked.value AND state < 3)"
)
# The state numbers are literals: a planner uses a partial index only when it can prove it applies.
# MATERIALIZED: the choice is made once; a planner that repeats it would take more than the limit.
_CLAIM = Statement(
    "WITH chosen AS MATERIALIZED (SELECT seq FROM work WHERE queue = $1 AND state = 0 AND head"
    " AND due <= $2 ORDER BY due, seq LIMIT $3 FOR UPDATE SKIP LOCKED)"
    " UPDATE work SET state = 1, claims = claims + 1, claim_id = $4, lease_until = $5"
    f" FROM chosen WHERE work.seq = chosen.seq RETURNING {_COLUMNS}"
)
_OURS = "WHERE seq = $1 AND state = 1 AND claim_id = $2"
_DELETE = Statement(f"DELETE FROM work {_OURS}")
_DELETE_MANY = Statement(
    "DELETE FROM work WHERE seq = ANY($1::bigint[]) AND state = 1 AND claim_id = ANY($2::text[])"
    " RETURNING seq, claim_id"
)
_PROMOTE = Statement(
    "UPDATE work SET head = TRUE WHERE NOT head AND seq IN"
    " (SELECT (SELECT min(seq) FROM work WHERE lane = freed.value AND state < 3)"
    " FROM unnest($1::text[]) AS freed(value))"
)
_RETRY = Statement(
    "UPDATE work SET state = 0, due = $3, attempts = attempts + $4, claims = 0, error = $5,"
    f" claim_id = NULL, lease_until = NULL {_OURS}"
)
_HOLD = Statement(
    "UPDATE work SET state = 2, attempts = attempts + 1, error = $3, claim_id = NULL,"
    f" lease_until = NULL {_OURS}"
)
_BURY = Statement(
    "UPDATE work SET state = 3, head = FALSE, attempts = attempts + 1, error = $3, claim_id = NULL,"
    f" lease_until = NULL {_OURS}"
)
# Changes nothing, but holds the row, so that nobody can take the work before this commits.
_STILL_OURS = Statement(f"UPDATE work SET claim_id = claim_id {_OURS}")
_EXTEND = Statement(f"UPDATE work SET lease_until = $3 {_OURS}")
_EXPIRED = Statement(
    f"SELECT {_COLUMNS} FROM work WHERE state = 1 AND lease_until < $1"
    " ORDER BY lease_until LIMIT $2"
)
# A heartbeat may have come between finding an expired lease and holding its lane.
_STILL_EXPIRED = f"{_OURS} AND lease_until < $3"
_REOPEN = Statement(
    "UPDATE work SET state = 0, due = $4, claim_id = NULL, lease_until = NULL " + _STILL_EXPIRED
)
_CONDEMN = Statement(
    "UPDATE work SET state = 3, head = FALSE, attempts = attempts + 1, error = $4, claim_id = NULL,"
    f" lease_until = NULL {_STILL_EXPIRED}"
)
_ABANDONED = Statement("UPDATE work SET lease_until = 0 WHERE state = 1")
_STOPPED = Statement(
    f"SELECT {_COLUMNS} FROM work WHERE state >= 2 AND seq > $1 ORDER BY seq LIMIT $2"
)
_STOPPED_IN = Statement(
    f"SELECT {_COLUMNS} FROM work WHERE state >= 2 AND queue = $3 AND seq > $1"
    " ORDER BY seq LIMIT $2"
)
_STOPPED_AMONG = Statement(
    f"SELECT {_COLUMNS} FROM work WHERE state >= 2 AND seq = ANY($1::bigint[]) ORDER BY seq"
)
_RELEASE = Statement("UPDATE work SET state = 0, due = $2, claims = 0 WHERE seq = $1 AND state = 2")
_UNBURY = Statement("DELETE FROM work WHERE seq = $1 AND state = 3")
_DEPTHS = Statement("SELECT queue, state, count(*) FROM work GROUP BY queue, state")
_SUSPECT = 4
_LONGEST_DELAY = 300
_ENCODE = msgspec.json.Encoder().encode
_DECODE = msgspec.json.Decoder(dict[str, Any]).decode


def enqueue(connection: Connection, works: Iterable[NewWork]) -> None:
    """Add work at the end of its lanes, in the order given.

    The caller holds the lanes' locks already or lets ``lock_lanes`` do it.
    """
    works = list(works)
    lanes = list({work.lane for work in works if work.lane is not None})
    busy = {lane for (lane,) in _BUSY.rows(connection, lanes)} if lanes else set[str]()
    rows = []
    for work in works:
        head = work.lane not in busy
        if work.lane is not None:
            busy.add(work.lane)
        payload = _ENCODE(work.payload).decode()
        rows.append((work.queue, work.lane, head, work.due, work.subject, payload, work.created))
    _ENQUEUE.add(connection, rows)


def is_busy(connection: Connection, lane: str) -> bool:
    """Tell whether anything of a lane is still to be done."""
    return bool(list(_BUSY.rows(connection, [lane])))


def claim(
    connection: Connection, *, queue: str, limit: int, now: int, lease: int, claim_id: str
) -> list[Work]:
    """Take up to ``limit`` due heads of a queue under a lease that ends at ``lease``."""
    rows = _CLAIM.rows(connection, queue, now, limit, claim_id, lease)
    return sorted((_work(row) for row in rows), key=lambda work: (work.due, work.seq))


def complete(connection: Connection, work: Work) -> None:
    """Finish claimed work and let its lane go on; raises ``Fenced`` when it is not ours any more.

    Called in the same transaction as the work's effects: they and the fence stand or fall together.
    """
    lock_lanes(connection, [work])
    _only_if_ours(connection, _DELETE, work)
    _promote(connection, [work])


def complete_batched(connection: Connection, works: Sequence[Work]) -> list[None]:
    """Finish many pieces of claimed work whose lanes' locks are held."""
    ours = {(work.seq, work.claim_id) for work in works}
    gone = _DELETE_MANY.rows(
        connection,
        [work.seq for work in works],
        list({work.claim_id for work in works if work.claim_id is not None}),
    )
    # A stale claim may have shared the batch with the fresh one of somebody else: each must match.
    if {(seq, claim_id) for seq, claim_id in gone} != ours:
        raise Fenced(works[0].seq)
    _promote(connection, works)
    return [None] * len(works)


def retry(connection: Connection, work: Work, *, due: int, error: str, tried: bool = True) -> None:
    """Put claimed work back for ``due``; its lane waits with it. ``tried`` counts the attempt."""
    _only_if_ours(connection, _RETRY, work, due, int(tried), error)


def bury(connection: Connection, work: Work, *, error: str) -> None:
    """Move claimed work to the dead letters and let its lane go on."""
    lock_lanes(connection, [work])
    _only_if_ours(connection, _BURY, work, error)
    _promote(connection, [work])


def hold(connection: Connection, work: Work, *, error: str) -> None:
    """Stop claimed work, and its lane with it, until a person decides."""
    _only_if_ours(connection, _HOLD, work, error)


def require_ours(connection: Connection, work: Work) -> None:
    """Raise ``Fenced`` unless this work is ours until the transaction ends."""
    _only_if_ours(connection, _STILL_OURS, work)


def extend(connection: Connection, works: Sequence[Work], *, lease: int) -> list[Work]:
    """Renew leases (the heartbeat); return the works that are still ours."""
    return [work for work in works if _changed(connection, _EXTEND, work, lease)]


def rescue(
    connection: Connection, *, now: int, max_claims: int, apart: int = 0, limit: int = 100
) -> list[Work]:
    """Take work back from workers whose lease ran out; return what was taken, as it was.

    Work that was claimed ``max_claims`` times without ever being put back in an orderly way kills
    its workers: it goes to the dead letters and its lane goes on. Whatever was in the same hands
    shares every death with it, so from the fourth on all of them are due one after another,
    ``apart`` microseconds between two and twice as much each time: only the culprit dies again.
    """
    expired = [_work(row) for row in _EXPIRED.rows(connection, now, limit)]
    lock_lanes(connection, expired)
    taken = []
    place = 0
    for work in expired:
        if work.claims < max_claims:
            place += work.claims >= _SUSPECT
            due = now + _delay(work, apart, place)
            if _changed(connection, _REOPEN, work, now, due):
                taken.append(work)
            continue
        error = f"given up: {work.claims} workers stopped while doing it"
        if _changed(connection, _CONDEMN, work, now, error):
            _promote(connection, [work])
            taken.append(work)
    return taken


def _delay(work: Work, apart: int, place: int) -> int:
    """Return how long rescued work waits, in microseconds.

    Workers stop for many reasons, and then their work is wanted soon: a few deaths cost nothing.
    """
    if work.claims < _SUSPECT:
        return 0
    return apart * min(place << work.claims - _SUSPECT, _LONGEST_DELAY)


def abandon_all_leases(connection: Connection) -> None:
    """At the start of the only process of a store: whoever held leases is dead, so end them now."""
    _ABANDONED.change(connection)


def stopped(
    connection: Connection, *, queue: str | None = None, after: int = 0, limit: int = 100
) -> list[Work]:
    """Return held and dead work, oldest first."""
    if queue is None:
        rows = _STOPPED.rows(connection, after, limit)
    else:
        rows = _STOPPED_IN.rows(connection, after, limit, queue)
    return [_work(row) for row in rows]


def revive(connection: Connection, seqs: Sequence[int], *, now: int) -> int:
    """Give stopped work another life and return how much there was.

    Held work still heads its lane and simply becomes ready. A dead letter's lane has gone on, so it
    comes back as new work at the end of that lane.
    """
    chosen = [_work(row) for row in _STOPPED_AMONG.rows(connection, list(seqs))]
    lock_lanes(connection, chosen)
    count = 0
    for work in chosen:
        if work.state is WorkState.HELD:
            count += _RELEASE.change(connection, work.seq, now)
        elif _UNBURY.change(connection, work.seq):  # nobody else was faster
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
    rows = _DEPTHS.rows(connection)
    return {(queue, WorkState(state).name.lower()): count for queue, state, count in rows}


def lock_lanes(connection: Connection, works: Iterable[Work | NewWork]) -> None:
    """Hold the lanes of these works until the transaction ends."""
    lock(connection, (work.lane for work in works if work.lane is not None))


def _promote(connection: Connection, finished: Iterable[Work]) -> None:
    lanes = list({work.lane for work in finished if work.lane is not None})
    if lanes:
        _PROMOTE.change(connection, lanes)


def _only_if_ours(connection: Connection, statement: Statement, work: Work, *values: Any) -> None:
    if not _changed(connection, statement, work, *values):
        raise Fenced(work.seq)


def _changed(connection: Connection, statement: Statement, work: Work, *values: Any) -> bool:
    return statement.change(connection, work.seq, work.claim_id, *values) == 1


def _work(row: tuple[Any, ...]) -> Work:
    seq, queue, lane, state, subject, payload, due, created, attempts, claims, claim_id, error = row
    return Work(
        seq=seq,
        queue=queue,
        lane=lane,
        state=WorkState(state),
        subject=subject,
        payload=_DECODE(payload),
        due=due,
        created=created,
        attempts=attempts,
        claims=claims,
        claim_id=claim_id,
        error=error,
    )
