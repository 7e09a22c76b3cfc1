"""The event feed: numbered without gaps, and fanned out to the endpoints in the same transaction.

Numbers are taken under one row lock that is held until the commit. So they become visible in order,
and a reader's cursor never steps over an event that was still on its way (a PostgreSQL sequence
would let it).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, select, text

from gateway.domain.feed import FeedEvent, matches
from gateway.store import work
from gateway.store.sql import Insert, Statement
from gateway.store.tables import EVENT, REVISION
from gateway.store.times import SECOND, from_us, to_us

_NUMBERS = Statement("UPDATE counter SET value = value + $1 WHERE name = 'feed' RETURNING value")
_INSERT = Insert(
    "INSERT INTO event (seq, event_id, type, at, draft_id, revision, changed, data)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
)
_LATEST = text("SELECT value FROM counter WHERE name = 'feed'")
_ENCODE = msgspec.json.Encoder().encode

Order = Literal["per_case", "none", "strict"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """An endpoint that wants events: which ones, and how they are ordered for it."""

    endpoint: str
    events: tuple[str, ...]
    order: Order = "per_case"

    @property
    def queue(self) -> str:
        """The endpoint's own queue, so that a dead endpoint never stands in another's way."""
        return f"deliver:{self.endpoint}"

    def lane(self, event: FeedEvent) -> str | None:
        """The lane in which this endpoint gets the event."""
        if self.order == "none":
            return None
        if self.order == "strict" or event.draft_id is None:
            return f"out:{self.endpoint}"
        return f"out:{self.endpoint}:{event.draft_id}"


def publish(
    connection: Connection,
    events: Sequence[FeedEvent],
    subscriptions: Sequence[Subscription],
) -> None:
    """Append events to the feed and put them in the outbox of every endpoint that wants them.

    Called last in a transaction: from here to the commit nobody else can publish.
    """
    if not events:
        return
    outbox = [
        _delivery(event, subscription, to_us(event.at))
        for event in events
        for subscription in subscriptions
        if matches(event.type, subscription.events)
    ]
    work.lock_lanes(connection, outbox)
    ((last,),) = _NUMBERS.rows(connection, len(events))
    first = last - len(events) + 1
    _INSERT.add(connection, [_row(first + place, event) for place, event in enumerate(events)])
    work.enqueue(connection, outbox)


def _delivery(event: FeedEvent, subscription: Subscription, due: int) -> work.NewWork:
    return work.NewWork(
        queue=subscription.queue,
        lane=subscription.lane(event),
        subject=event.draft_id or event.event_id.removeprefix("evt_"),
        payload={"event": event.event_id, "type": event.type},
        due=due,
        created=due,
    )


def _row(seq: int, event: FeedEvent) -> tuple[Any, ...]:
    return (
        seq,
        event.event_id,
        event.type,
        to_us(event.at),
        event.draft_id,
        event.revision,
        _ENCODE(event.changed).decode(),
        None if event.data is None else _ENCODE(event.data).decode(),
    )


class Told(Struct, frozen=True, kw_only=True):
    """An event as it goes out: ``body`` is the exact JSON, made from the stored snapshot."""

    seq: int
    event_id: str
    type: str
    draft_id: str | None
    body: bytes


_SELECT = select(EVENT, REVISION.c.body).outerjoin(
    REVISION,
    (EVENT.c.draft_id == REVISION.c.draft_id) & (EVENT.c.revision == REVISION.c.revision),
)


def after(
    connection: Connection, cursor: int, *, limit: int, patterns: Sequence[str] = ("*",)
) -> tuple[list[Told], int, bool]:
    """Return the events behind a cursor, the next cursor, and whether there is more.

    The cursor moves over events that are not asked for, so that a narrow reader does not crawl.
    """
    rows = (
        connection.execute(
            _SELECT.where(EVENT.c.seq > cursor).order_by(EVENT.c.seq).limit(limit + 1)
        )
        .mappings()
        .all()
    )
    page = rows[:limit]
    told = [_told(row) for row in page if matches(row["type"], patterns)]
    return told, page[-1]["seq"] if page else cursor, len(rows) > limit


def latest(connection: Connection) -> int:
    """Return the number of the newest event, 0 when there is none."""
    return int(connection.execute(_LATEST).scalar_one())


def by_id(connection: Connection, event_id: str) -> Told | None:
    """Return one event ready to go out."""
    row = connection.execute(_SELECT.where(EVENT.c.event_id == event_id)).mappings().first()
    return None if row is None else _told(row)


_BY_IDS = Statement(
    "SELECT event.seq, event_id, type, event.at, event.draft_id, event.changed, data, body"
    " FROM event LEFT JOIN draft_revision ON draft_revision.draft_id = event.draft_id"
    " AND draft_revision.revision = event.revision WHERE event_id = ANY($1::text[])"
)


def by_ids(connection: Connection, event_ids: Sequence[str]) -> dict[str, Told]:
    """Return many events ready to go out, by id; what is not in the feed is left out."""
    return {row[1]: _composed(*row) for row in _BY_IDS.rows(connection, list(event_ids))}


def replay(
    connection: Connection,
    subscription: Subscription,
    *,
    now: int,
    event_ids: Sequence[str] = (),
    since: int | None = None,
    draft_id: str | None = None,
    patterns: Sequence[str] = ("*",),
    cursor: int = 0,
    limit: int = 1_000,
) -> tuple[int, int | None]:
    """Put past events into an endpoint's outbox again, in order, at the end of their lanes.

    Chosen by ids, by time (store microseconds), by draft and by type, all of which must hold, out
    of those the endpoint is subscribed to. One call looks at ``limit`` events behind ``cursor``;
    returns how many were put there and the cursor of the next call, None when there are no more.
    """
    query = select(EVENT).where(EVENT.c.seq > cursor).order_by(EVENT.c.seq).limit(limit)
    if event_ids:
        query = query.where(EVENT.c.event_id.in_(event_ids))
    if since is not None:
        query = query.where(EVENT.c.at >= since)
    if draft_id is not None:
        query = query.where(EVENT.c.draft_id == draft_id)
    rows = connection.execute(query).mappings().all()
    again = [
        _delivery(event, subscription, now)
        for event in map(_event, rows)
        if matches(event.type, patterns) and matches(event.type, subscription.events)
    ]
    work.lock_lanes(connection, again)
    work.enqueue(connection, again)
    return len(again), rows[-1]["seq"] if len(rows) == limit else None


def _event(row: Any) -> FeedEvent:
    return FeedEvent(
        event_id=row["event_id"],
        type=row["type"],
        at=from_us(row["at"]),
        draft_id=row["draft_id"],
        revision=row["revision"],
        changed=tuple(json.loads(row["changed"])),
    )


def _told(row: Any) -> Told:
    return _composed(
        row["seq"],
        row["event_id"],
        row["type"],
        row["at"],
        row["draft_id"],
        row["changed"],
        row["data"],
        row["body"],
    )


def _composed(
    seq: int,
    event_id: str,
    type_: str,
    at: int,
    draft_id: str | None,
    changed: str,
    data: str | None,
    snapshot: str | None,
) -> Told:
    """Compose the body around the stored snapshot without parsing it again.

    Ids, types and times are the gateway's own and hold nothing that JSON would have to escape.
    """
    moment = f"{_to_the_second(at // SECOND)}.{at // 1000 % 1000:03}Z"
    inner = "" if snapshot is None else f'"draft":{snapshot},"changed":{changed}'
    if data is not None and len(data) > len("{}"):
        inner += f"{',' if inner else ''}{data[1:-1]}"
    body = f'{{"id":"{event_id}","type":"{type_}","timestamp":"{moment}","data":{{{inner}}}}}'
    return Told(seq=seq, event_id=event_id, type=type_, draft_id=draft_id, body=body.encode())


@lru_cache(maxsize=256)
def _to_the_second(seconds: int) -> str:
    """Write a second since 1970 as UTC: many events of a busy feed share one."""
    return from_us(seconds * SECOND).isoformat()[: -len("+00:00")]
