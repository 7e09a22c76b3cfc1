"""Sends planned messages: marked before the first byte leaves, so that none is blindly sent twice.

A message that was being sent when its worker died may have arrived. It is then noted as unknown
and not repeated: a citizen with two different-looking receipts is worse off than one who asks.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from msgspec.structs import replace
from sqlalchemy import Connection

from gateway.channel.contract import Account
from gateway.channel.errors import SendError, SendFailure, StoreBusy
from gateway.channel.http import HttpClient
from gateway.channel.outgoing import ContactState, Part, Reply, Sender, Sent
from gateway.domain.draft import Message, MessageDelivery, WorkOrderDraft
from gateway.domain.ids import Clock
from gateway.domain.receipt import query_code
from gateway.replies.texts import MASKED_CODE, Texts
from gateway.store import correspondence, drafts, work
from gateway.store.correspondence import Progress, ReplyState
from gateway.store.drafts import Filed
from gateway.store.holding import Postpone
from gateway.store.ledger import Ledger, Ledgers, draft_lock
from gateway.store.steps import Reach, no_step
from gateway.store.times import from_us, to_us
from gateway.store.work import Fenced, Work

ACTOR = "gateway"

_SAFE_TO_REPEAT = frozenset({SendFailure.THROTTLED, SendFailure.UNREACHABLE})
_DELIVERY: Mapping[ReplyState, MessageDelivery | None] = {
    "sent": "sent",
    "failed": "failed",
    # Nobody knows, and the draft does not pretend to: its message has no delivery state.
    "unknown": None,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a message is tried, in seconds.

    ``commit_pauses`` are the waits between attempts to store what has already happened outside.
    """

    first_pause: float = 2.0
    longest_pause: float = 300.0
    longest_wait_asked: float = 3600.0
    give_up_after: float = 86_400.0
    commit_pauses: tuple[float, ...] = (0.1, 0.5, 2.0, 5.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """What is known when a piece of work is taken up."""

    filed: Filed
    progress: Progress
    contact: ContactState


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ending:
    """What became of a message; ``sent`` are parts that went out and are not stored yet."""

    state: ReplyState
    reason: str | None = None
    sent: tuple[tuple[int, Sent], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyDesk:
    """Does the work of the reply queue.

    ``accounts`` holds every running account by (kind, account); ``key`` is the site's key behind
    query codes. ``note`` is told the name of anything unusual, for log and metrics.
    """

    ledgers: Ledgers
    accounts: Mapping[tuple[str, str], Account]
    http: HttpClient
    texts: Texts
    site_name: str
    key: bytes
    clock: Clock
    note: Callable[..., None]
    reach: Reach = no_step
    patience: Patience = field(default_factory=Patience)

    async def handle(self, job: Work) -> None:
        """Send one planned message, or settle what is left of an earlier attempt.

        Raises ``Postpone`` when it is to be tried again, ``Fenced`` when the work is not ours any
        more.
        """
        case = await self.ledgers.store.read(lambda connection: _look_up(connection, job))
        match case.progress.state:
            case "planned":
                await self._send(job, case)
            case "sending":
                # Our predecessor may have handed it over before it fell silent.
                await self._settle(job, _Ending(state="unknown", reason="interrupted"))
            case _:
                await self.ledgers.store.write(lambda connection: work.complete(connection, job))

    async def _send(self, job: Work, case: _Case) -> None:
        filing = case.filed.filing
        account = self.accounts.get((filing.kind, filing.account))
        if account is None or account.sender is None:
            reason = "no_such_account" if account is None else "no_way_back"
            await self._settle(job, _Ending(state="failed", reason=reason))
            return
        reply = Reply(
            reply_id=_reply_id(job),
            contact=filing.contact,
            entry=filing.entry,
            text=self._text(job, case.filed.draft),
            language=self.texts.language_for(case.filed.draft.reporter.language),
        )
        try:
            parts = account.sender.render(reply, case.contact)
        except SendError as error:
            await self._settle(job, _Ending(state="failed", reason=_reason(error)))
            return
        left = [part for part in parts if part.number not in case.progress.parts]
        await self._begin(job)
        await self._hand_over(job, account.sender, left)

    async def _hand_over(self, job: Work, sender: Sender, parts: Sequence[Part]) -> None:
        """Send what is left of a message, part by part, and settle it."""
        unstored: tuple[tuple[int, Sent], ...] = ()
        for part in parts:
            if unstored:
                await self._keep(job, unstored)
            try:
                handed = await sender.send(part, self.http)
            except SendError as error:
                await self._not_sent(job, error)
                return
            unstored = ((part.number, handed),)
            self.reach("reply.after_send")
        await self._settle(job, _Ending(state="sent", sent=unstored))

    async def _begin(self, job: Work) -> None:
        """Mark the message as being sent; nothing leaves before this is durable."""

        def mark(connection: Connection) -> None:
            work.require_ours(connection, job)
            now = to_us(self.clock.now())
            correspondence.move(connection, _reply_id(job), "sending", now=now)

        await self.ledgers.store.write(mark)
        self.reach("reply.before_send")

    async def _keep(self, job: Work, sent: Sequence[tuple[int, Sent]]) -> None:
        """Remember parts that went out, whoever has the work by now: it is the truth."""

        def keep(ledger: Ledger) -> None:
            _remember(ledger, job, sent)

        await self._commit(job, keep)

    async def _not_sent(self, job: Work, error: SendError) -> None:
        reason = _reason(error)
        if error.kind is SendFailure.UNKNOWN:
            await self._settle(job, _Ending(state="unknown", reason=reason))
            return
        until = self.clock.now() + self._pause(job, error)
        patient_until = from_us(job.created) + timedelta(seconds=self.patience.give_up_after)
        if error.kind not in _SAFE_TO_REPEAT or until > patient_until:
            await self._settle(job, _Ending(state="failed", reason=reason))
            return

        def put_back(ledger: Ledger) -> None:
            work.require_ours(ledger.connection, job)
            now = to_us(ledger.now)
            correspondence.move(ledger.connection, _reply_id(job), "planned", now=now, error=reason)

        await self._commit(job, put_back)
        raise Postpone(error.message, until=until)

    def _pause(self, job: Work, error: SendError) -> timedelta:
        """Return how long to wait: twice as long each time, and what the provider asks at least."""
        ours = min(
            self.patience.first_pause * 2 ** min(job.attempts, 30), self.patience.longest_pause
        )
        theirs = min(error.retry_after or 0.0, self.patience.longest_wait_asked)
        return timedelta(seconds=max(ours, theirs))

    async def _settle(self, job: Work, ending: _Ending) -> None:
        """Store what became of a message, show it in the draft, and finish the work."""

        kind = ""

        def settle(ledger: Ledger) -> None:
            nonlocal kind
            work.complete(ledger.connection, job)
            kind = self._record(ledger, job, ending)

        try:
            await self._commit(job, settle)
        except Fenced:
            if ending.state == "sent":
                await self._commit(job, lambda ledger: self._correct(ledger, job, ending))
            raise
        self.note("reply.settled", kind=kind, outcome=ending.state)
        if ending.state != "sent":
            self.note(f"reply.{ending.state}", draft_id=job.subject, why=ending.reason)
        self.reach("reply.after_settle")

    def _correct(self, ledger: Ledger, job: Work, ending: _Ending) -> None:
        """Say that it was sent after all, though somebody else has the work or had given it up."""
        if correspondence.progress(ledger.connection, _reply_id(job)).state != "sent":
            self._record(ledger, job, ending)

    def _record(self, ledger: Ledger, job: Work, ending: _Ending) -> str:
        """Write down what became of a message; return the kind of channel it went by."""
        _remember(ledger, job, ending.sent)
        correspondence.move(
            ledger.connection,
            _reply_id(job),
            ending.state,
            now=to_us(ledger.now),
            error=ending.reason,
        )
        filed = drafts.get(ledger.connection, job.subject)
        message = Message(
            id=_reply_id(job),
            at=ledger.now,
            direction="out",
            text=self._text(job, filed.draft, masked=True),
            delivery=_DELIVERY[ending.state],
        )
        others = (one for one in filed.draft.messages or () if one.id != message.id)
        messages = tuple(sorted((*others, message), key=lambda one: one.at))
        filed = ledger.revise(
            filed, replace(filed.draft, messages=messages), seal_at=filed.filing.seal_at
        )
        if message.delivery is not None:
            ledger.tell(
                "message.delivery",
                filed.draft,
                data={"message_id": message.id, "delivery": message.delivery},
            )
        return filed.filing.kind

    def _text(self, job: Work, draft: WorkOrderDraft, *, masked: bool = False) -> str:
        written = job.payload.get("text")
        if isinstance(written, str):  # an operator's own words
            return written
        return self.texts.compose(
            str(job.payload["purpose"]),
            draft.reporter.language,
            site=self.site_name,
            receipt_no=draft.receipt_no,
            query_code=MASKED_CODE if masked else query_code(self.key, draft.draft_id),
        )

    async def _commit(self, job: Work, operation: Callable[[Ledger], None]) -> None:
        """Commit what has already happened outside, patiently: forgetting it is the worse evil."""
        locks = (draft_lock(job.subject),)
        for pause in self.patience.commit_pauses:
            try:
                await self.ledgers.write(ACTOR, operation, locks=locks)
            except StoreBusy:
                await asyncio.sleep(pause)
            else:
                return
        await self.ledgers.write(ACTOR, operation, locks=locks)


def _look_up(connection: Connection, job: Work) -> _Case:
    filed = drafts.get(connection, job.subject)
    return _Case(
        filed=filed,
        progress=correspondence.progress(connection, _reply_id(job)),
        contact=correspondence.contact_state(
            connection,
            kind=filed.filing.kind,
            account=filed.filing.account,
            contact=filed.filing.contact,
        ),
    )


def _remember(ledger: Ledger, job: Work, sent: Sequence[tuple[int, Sent]]) -> None:
    # A commit whose answer got lost is repeated: then they are stored already.
    known = correspondence.progress(ledger.connection, _reply_id(job)).parts
    filing = drafts.get(ledger.connection, job.subject).filing
    for number, handed in sent:
        if number in known:
            continue
        correspondence.sent(
            ledger.connection,
            kind=filing.kind,
            account=filing.account,
            sent_id=handed.sent_id,
            reply_id=_reply_id(job),
            part=number,
            now=to_us(ledger.now),
        )


def _reply_id(job: Work) -> str:
    return str(job.payload["reply_id"])


def _reason(error: SendError) -> str:
    return f"{error.kind}:{error.code}" if error.code else str(error.kind)
