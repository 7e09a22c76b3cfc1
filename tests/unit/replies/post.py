"""A post office for tests: a real store with one draft, a planned reply, and a fake provider."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from gateway.channel.contract import Account, ChannelSpec
from gateway.channel.errors import SendError
from gateway.channel.outgoing import ContactState, Part, Reply, Sent
from gateway.domain.draft import Message, Reporter, Request, WorkOrderDraft
from gateway.domain.ids import UlidFactory
from gateway.domain.lifecycle import State
from gateway.domain.receipt import query_code, query_code_hash
from gateway.egress.client import EgressClient
from gateway.intake.casebook import Rules
from gateway.replies.dispatch import Patience, ReplyDesk
from gateway.replies.texts import load_texts
from gateway.store import correspondence, drafts, feed, work
from gateway.store.correspondence import REPLY_QUEUE, Progress
from gateway.store.drafts import Filing
from gateway.store.engine import Store
from gateway.store.feed import Told
from gateway.store.ledger import Ledger, Ledgers
from gateway.store.steps import Reach, no_step
from gateway.store.times import SECOND, to_us
from gateway.store.wakeup import LocalWakeup
from gateway.store.work import Work

KEY = b"k" * 32
DRAFT_ID = "01JD7Z8Q4N5T6V7W8X9Y0Z1A2B"
RECEIPT_NO = "2611210000018"
CODE = query_code(KEY, DRAFT_ID)
CITIZEN = "tel:+8613800138000"
LANE = f"reply:sms:main:{CITIZEN}"


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
class Provider:
    """Takes parts, or answers with what ``answers`` holds next; remembers every part it saw."""

    cuts: int = 1
    ids: str = "SM"
    refusal: SendError | None = None
    answers: list[SendError | None] = field(default_factory=list)
    rendered: list[tuple[Reply, ContactState]] = field(default_factory=list)
    seen: list[Part] = field(default_factory=list)

    def render(self, reply: Reply, state: ContactState) -> Sequence[Part]:
        self.rendered.append((reply, state))
        if self.refusal is not None:
            raise self.refusal
        size = -(-len(reply.text) // self.cuts)
        return [
            Part(
                reply_id=reply.reply_id,
                number=number,
                of=self.cuts,
                contact=reply.contact,
                entry=reply.entry,
                text=reply.text[(number - 1) * size : number * size],
            )
            for number in range(1, self.cuts + 1)
        ]

    async def send(self, part: Part, http: object) -> Sent:
        self.seen.append(part)
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer
        return Sent(sent_id=f"{self.ids}{part.number}")

    @property
    def numbers(self) -> list[int]:
        """The numbers of the parts in the order they were handed over."""
        return [part.number for part in self.seen]


@dataclass
class Post:
    """The store, the desk and everything a test may look at."""

    store: Store
    clock: TurnedClock
    ledgers: Ledgers
    http: EgressClient
    provider: Provider
    reply_id: str = ""
    noted: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    @classmethod
    def over(cls, store: Store) -> "Post":
        """Return a post office over an open store."""
        clock = TurnedClock()
        ledgers = Ledgers(store=store, clock=clock, ids=UlidFactory(clock), wakeup=LocalWakeup())
        return cls(
            store=store, clock=clock, ledgers=ledgers, http=EgressClient(), provider=Provider()
        )

    def desk(
        self, *, reach: Reach = no_step, accounts: bool = True, sender: bool = True
    ) -> ReplyDesk:
        """Return a desk of one process."""
        spec = ChannelSpec(kind="sms", account="main", acknowledges=True)
        account = Account(spec=spec, sender=self.provider if sender else None)
        return ReplyDesk(
            ledgers=self.ledgers,
            accounts={("sms", "main"): account} if accounts else {},
            http=self.http,
            texts=load_texts(),
            site_name="市民热线",
            key=KEY,
            clock=self.clock,
            note=lambda name, **values: self.noted.append((name, values)),
            reach=reach,
            patience=Patience(commit_pauses=(0.0, 0.0)),
        )

    @staticmethod
    def rules() -> Rules:
        """Return the rules of a site where nothing happens by itself."""
        return Rules(
            jurisdiction="370100",
            timezone=ZoneInfo("Asia/Shanghai"),
            language="zh-CN",
            key=KEY,
            quiet_s=45,
            cap_s=600,
            reopen_within_s=86_400,
            sources={},
            acknowledging=frozenset(),
            suggest=lambda draft: draft,
            forward=lambda draft: False,
            forwarding=False,
        )

    async def plan(self, *, language: str | None = "zh-CN") -> None:
        """File a draft with one message and plan its acknowledgement."""
        self.reply_id = self.ledgers.ids.new()
        now = self.clock.now()

        def file(ledger: Ledger) -> None:
            filing = Filing(
                kind="sms",
                account="main",
                contact=CITIZEN,
                entry="12345",
                conversation=None,
                query_hash=query_code_hash(KEY, DRAFT_ID, CODE),
                seal_at=to_us(now + timedelta(seconds=45)),
            )
            ledger.create(_draft(now, language), filing)
            assert self.plan_again(ledger, self.reply_id)

        await self.ledgers.write("gateway", file)

    def plan_again(self, ledger: Ledger, reply_id: str) -> bool:
        """Plan an acknowledgement of the same draft within a transaction."""
        return correspondence.plan(
            ledger.connection,
            reply_id=reply_id,
            draft_id=DRAFT_ID,
            purpose="ack",
            lane=LANE,
            payload={},
            now=to_us(ledger.now),
        )

    async def claim(self) -> Work | None:
        """Take the reply that is due, as a worker would, under a fresh claim."""
        now = to_us(self.clock.now())
        claim_id = self.ledgers.ids.new()
        works = await self.store.write(
            lambda connection: work.claim(
                connection,
                queue=REPLY_QUEUE,
                limit=1,
                now=now,
                lease=now + 60 * SECOND,
                claim_id=claim_id,
            )
        )
        return works[0] if works else None

    async def claimed(self) -> Work:
        """Take the reply that must be due."""
        job = await self.claim()
        assert job is not None
        return job

    async def put_back(self, job: Work, until: datetime) -> None:
        """Postpone a piece of work, as a worker would."""
        await self.store.write(lambda c: work.retry(c, job, due=to_us(until), error="later"))

    async def lose_the_lease(self) -> None:
        """Let the lease of whoever has the work run out, and take it from them."""
        self.clock.turn(61)
        now = to_us(self.clock.now())
        await self.store.write(lambda c: work.rescue(c, now=now, max_claims=5))

    async def draft(self) -> WorkOrderDraft:
        """Return the draft as it stands."""
        return (await self.store.read(lambda c: drafts.get(c, DRAFT_ID))).draft

    async def outgoing(self) -> list[Message]:
        """Return our messages in the draft."""
        return [one for one in (await self.draft()).messages or () if one.direction == "out"]

    async def progress(self) -> Progress:
        """Return how far the reply has come."""
        return await self.store.read(lambda c: correspondence.progress(c, self.reply_id))

    async def told(self) -> list[Told]:
        """Return every event of the feed."""
        events, _, _ = await self.store.read(lambda c: feed.after(c, 0, limit=1000))
        return events

    async def waiting(self) -> int:
        """Return how much work is left in the reply queue, in whatever state."""
        depths = await self.store.read(work.depths)
        return sum(count for (queue, _), count in depths.items() if queue == REPLY_QUEUE)


def _draft(now: datetime, language: str | None) -> WorkOrderDraft:
    return WorkOrderDraft(
        schema_version="1.0",
        draft_id=DRAFT_ID,
        receipt_no=RECEIPT_NO,
        jurisdiction="370100",
        revision=1,
        state=State.COLLECTING,
        channel="sms",
        received_at=now,
        updated_at=now,
        reporter=Reporter(kind="person", language=language),
        confidential=False,
        request=Request(type="unclassified", title="", content="停水了"),
        messages=(Message(id="in", at=now, direction="in", text="停水了"),),
    )
