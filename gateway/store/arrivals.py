"""What has been taken in and is not in its lane yet: one small row each, written in order.

A provider waits while an event is stored, so that costs as little as it can: finding out what else
its lane holds, and the lane's index, is left to the worker that comes for it.
"""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct
from sqlalchemy import Connection

from gateway.store import work
from gateway.store.locks import lock
from gateway.store.sql import Insert, Statement

ASSEMBLE = "assemble"
"""The queue in which stored events wait to become drafts."""


class Arrival(Struct, frozen=True, kw_only=True):
    """A stored event that is still to be assembled."""

    inbound_id: str
    lane: str
    received_at: int


_AT_ONCE = 256
_ADD = Insert("INSERT INTO arrival (inbound_id, lane, received_at) VALUES ($1, $2, $3)")
_ANY = Statement("SELECT 1 FROM arrival LIMIT 1")
_TAKE = Statement(
    "DELETE FROM arrival WHERE seq IN (SELECT seq FROM arrival ORDER BY seq LIMIT $1)"
    " RETURNING seq, inbound_id, lane, received_at"
)
_COUNT = Statement("SELECT count(*) FROM arrival")


def add(connection: Connection, arrivals: Iterable[Arrival]) -> None:
    """Note events that were just stored; the caller holds their lanes' locks.

    So the order within a lane is that of the commits, whatever order the numbers come in.
    """
    _ADD.add(connection, [(one.inbound_id, one.lane, one.received_at) for one in arrivals])


def sort_in(connection: Connection) -> None:
    """Put the longest waiting into their lanes, for whoever is about to claim."""
    if not _ANY.rows(connection):
        return
    # One at a time: a second one would find later arrivals of a lane whose earlier ones are on
    # their way.
    lock(connection, ["arrivals"])
    jobs = [
        work.NewWork(
            queue=ASSEMBLE,
            lane=lane,
            subject=inbound_id,
            payload={},
            due=received_at,
            created=received_at,
        )
        for _, inbound_id, lane, received_at in sorted(_TAKE.rows(connection, _AT_ONCE))
    ]
    work.lock_lanes(connection, jobs)
    work.enqueue(connection, jobs)


def claim(
    connection: Connection, *, queue: str, limit: int, now: int, lease: int, claim_id: str
) -> Sequence[work.Work]:
    """Sort arrivals into their lanes, then take due work of ``queue`` as ``work.claim`` does."""
    sort_in(connection)
    return work.claim(connection, queue=queue, limit=limit, now=now, lease=lease, claim_id=claim_id)


def depths(connection: Connection) -> Mapping[tuple[str, str], int]:
    """Return how much work each queue holds by state name, arrivals among the ready."""
    found = work.depths(connection)
    ((waiting,),) = _COUNT.rows(connection)
    if waiting:
        ready = (ASSEMBLE, work.WorkState.READY.name.lower())
        found[ready] = found.get(ready, 0) + waiting
    return found
