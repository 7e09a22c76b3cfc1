"""A small front office: real inbox, casebook and desk over a real store, and a clock to turn."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway.channel.contract import ChannelSpec
from gateway.domain.draft import WorkOrderDraft
from gateway.domain.ids import UlidFactory
from gateway.domain.intake import InboundMessage, Outcome, StoredEvent
from gateway.intake.assembling import Assembler, Sealer
from gateway.intake.casebook import Casebook, Rules
from gateway.intake.desk import Desk
from gateway.intake.inbox import Inbox
from gateway.store import drafts, feed, work
from gateway.store.engine import Store
from gateway.store.feed import Subscription, Told
from gateway.store.inbound import ASSEMBLE
from gateway.store.ledger import Ledgers
from gateway.store.opening import open_store
from gateway.store.times import to_us
from gateway.store.wakeup import LocalWakeup

CITIZEN = "tel:+8613800138000"
SMS = ChannelSpec(kind="sms", account="main", acknowledges=True)
WEB = ChannelSpec(kind="web", account="site", receipt_in_answer=True, key_conflict_is_error=True)
VOICE = ChannelSpec(kind="voice", account="trunk", receipt_in_answer=True)


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


class KeptFiles:
    """Remembers what was uploaded."""

    async def put(self, content: bytes) -> str:
        return f"{len(content):064d}"


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
    noted: list[str]

    async def hears(self, event: StoredEvent, spec: ChannelSpec = SMS) -> Outcome:
        """Take an event in and let the assembler do its work."""
        outcome = await self.inbox.commit(spec, [event], b"raw")
        await self.assemble()
        return outcome

    async def assemble(self) -> None:
        """Do every job of the assembling queue that is due."""
        assembler = Assembler(ledgers=self.ledgers, casebook=self.casebook)
        while True:
            now = to_us(self.clock.now())
            jobs = await self.store.write(
                lambda c, now=now: work.claim(  # type: ignore[misc]
                    c, queue=ASSEMBLE, limit=10, now=now, lease=now + 60_000_000, claim_id="c"
                )
            )
            if not jobs:
                return
            for job in jobs:
                await assembler.handle(job)

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


def text(words: str, key: str, **more: Any) -> InboundMessage:
    """A citizen's text message."""
    return InboundMessage(contact=CITIZEN, entry="12345", dedupe_key=key, text=words, **more)


def queued_with_title(draft: WorkOrderDraft) -> WorkOrderDraft:
    """A stand-in for understanding: the content's first characters are the title."""
    from msgspec.structs import replace

    return replace(draft, request=replace(draft.request, title=draft.request.content[:20]))


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of an empty database, on either engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/hotline.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def forwards() -> Callable[[WorkOrderDraft], bool]:
    """Whether drafts are forwarded without a person; a test may override this."""
    return lambda draft: False


@pytest.fixture
async def office(
    store_url: str, forwards: Callable[[WorkOrderDraft], bool]
) -> AsyncIterator[Office]:
    """An office with one subscribed endpoint."""
    store = await open_store(store_url)
    clock = TurnedClock()
    ids = UlidFactory(clock)
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
            key=b"k" * 32,
            quiet_s=45,
            cap_s=300,
            reopen_within_s=86_400,
            sources={"12319": "城建热线"},
            acknowledging=frozenset({("sms", "main")}),
            suggest=queued_with_title,
            forward=forwards,
            forwarding=True,
        )
    )
    inbox = Inbox(
        ledgers=ledgers,
        casebook=casebook,
        uploads=KeptFiles(),
        clock=clock,
        ids=ids,
        note=note,
        forget_recording=forget,
    )
    yield Office(
        store=store,
        clock=clock,
        ledgers=ledgers,
        casebook=casebook,
        inbox=inbox,
        desk=Desk(ledgers=ledgers, casebook=casebook),
        sealer=Sealer(ledgers=ledgers, casebook=casebook, clock=clock),
        noted=noted,
    )
    await store.close()
