"""What became of deliveries: the attempt log, and how each endpoint stands.

An endpoint's row is shared by every process that delivers to it; who changes it holds it until the
commit (``hold_endpoint``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from msgspec import Struct, structs
from sqlalchemy import Connection, select, text

from gateway.store import feed, work
from gateway.store.feed import Told
from gateway.store.locks import lock
from gateway.store.sql import Insert, Statement
from gateway.store.tables import ATTEMPT, ENDPOINT, EVENT
from gateway.store.work import Work


class Outcome(StrEnum):
    """What an attempt came to."""

    DELIVERED = "delivered"
    RETRY = "retry"
    """Failed, and is tried again."""
    HELD = "held"
    """Not the endpoint's failure: waits without using up the schedule."""
    DEAD = "dead"
    """Given up, by the endpoint's answer or at the end of the schedule."""
    PAUSED = "paused"
    """The endpoint wants nothing more for now."""
    UNKNOWN = "unknown"
    """May have been acted on; a person decides."""


class Delivery(Work, frozen=True, kw_only=True):
    """Work of an endpoint's outbox with the event to bring; None: the feed has it no more."""

    told: Told | None


class Attempt(Struct, frozen=True, kw_only=True):
    """One call of an endpoint; ``started`` and ``took_us`` in store microseconds.

    ``number`` counts the schedule's attempts from 1; one that used up nothing is followed by
    another of its number. ``attempt_id`` is 0 until it is stored.
    """

    endpoint: str
    event_id: str
    draft_id: str | None
    number: int
    started: int
    took_us: int
    outcome: Outcome
    status: int | None = None
    error: str | None = None
    response: str | None = None
    attempt_id: int = 0


class Settled(Struct, frozen=True, kw_only=True):
    """An acknowledged delivery whose only effect is that its work is done."""

    attempt: Attempt
    work: Delivery


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointRow:
    """How an endpoint stands: why it is paused, and its breaker's document when not at rest."""

    name: str
    paused: str | None = None
    breaker: str | None = None


_RECORD = Insert(
    "INSERT INTO attempt (endpoint, event_id, draft_id, number, started, took_us, outcome, status,"
    " error, response) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
)
_KEEP = Statement(
    "INSERT INTO endpoint (name, paused, breaker, updated_at) VALUES ($1, $2, $3, $4)"
    " ON CONFLICT (name) DO UPDATE SET paused = excluded.paused, breaker = excluded.breaker,"
    " updated_at = excluded.updated_at"
)
_DEPTH = text("SELECT state, count(*) FROM work WHERE queue = :queue GROUP BY state")
_QUEUES = text("SELECT DISTINCT queue FROM work WHERE queue LIKE 'deliver:%'")


def claim(
    connection: Connection, *, queue: str, limit: int, now: int, lease: int, claim_id: str
) -> list[Delivery]:
    """Claim work of an outbox as ``work.claim`` does, and read what it is to bring."""
    works = work.claim(
        connection, queue=queue, limit=limit, now=now, lease=lease, claim_id=claim_id
    )
    told = feed.by_ids(connection, [_event_id(one) for one in works]) if works else {}
    return [Delivery(**structs.asdict(one), told=told.get(_event_id(one))) for one in works]


def _event_id(one: Work) -> str:
    return str(one.payload.get("event"))


def record(connection: Connection, attempts: Sequence[Attempt]) -> None:
    """Add attempts to the log."""
    _RECORD.add(
        connection,
        [
            (
                one.endpoint,
                one.event_id,
                one.draft_id,
                one.number,
                one.started,
                one.took_us,
                one.outcome.value,
                one.status,
                one.error,
                one.response,
            )
            for one in attempts
        ],
    )


def settle_delivered(connection: Connection, items: Sequence[Settled]) -> list[None]:
    """Log acknowledged deliveries and finish their work; the locks of their lanes are held.

    Raises ``Fenced`` when one is not ours any more.
    """
    record(connection, [item.attempt for item in items])
    return work.complete_batched(connection, [item.work for item in items])


def attempts(
    connection: Connection,
    *,
    draft_id: str | None = None,
    event_id: str | None = None,
    endpoint: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[Attempt]:
    """Return attempts, newest first; ``before`` is the attempt id the last page ended with."""
    query = select(ATTEMPT).order_by(ATTEMPT.c.attempt_id.desc()).limit(limit)
    if draft_id is not None:
        events = select(EVENT.c.event_id).where(EVENT.c.draft_id == draft_id)
        query = query.where(ATTEMPT.c.event_id.in_(events))
    if event_id is not None:
        query = query.where(ATTEMPT.c.event_id == event_id)
    if endpoint is not None:
        query = query.where(ATTEMPT.c.endpoint == endpoint)
    if before is not None:
        query = query.where(ATTEMPT.c.attempt_id < before)
    return [
        Attempt(**{**row, "outcome": Outcome(row["outcome"])})
        for row in connection.execute(query).mappings()
    ]


def last_success(connection: Connection, endpoint: str) -> int | None:
    """Return when an endpoint last acknowledged something."""
    return connection.execute(
        select(ATTEMPT.c.started)
        .where(ATTEMPT.c.endpoint == endpoint, ATTEMPT.c.outcome == Outcome.DELIVERED.value)
        .order_by(ATTEMPT.c.started.desc())
        .limit(1)
    ).scalar()


def hold_endpoint(connection: Connection, name: str) -> EndpointRow:
    """Return how an endpoint stands and keep others from changing it until this commits."""
    lock(connection, [f"endpoint:{name}"])
    return endpoint_row(connection, name)


def endpoint_row(connection: Connection, name: str) -> EndpointRow:
    """Return how an endpoint stands; one that was never in trouble has no row."""
    row = connection.execute(
        select(ENDPOINT.c.paused, ENDPOINT.c.breaker).where(ENDPOINT.c.name == name)
    ).first()
    return (
        EndpointRow(name=name)
        if row is None
        else EndpointRow(name=name, paused=row.paused, breaker=row.breaker)
    )


def keep_endpoint(connection: Connection, row: EndpointRow, *, now: int) -> None:
    """Store how an endpoint stands."""
    _KEEP.change(connection, row.name, row.paused, row.breaker, now)


def depth(connection: Connection, queue: str) -> dict[work.WorkState, int]:
    """Return how much work one queue holds in each state."""
    rows = connection.execute(_DEPTH, {"queue": queue})
    return {work.WorkState(state): count for state, count in rows}


def endpoints_with_work(connection: Connection) -> list[str]:
    """Return the names of endpoints that have any work, configured or not."""
    queues = connection.execute(_QUEUES).scalars()
    return sorted(queue.removeprefix("deliver:") for queue in queues)
