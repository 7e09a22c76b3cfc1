"""A small front office: real inbox, casebook and desk over a real store, and a clock to turn."""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec.structs import replace
from sqlalchemy import Connection

from gateway.channel.contract import ChannelSpec
from gateway.domain.draft import WorkOrderDraft
from gateway.domain.ids import UlidFactory
from gateway.domain.intake import Outcome, StoredEvent
from gateway.intake.assembling import Assembler, Sealer
from gateway.intake.casebook import Casebook, Rules
from gateway.intake.desk import Desk
from gateway.intake.inbox import Inbox
from gateway.intake.recognising import SecondPass
from gateway.store import drafts, feed, work
from gateway.store.arrivals import ASSEMBLE, sort_in
from gateway.store.engine import Store
from gateway.store.feed import Subscription, Told
from gateway.store.holding import Postpone
from gateway.store.ledger import Ledgers
from gateway.store.opening import open_store
from gateway.store.times import to_us
from gateway.store.wakeup import LocalWakeup
from gateway.store.work import Work

KEY = b"k" * 32
SMS = ChannelSpec(kind="sms", account="main", acknowledges=True)


@dataclass
class TurnedClock:
    """A clock that moves only when it is turned."""

    at: datetime = field(default_factory=lambda: datetime(2026, 11, 21, 4, 0, tzinfo=UTC))

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    def turn(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class KeptFiles:
    """Remembers what was uploaded."""

    files: dict[str, bytes] = field(default_factory=dict)

    async def put(self, content: bytes) -> str:
        sha256 = hashlib.sha256(content).hexdigest()
        self.files[sha256] = content
        return sha256


@dataclass
class Office:
    """Everything between a verified event and a draft in the queue."""

    store: Store
    clock: TurnedClock
    ledgers: Ledgers
    casebook: Casebook
    inbox: Inbox
    desk: Desk
    sealer: Sealer
    files: KeptFiles
    noted: list[str]

    async def hears(self, event: StoredEvent, spec: ChannelSpec = SMS) -> Outcome:
        """Take an event in and let the assembler do its work."""
        outcome = await self.inbox.commit(spec, [event], b"raw")
        await self.assemble()
        return outcome

    async def assemble(self) -> None:
        """Do every job of the assembling queue that is due."""
        await self.do(ASSEMBLE, Assembler(ledgers=self.ledgers, casebook=self.casebook).handle)

    async def do(self, queue: str, handle: Callable[[Work], Awaitable[None]]) -> int:
        """Do every job of a queue that is due, and put back what is postponed; return how many."""
        count = 0
        while jobs := await self._claim(queue):
            for job in jobs:
                count += 1
                try:
                    await handle(job)
                except Postpone as error:
                    await self._put_back(job, error)
        return count

    async def drafts(self) -> list[WorkOrderDraft]:
        """Return all drafts, oldest first."""
        found = await self.store.read(lambda c: drafts.listing(c, limit=100))
        return found[::-1]

    async def only_draft(self) -> WorkOrderDraft:
        """Return the one draft there must be."""
        (draft,) = await self.drafts()
        return draft

    async def told(self) -> list[Told]:
        """Return every event of the feed."""
        events, _, more = await self.store.read(lambda c: feed.after(c, 0, limit=1000))
        assert not more
        return events

    async def _claim(self, queue: str) -> list[Work]:
        now = to_us(self.clock.now())

        def claim(connection: Connection) -> list[Work]:
            sort_in(connection)
            return work.claim(
                connection, queue=queue, limit=10, now=now, lease=now + 60_000_000, claim_id="c"
            )

        return await self.store.write(claim)

    async def _put_back(self, job: Work, error: Postpone) -> None:
        due = to_us(error.until)
        await self.store.write(
            lambda c: work.retry(c, job, due=due, error=error.message, tried=error.tried)
        )


def queued_with_title(draft: WorkOrderDraft) -> WorkOrderDraft:
    """A stand-in for understanding: the content's first characters are the title."""
    return replace(draft, request=replace(draft.request, title=draft.request.content[:20]))


def never(draft: WorkOrderDraft) -> bool:
    """No draft goes on without a person."""
    return False


@asynccontextmanager
async def open_office(
    store_url: str,
    *,
    clock: TurnedClock | None = None,
    forwards: Callable[[WorkOrderDraft], bool] = never,
    acknowledging: Collection[tuple[str, str]] = (("sms", "main"),),
    make_inbox: Callable[..., Inbox] = Inbox,
    resuming: Collection[tuple[str, str]] = (),
    listens_again: SecondPass = "missing",
) -> AsyncIterator[Office]:
    """Open an office with one subscribed endpoint; opened again, it finds what it had stored."""
    store = await open_store(store_url)
    clock = clock or TurnedClock()
    ids = UlidFactory(clock)
    files = KeptFiles()
    noted: list[str] = []

    def note(name: str, **values: object) -> None:
        noted.append(name)

    async def forget(name: str) -> None:
        noted.append(f"forgot {name}")

    ledgers = Ledgers(
        store=store,
        clock=clock,
        ids=ids,
        wakeup=LocalWakeup(),
        subscriptions=(Subscription(endpoint="casework", events=("draft.*",)),),
    )
    casebook = Casebook(
        Rules(
            jurisdiction="370100",
            timezone=ZoneInfo("Asia/Shanghai"),
            language="zh-CN",
            key=KEY,
            quiet_s=45,
            cap_s=300,
            reopen_within_s=86_400,
            sources={"12319": "城建热线"},
            acknowledging=frozenset(acknowledging),
            suggest=queued_with_title,
            forward=forwards,
            forwarding=True,
            resuming=frozenset(resuming),
            listens_again=listens_again,
        )
    )
    inbox = make_inbox(
        ledgers=ledgers,
        casebook=casebook,
        uploads=files,
        clock=clock,
        ids=ids,
        note=note,
        forget_recording=forget,
    )
    try:
        yield Office(
            store=store,
            clock=clock,
            ledgers=ledgers,
            casebook=casebook,
            inbox=inbox,
            desk=Desk(ledgers=ledgers, casebook=casebook),
            sealer=Sealer(ledgers=ledgers, casebook=casebook, clock=clock),
            files=files,
            noted=noted,
        )
    finally:
        await store.close()
