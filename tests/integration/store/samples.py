"""Small valid things to put into a store."""

from datetime import UTC, datetime
from itertools import count
from typing import Any

from sqlalchemy import Connection, text

from gateway.domain.clock import SystemClock
from gateway.domain.draft import Reporter, Request, WorkOrderDraft
from gateway.domain.ids import UlidFactory
from gateway.domain.intake import InboundMessage
from gateway.domain.lifecycle import State
from gateway.store import inbound, work
from gateway.store.drafts import Filing
from gateway.store.engine import Store
from gateway.store.times import SECOND
from gateway.store.work import NewWork, Work

NOON = 1_790_000_000 * SECOND
LEASE = NOON + 60 * SECOND
CONTACT = "tel:+8613800000001"

_IDS = UlidFactory(SystemClock())
_RECEIPTS = count(1)


def new_id() -> str:
    """A fresh ULID."""
    return _IDS.new()


def message(
    text: str = "路灯不亮了", *, key: str = "SM1", contact: str = CONTACT, **more: Any
) -> InboundMessage:
    """A citizen's text message."""
    return InboundMessage(contact=contact, entry="12345", dedupe_key=key, text=text, **more)


def arrival(event: InboundMessage | None = None, **changes: Any) -> inbound.NewInbound:
    """An event on its way in, for `append`."""
    values: dict[str, Any] = {
        "inbound_id": new_id(),
        "kind": "sms",
        "account": "main",
        "event": event or message(),
        "received_at": NOON,
        "raw": b"From=%2B86&Body=...",
        "window_s": 60.0,
    }
    values |= changes
    lane = inbound.lane(values["kind"], values["account"], values["event"])
    return inbound.NewInbound(lane=lane, **values)


async def append(store: Store, item: inbound.NewInbound) -> inbound.Appended:
    """Store an event as the inbox does."""
    return await store.write_batched(inbound.append, item, lock=item.lane)


def job(
    name: str = "a", *, lane: str | None = "lane", queue: str = "q", due: int = NOON
) -> NewWork:
    """Work whose payload carries its name."""
    return NewWork(
        queue=queue, lane=lane, subject=new_id(), payload={"name": name}, due=due, created=NOON
    )


async def enqueue(store: Store, *jobs: NewWork) -> None:
    """Add work as everybody does: lanes locked first."""

    def add(connection: Connection) -> None:
        work.lock_lanes(connection, jobs)
        work.enqueue(connection, jobs)

    await store.write(add)


async def claim(
    store: Store, limit: int = 10, *, now: int = NOON, lease: int = LEASE, queue: str = "q"
) -> list[Work]:
    """Claim from a queue."""
    claim_id = new_id()
    return await store.write(
        lambda connection: work.claim(
            connection, queue=queue, limit=limit, now=now, lease=lease, claim_id=claim_id
        )
    )


async def complete(store: Store, one: Work) -> None:
    """Finish claimed work."""
    await store.write(lambda connection: work.complete(connection, one))


def names(works: list[Work]) -> list[str]:
    """The names that `job` gave."""
    return [one.payload["name"] for one in works]


async def how_many(store: Store, table: str) -> int:
    """Count a table's rows."""
    return await store.read(
        lambda connection: int(
            connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()  # noqa: S608
        )
    )


def draft(**changes: Any) -> WorkOrderDraft:
    """A first revision."""
    number = next(_RECEIPTS)
    values: dict[str, Any] = {
        "schema_version": "1.0",
        "draft_id": new_id(),
        "receipt_no": f"261121{number:06}0",
        "jurisdiction": "370100",
        "revision": 1,
        "state": State.COLLECTING,
        "channel": "sms",
        "received_at": datetime(2026, 11, 21, 4, 0, tzinfo=UTC),
        "reporter": Reporter(kind="person"),
        "request": Request(type="unclassified", title="路灯", content="路灯不亮了"),
        "confidential": False,
    }
    return WorkOrderDraft(**{**values, **changes})


def filing(**changes: Any) -> Filing:
    """How that draft is found."""
    values: dict[str, Any] = {
        "kind": "sms",
        "account": "main",
        "contact": CONTACT,
        "entry": "12345",
        "conversation": None,
        "query_hash": "0" * 64,
        "seal_at": NOON,
    }
    return Filing(**{**values, **changes})
