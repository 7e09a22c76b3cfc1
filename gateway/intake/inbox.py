"""The inbox rule: bound → verify → parse → commit → acknowledge, in this order and nowhere else.

Bounding happens where bytes arrive (the web floor reads at most ``ChannelSpec.body_limit``).
Everything after it is here. A channel only translates, so it cannot forget a step.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import Connection

from gateway.channel.contract import (
    Account,
    AnswersAfterLookup,
    AnswersInContext,
    CarriesFiles,
    ChannelSpec,
    RefusesInItsOwnWords,
    WebhookChannel,
)
from gateway.channel.errors import Conflict, Malformed, StoreBusy, Unverified
from gateway.channel.ports import Uploads
from gateway.channel.wire import HttpReply, RawRequest
from gateway.domain.ids import Clock, Ids
from gateway.domain.intake import CallEvent, Event, Ignored, Outcome, StoredEvent
from gateway.intake.casebook import Casebook
from gateway.store import drafts, inbound
from gateway.store.arrivals import ASSEMBLE
from gateway.store.inbound import Appended, Inbound, NewInbound
from gateway.store.ledger import Ledger, Ledgers
from gateway.store.steps import Reach, no_step
from gateway.store.times import to_us

FORBIDDEN = HttpReply(status=403, body=b"forbidden\n")
BAD_REQUEST = HttpReply(status=400, body=b"bad request\n")
ACCEPTED = Outcome(status="accepted")
BUSY = Outcome(status="busy")
IGNORED = Outcome(status="ignored")

RAW_LIMIT = 64 * 1024
"""The largest raw body (bytes) that the inbox table holds itself."""
RAW_STORED = b"sha256:"
"""What stands before the content hash where a larger body lies among the files."""

Note = Callable[..., None]
"""Tells log and metrics of something by name; values are never personal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbox:
    """Takes deliveries in: what it has acknowledged is on disk."""

    ledgers: Ledgers
    casebook: Casebook
    uploads: Uploads
    clock: Clock
    ids: Ids
    note: Note
    forget_recording: Callable[[str], Awaitable[None]]
    reach: Reach = no_step

    def door(self, account: Account, channel: WebhookChannel) -> "Door":
        """Return the door through which one webhook's deliveries come in."""
        return Door(
            inbox=self,
            spec=account.spec,
            channel=channel,
            answer=_answers(channel),
            answer_after=channel.answer_after if isinstance(channel, AnswersAfterLookup) else None,
            files=channel.files if isinstance(channel, CarriesFiles) else None,
            refuse=channel.refuse if isinstance(channel, RefusesInItsOwnWords) else None,
        )

    async def commit(self, spec: ChannelSpec, events: Sequence[Event], raw: bytes) -> Outcome:
        """Store events durably; the outcome is that of the last one that is stored.

        Raises ``StoreBusy`` when nothing could be committed; then all of it may come again.
        """
        outcome = IGNORED
        first = True
        for event in events:
            if isinstance(event, Ignored):
                self.note("inbox.ignored", kind=spec.kind, account=spec.account, why=event.reason)
                continue
            item = self._new(spec, event, raw if first else b"")
            first = False
            self.reach("inbox.before_commit")
            if spec.receipt_in_answer:
                outcome = await self._store_and_open(item)
            else:
                store = self.ledgers.store
                outcome = _outcome(await store.write_batched(inbound.append, item, lock=item.lane))
                self.ledgers.wakeup.notify(ASSEMBLE)
            self.reach("inbox.after_commit")
            if isinstance(event, CallEvent) and event.recording and event.conversation:
                # Its hash is noted durably now, so a restart need not find it by name any more.
                # Should that fail, a restart finds it, and finds it noted already.
                with suppress(StoreBusy):
                    await self.forget_recording(event.conversation)
        return outcome

    def _new(self, spec: ChannelSpec, event: StoredEvent, raw: bytes) -> NewInbound:
        return NewInbound(
            inbound_id=self.ids.new(),
            kind=spec.kind,
            account=spec.account,
            event=event,
            lane=inbound.lane(spec.kind, spec.account, event),
            received_at=to_us(self.clock.now()),
            raw=raw,
            window_s=spec.redelivery_window_s,
            strict_key=spec.key_conflict_is_error,
            queued=not spec.receipt_in_answer,
        )

    async def _store_and_open(self, item: NewInbound) -> Outcome:
        """Store an event and let it open or extend its draft in the same transaction."""

        def store(ledger: Ledger) -> Outcome:
            (appended,) = inbound.append(ledger.connection, [item])
            draft_id = appended.draft_id
            if appended.status == "accepted":
                stored = Inbound(
                    inbound_id=item.inbound_id,
                    kind=item.kind,
                    account=item.account,
                    event=item.event,
                    received_at=item.received_at,
                    flagged=appended.flagged,
                    draft_id=None,
                )
                draft_id = self.casebook.apply(ledger, stored)
            return self._told(ledger.connection, _outcome(appended), draft_id)

        locks = (item.lane, f"key:{item.kind}:{item.account}:{item.event.dedupe_key}")
        return await self.ledgers.write(f"channel:{item.kind}", store, locks=locks)

    def _told(self, connection: Connection, outcome: Outcome, draft_id: str | None) -> Outcome:
        if draft_id is None:
            return outcome
        draft = drafts.get(connection, draft_id).draft
        return Outcome(
            status=outcome.status,
            conflict=outcome.conflict,
            draft_id=draft_id,
            receipt_no=draft.receipt_no,
            query_code=self.casebook.query_code(draft_id),
        )

    async def keep_files(self, files: Sequence[bytes]) -> None:
        """Store the files inside a request before the events that refer to them."""
        for content in files:
            await self.uploads.put(content)

    async def kept_elsewhere(self, body: bytes) -> bytes:
        """Store a large body among the files; return what the inbox table keeps of it."""
        return RAW_STORED + (await self.uploads.put(body)).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """One webhook of one account: the inbox rule with everything decided that can be beforehand."""

    inbox: Inbox
    spec: ChannelSpec
    channel: WebhookChannel
    answer: Callable[[RawRequest, Outcome], HttpReply]
    answer_after: Callable[[RawRequest, Outcome], Awaitable[HttpReply]] | None
    files: Callable[[RawRequest], Sequence[bytes]] | None
    refuse: Callable[[RawRequest, Exception], HttpReply] | None

    async def receive(self, raw: RawRequest) -> HttpReply:
        """Treat one bounded delivery and return the exact answer to it."""
        inbox, spec, channel = self.inbox, self.spec, self.channel
        try:
            channel.verify(raw)
            handshake = channel.handshake(raw)
            if handshake is not None:
                return handshake
            events = channel.parse(raw)
            if self.files is not None:
                await inbox.keep_files(self.files(raw))
            body = raw.body
            if len(body) > RAW_LIMIT:
                body = await inbox.kept_elsewhere(body)
            outcome = await inbox.commit(spec, events, body)
            if outcome.conflict:
                raise Conflict
        except Unverified as error:
            self._note("inbox.unverified", why=error.message)
            return FORBIDDEN
        except (Malformed, Conflict) as error:
            self._note("inbox.malformed", why=error.message)
            return BAD_REQUEST if self.refuse is None else self.refuse(raw, error)
        except StoreBusy as error:
            self._note("inbox.busy", why=error.message)
            return await self._answered(raw, BUSY)
        inbox.note("inbox.received", kind=spec.kind, account=spec.account, status=outcome.status)
        inbox.reach("inbox.before_acknowledge")
        if self.answer_after is None:
            return self.answer(raw, outcome)
        return await self.answer_after(raw, outcome)

    async def _answered(self, raw: RawRequest, outcome: Outcome) -> HttpReply:
        if self.answer_after is not None:
            return await self.answer_after(raw, outcome)
        return self.answer(raw, outcome)

    def _note(self, name: str, **values: object) -> None:
        self.inbox.note(name, kind=self.spec.kind, account=self.spec.account, **values)


class AccountSink:
    """The inbox as one account sees it: the ``Sink`` port.

    An account is given its sink before it exists, and only then says what it is (its spec).
    """

    def __init__(self) -> None:
        self._bound: tuple[Inbox, ChannelSpec] | None = None

    def bind(self, inbox: Inbox, spec: ChannelSpec) -> None:
        """Connect the sink, once the account has been built."""
        self._bound = (inbox, spec)

    async def commit(self, events: Sequence[StoredEvent], raw: bytes = b"") -> Outcome:
        """Store events durably and only then return; raises ``StoreBusy``."""
        if self._bound is None:
            raise StoreBusy
        inbox, spec = self._bound
        return await inbox.commit(spec, events, raw)


def _answers(channel: WebhookChannel) -> Callable[[RawRequest, Outcome], HttpReply]:
    if isinstance(channel, AnswersInContext):
        return channel.answer
    return lambda raw, outcome: channel.acknowledge(outcome)


def _outcome(appended: Appended) -> Outcome:
    if appended.status == "accepted":
        return ACCEPTED
    return Outcome(
        status="duplicate",
        draft_id=appended.draft_id,
        conflict=appended.status == "conflict",
    )
