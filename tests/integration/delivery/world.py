"""A store, a feed and couriers at work, with a clock the test turns."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from gateway.channel.http import HttpClient
from gateway.config import Endpoint
from gateway.delivery.breaker import BreakerPolicy
from gateway.delivery.courier import Courier, Terms
from gateway.delivery.office import DeliveryOffice, EndpointSummary
from gateway.delivery.schedule import RetrySchedule
from gateway.delivery.wiring import couriers, forwarding_names, subscriptions
from gateway.domain.draft import WorkOrderDraft
from gateway.domain.ids import UlidFactory
from gateway.domain.lifecycle import State
from gateway.egress.client import EgressClient
from gateway.store import drafts
from gateway.store.deliveries import Attempt, Outcome
from gateway.store.drafts import Filed
from gateway.store.engine import Store
from gateway.store.holding import Pace
from gateway.store.ledger import Ledger, Ledgers, draft_lock
from gateway.store.steps import Reach, no_step
from gateway.store.wakeup import LocalWakeup
from tests.integration.store.samples import draft, filing

PATIENCE_S = 20.0
SECRET = "whsec_ZGVtby1vbmx5LWRlbW8tb25seS1kZW1vLW9ubHkh"
SCHEDULE = RetrySchedule(waits=(timedelta(seconds=5), timedelta(seconds=30)), jitter=0.0)
QUICK = Pace(poll_s=0.02, lease_s=30.0, first_pause_s=0.01)


class TurnedClock:
    """Wall time that stands still until the test turns it; spans are measured truly."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)

    def now(self) -> datetime:
        """The time the test has set."""
        return self.at

    def monotonic(self) -> float:
        """Real seconds."""
        return time.monotonic()

    def turn(self, **by: float) -> None:
        """Let time pass."""
        self.at += timedelta(**by)


@dataclass(slots=True)
class Noted:
    """What was noted, by name."""

    names: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def __call__(self, name: str, **values: Any) -> None:
        self.names.append((name, values))

    def count(self, name: str) -> int:
        """How often this was noted."""
        return sum(one == name for one, _ in self.names)


def endpoint(name: str = "casework", url: str = "http://127.0.0.1:9/hook", **more: Any) -> Endpoint:
    """An endpoint on loopback that wants everything; one second is enough for a test."""
    values: dict[str, Any] = {
        "name": name,
        "url": url,
        "events": ["*"],
        "allow": ["127.0.0.0/8"],
        "timeout": "1 s",
    }
    if "secrets" not in more:
        values["secret"] = SECRET
    return Endpoint(**{**values, **more})


@dataclass(slots=True)
class World:
    """Everything a delivery test touches."""

    store: Store
    clock: TurnedClock
    ledgers: Ledgers
    office: DeliveryOffice
    note: Noted
    couriers: tuple[Courier, ...] = ()

    async def tell(self, type_: str = "report.daily", **data: Any) -> str:
        """Publish an event that is about no draft and return its id."""

        def tell(ledger: Ledger) -> str:
            ledger.tell(type_, data=data)
            return ledger.events[-1].event_id

        return await self.ledgers.write("test", tell)

    async def open_draft(self, **changes: Any) -> str:
        """File a draft and return its id."""
        fresh = draft(received_at=self.clock.now(), updated_at=self.clock.now(), **changes)
        await self.ledgers.write("test", lambda ledger: ledger.create(fresh, filing(seal_at=None)))
        return fresh.draft_id

    async def move(self, draft_id: str, *states: State) -> None:
        """Take a draft through these states in one transaction."""

        def move(ledger: Ledger) -> None:
            filed = drafts.get(ledger.connection, draft_id)
            for state in states:
                filed = ledger.revise(filed, replace(filed.draft, state=state))

        await self.ledgers.write("test", move, locks=(draft_lock(draft_id),))

    async def forward(self, **changes: Any) -> str:
        """File a draft and let it be forwarded, as the casebook does."""
        draft_id = await self.open_draft(state=State.QUEUED, **changes)
        await self.move(draft_id, State.READY, State.FORWARDING)
        return draft_id

    async def filed(self, draft_id: str) -> Filed:
        """A draft as stored."""
        return await self.store.read(lambda connection: drafts.get(connection, draft_id))

    async def draft(self, draft_id: str) -> WorkOrderDraft:
        """A draft's current revision."""
        return (await self.filed(draft_id)).draft

    async def summary(self, name: str = "casework") -> EndpointSummary:
        """How one endpoint stands."""
        return next(one for one in await self.office.summary() if one.name == name)

    async def attempts(self, **chosen: Any) -> list[Attempt]:
        """The attempt log, oldest first."""
        return list(reversed(await self.office.attempts(limit=1000, **chosen)))

    async def outcomes(self, **chosen: Any) -> list[Outcome]:
        """What the attempts came to, oldest first."""
        return [one.outcome for one in await self.attempts(**chosen)]

    async def until(self, condition: "Callable[[], Any]") -> None:
        """Wait until something holds (a plain or an async question)."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                answer = condition()
                if asyncio.iscoroutine(answer):
                    answer = await answer
                if answer:
                    return
                await asyncio.sleep(0.005)

    async def until_attempts(self, number: int, **chosen: Any) -> list[Attempt]:
        """Wait for this many attempts and return them, oldest first."""

        async def enough() -> bool:
            return len(await self.attempts(**chosen)) >= number

        await self.until(enough)
        return await self.attempts(**chosen)

    async def until_empty(self, name: str = "casework") -> None:
        """Wait until an endpoint has nothing left to be sent."""

        async def empty() -> bool:
            return (await self.summary(name)).pending == 0

        await self.until(empty)

    async def settle(self) -> None:
        """Give the couriers time for anything they might do now."""
        await asyncio.sleep(0.15)


@asynccontextmanager
async def world(
    store: Store,
    *endpoints: Endpoint,
    http: HttpClient | None = None,
    breaker: BreakerPolicy | None = None,
    schedule: RetrySchedule = SCHEDULE,
    clock: TurnedClock | None = None,
    reach: Reach = no_step,
    working: bool = True,
) -> AsyncIterator[World]:
    """Couriers at work for these endpoints; stopped in good order at the end."""
    clock = clock or TurnedClock()
    wakeup = LocalWakeup()
    note = Noted()
    ledgers = Ledgers(
        store=store,
        clock=clock,
        ids=UlidFactory(clock),
        wakeup=wakeup,
        subscriptions=subscriptions(endpoints),
    )
    office = DeliveryOffice(store=store, clock=clock, wakeup=wakeup, endpoints=endpoints)
    client = http or EgressClient()
    terms = Terms(
        forwarding=forwarding_names(endpoints),
        source="https://hotline.example",
        schedule=schedule,
        breaker=breaker or BreakerPolicy(),
        chance=lambda: 0.0,
    )
    ready = await couriers(
        endpoints, ledgers=ledgers, http=client, note=note, pace=QUICK, terms=terms, reach=reach
    )
    running = [asyncio.create_task(one.run()) for one in ready] if working else []
    try:
        yield World(store, clock, ledgers, office, note, ready)
    finally:
        for one in ready:
            one.stop()
        await asyncio.gather(*running)
        if isinstance(client, EgressClient):
            await client.close()
