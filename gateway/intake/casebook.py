"""Turns stored events into drafts, inside one transaction: which draft, what change, what to tell.

The casebook knows the site's rules (quiet window, cap, entries); ``assembly.py`` knows how an event
changes a draft. Sealing is the moment a draft stops collecting and goes to the operators' queue.
"""

import dataclasses
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from gateway.domain.draft import (
    ChannelDetail,
    Priority,
    Request,
    WorkOrderDraft,
)
from gateway.domain.intake import (
    CallEvent,
    CallMoment,
    ContactChange,
    InboundMessage,
    Receipt,
)
from gateway.domain.lifecycle import State
from gateway.domain.receipt import query_code, query_code_hash, receipt_no
from gateway.intake.assembly import reporter_from, with_edit, with_message, words_of_citizen
from gateway.intake.awaited import Awaited, plan_fetching, with_awaited
from gateway.intake.belonging import conversation_of, home_of, linked_to
from gateway.intake.callbook import LONGEST_CALL, CallBook, alive_until
from gateway.intake.recognising import (
    SecondPass,
    listen_again,
    recognise_later,
    recordings_without_words,
)
from gateway.intake.splitting import divided
from gateway.store import correspondence, drafts, inbound
from gateway.store.drafts import Filed, Filing
from gateway.store.holding import Postpone
from gateway.store.inbound import Inbound
from gateway.store.ledger import Ledger
from gateway.store.times import SECOND, from_us, to_us

RECEIPT_PATIENCE_S = 10
"""How long the news of a message that we do not know yet may wait for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the site decided: windows in seconds, entries by number, the key for query codes.

    ``acknowledging`` holds the (kind, account) pairs whose cases get an automatic acknowledgement.
    ``suggest`` reads a draft when it is sealed and returns it with a machine's suggestions.
    ``forward`` tells whether a freshly queued draft goes straight on, without a person.
    ``resuming`` holds the (kind, account) pairs whose calls outlive a restart of the gateway.
    """

    jurisdiction: str
    timezone: ZoneInfo
    language: str
    key: bytes
    quiet_s: float
    cap_s: float
    reopen_within_s: float
    sources: Mapping[str, str]
    acknowledging: frozenset[tuple[str, str]]
    suggest: Callable[[WorkOrderDraft], WorkOrderDraft]
    forward: Callable[[WorkOrderDraft], bool]
    forwarding: bool
    resuming: frozenset[tuple[str, str]] = frozenset()
    listens_again: SecondPass = "missing"


class Casebook:
    """Applies events to drafts within a ledger's transaction."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._calls = CallBook(
            resuming=rules.resuming, listens_again=rules.listens_again, seal=self.seal
        )

    def apply(self, ledger: Ledger, stored: Inbound) -> str | None:
        """Apply a stored event; return the id of the draft it went into, if any."""
        match stored.event:
            case InboundMessage() as message:
                return self._into(ledger, stored, self._message(ledger, stored, message))
            case CallEvent() as call:
                return self._into(ledger, stored, self._call(ledger, stored, call))
            case Receipt() as receipt:
                return self._receipt(ledger, stored, receipt)
            case ContactChange() as news:
                correspondence.set_stopped(
                    ledger.connection,
                    kind=stored.kind,
                    account=stored.account,
                    contact=news.contact,
                    stopped=news.change == "stopped",
                )
                return None

    @staticmethod
    def _into(ledger: Ledger, stored: Inbound, filed: Filed) -> str:
        inbound.belongs_to(ledger.connection, stored.inbound_id, filed.draft.draft_id)
        return filed.draft.draft_id

    def seal(self, ledger: Ledger, filed: Filed) -> Filed:
        """End the collecting of a draft: suggestions, then the queue, then perhaps straight on."""
        if filed.draft.state is not State.COLLECTING:
            return filed
        filed = self._calls.conclude(ledger, filed)
        suggested = self._rules.suggest(filed.draft)
        filed = ledger.revise(filed, replace(suggested, state=State.QUEUED), seal_at=None)
        listen_again(ledger, filed.draft, self._rules.listens_again)
        if self._rules.forward(filed.draft):
            filed = self.make_ready(ledger, filed)
        return filed

    def suggested(self, draft: WorkOrderDraft) -> WorkOrderDraft:
        """Return a draft with a machine's suggestions, as when it is sealed."""
        return self._rules.suggest(draft)

    def make_ready(self, ledger: Ledger, filed: Filed) -> Filed:
        """Release a draft to the backends; with one to forward to, forwarding begins at once."""
        again = self._rules.forwarding and filed.draft.state is State.READY
        filed = ledger.revise(filed, replace(filed.draft, state=State.READY), seal_at=None)
        if again:
            # It came back from the backends unchanged: only the event makes them try again.
            ledger.tell("draft.ready", filed.draft)
        if self._rules.forwarding:
            filed = ledger.revise(filed, replace(filed.draft, state=State.FORWARDING), seal_at=None)
        return filed

    def end_call(self, ledger: Ledger, filed: Filed, event: CallEvent) -> Filed:
        """Note the end of a call on its draft, with recording and transcript, and seal it."""
        return self._calls.end(ledger, filed, event)

    def words_came(self, ledger: Ledger, filed: Filed) -> Filed:
        """Seal the draft of a call that is over, once every word it waited for is there."""
        return self._calls.words_came(ledger, filed)

    def interrupt_call(self, ledger: Ledger, filed: Filed, event: CallEvent) -> Filed:
        """Note what a crash left of a call; see ``CallBook.interrupt``."""
        return self._calls.interrupt(ledger, filed, event)

    def split_off(
        self, ledger: Ledger, filed: Filed, messages: Collection[str]
    ) -> tuple[Filed, Filed]:
        """Make a case of its own of some messages; return what stays, and the new case, queued.

        Raises ``CannotSplit``. The citizen's next message goes to the new case.
        """
        draft_id = ledger.new_id()
        rest, part = divided(
            filed.draft,
            messages,
            draft_id=draft_id,
            receipt_no=self._next_receipt_no(ledger, ledger.now),
            now=ledger.now,
        )
        for message in part.messages or ():
            inbound.belongs_to(ledger.connection, message.id, draft_id)
        filing = dataclasses.replace(
            filed.filing, conversation=None, query_hash=self._query_hash(draft_id), seal_at=None
        )
        left = ledger.revise(filed, rest, seal_at=filed.filing.seal_at)
        new = ledger.create(part, filing)
        self._acknowledge(ledger, new)
        return left, self.seal(ledger, new)

    def query_code(self, draft_id: str) -> str:
        """Return the query code that is told to the citizen."""
        return query_code(self._rules.key, draft_id)

    def _message(self, ledger: Ledger, stored: Inbound, event: InboundMessage) -> Filed:
        at = event.occurred_at or from_us(stored.received_at)
        by_citizen = words_of_citizen(event) is not None
        if by_citizen:
            correspondence.heard_from(
                ledger.connection,
                kind=stored.kind,
                account=stored.account,
                contact=event.contact,
                now=stored.received_at,
            )
        filed, previous = home_of(ledger, stored, event, within_s=self._rules.reopen_within_s)
        if filed is None:
            filed = self._open(ledger, stored, event, previous)
        edited = self._edited(ledger, stored, event)
        awaited: list[Awaited] = []
        if edited is not None:
            after = with_edit(filed.draft, edited, event.text)
        else:
            after = with_message(filed.draft, event, stored.inbound_id, at)
            after, awaited = with_awaited(after, event.media, stored.inbound_id)
        if stored.flagged:
            flags = [*(after.extra or {}).get("conflicting_ids", ()), stored.inbound_id]
            after = replace(after, extra={**(after.extra or {}), "conflicting_ids": flags})
        in_call = event.conversation is not None and event.transcript is not None
        seal_at = (alive_until if in_call else self._seal_at)(filed, stored.received_at)
        filed = ledger.revise(filed, after, seal_at=seal_at)
        plan_fetching(ledger, filed, stored.inbound_id, awaited)
        for recording in recordings_without_words(event):
            recognise_later(ledger, filed.draft.draft_id, recording, message_id=stored.inbound_id)
        if by_citizen:
            ledger.tell("message.received", filed.draft, data={"message_id": stored.inbound_id})
        return self.seal(ledger, filed) if event.seals else filed

    def _edited(self, ledger: Ledger, stored: Inbound, event: InboundMessage) -> str | None:
        if event.edits is None:
            return None
        return inbound.find(
            ledger.connection, stored.kind, stored.account, event.contact, event.edits
        )

    def _call(self, ledger: Ledger, stored: Inbound, event: CallEvent) -> Filed:
        filed = conversation_of(ledger, stored)
        if filed is None:
            filed = self._open(ledger, stored, event, None, longest=LONGEST_CALL)
            if event.moment is CallMoment.STARTED:
                facts = {"call_id": event.conversation, "dialled_number": event.entry}
                ledger.tell("call.started", filed.draft, data={"call": facts})
        return self._calls.apply(ledger, filed, event, heard_at=stored.received_at)

    def _receipt(self, ledger: Ledger, stored: Inbound, event: Receipt) -> str | None:
        self._wait_for_our_own_note(ledger, stored, event)
        tracked = correspondence.receipt(
            ledger.connection,
            kind=stored.kind,
            account=stored.account,
            sent_id=event.sent_id,
            delivery=event.delivery,
            error=event.error_code,
            now=stored.received_at,
        )
        if tracked is None:
            return None
        filed = drafts.get(ledger.connection, tracked.draft_id)
        messages = tuple(
            replace(one, delivery=tracked.delivery) if one.id == tracked.reply_id else one
            for one in filed.draft.messages or ()
        )
        filed = ledger.revise(
            filed, replace(filed.draft, messages=messages), seal_at=filed.filing.seal_at
        )
        ledger.tell(
            "message.delivery",
            filed.draft,
            data={"message_id": tracked.reply_id, "delivery": tracked.delivery},
        )
        return tracked.draft_id

    def _wait_for_our_own_note(self, ledger: Ledger, stored: Inbound, event: Receipt) -> None:
        """A provider may tell that a message arrived before we have noted that we sent it."""
        known = correspondence.is_known(
            ledger.connection, kind=stored.kind, account=stored.account, sent_id=event.sent_id
        )
        age_s = (to_us(ledger.now) - stored.received_at) / SECOND
        if not known and age_s < RECEIPT_PATIENCE_S:
            soon = ledger.now + timedelta(seconds=1)
            raise Postpone("the message it tells of is not noted yet", until=soon, tried=False)

    def _seal_at(self, filed: Filed, now: int) -> int | None:
        """Return when a collecting draft is sealed: quiet after this message, capped."""
        if filed.draft.state is not State.COLLECTING:
            return None
        if filed.filing.conversation is not None:
            return filed.filing.seal_at
        first = to_us(filed.draft.received_at)
        return min(
            now + round(self._rules.quiet_s * SECOND), first + round(self._rules.cap_s * SECOND)
        )

    def _open(
        self,
        ledger: Ledger,
        stored: Inbound,
        event: InboundMessage | CallEvent,
        previous: Filed | None,
        longest: timedelta | None = None,
    ) -> Filed:
        draft_id = ledger.new_id()
        received = from_us(stored.received_at)
        account = (stored.kind, stored.account)
        acknowledged = account in self._rules.acknowledging
        hint = event.reporter
        draft = WorkOrderDraft(
            schema_version="1.0",
            draft_id=draft_id,
            receipt_no=self._next_receipt_no(ledger, received),
            jurisdiction=self._rules.jurisdiction,
            revision=1,
            state=State.COLLECTING,
            channel=stored.kind,
            channel_detail=ChannelDetail(
                account=stored.account,
                dialled_number=event.entry or None,
                source_hotline=self._rules.sources.get(event.entry),
                conversation_id=event.conversation,
            ),
            received_at=received,
            updated_at=received,
            reporter=reporter_from(hint, event.contact, stored.kind if acknowledged else None),
            confidential=False,
            request=Request(type="unclassified", title="", content=""),
            priority=Priority(level="normal"),
            links=None if previous is None else linked_to(previous),
        )
        if draft.reporter.language is None:
            draft = replace(draft, reporter=replace(draft.reporter, language=self._rules.language))
        wait = longest or timedelta(seconds=min(self._rules.quiet_s, self._rules.cap_s))
        filed = ledger.create(
            draft,
            Filing(
                kind=stored.kind,
                account=stored.account,
                contact=event.contact,
                entry=event.entry,
                conversation=event.conversation,
                query_hash=self._query_hash(draft_id),
                seal_at=to_us(received + wait),
            ),
        )
        automated = isinstance(event, InboundMessage) and event.automated
        if not automated:
            self._acknowledge(ledger, filed)
        return filed

    def _next_receipt_no(self, ledger: Ledger, moment: datetime) -> str:
        day = moment.astimezone(self._rules.timezone).date()
        return receipt_no(day, drafts.next_count(ledger.connection, f"receipt:{day:%y%m%d}"))

    def _query_hash(self, draft_id: str) -> str:
        return query_code_hash(self._rules.key, draft_id, self.query_code(draft_id))

    def _acknowledge(self, ledger: Ledger, filed: Filed) -> None:
        """Plan the one acknowledgement of a case, where its account sends any."""
        filing = filed.filing
        if (filing.kind, filing.account) in self._rules.acknowledging:
            correspondence.plan(
                ledger.connection,
                reply_id=ledger.new_id(),
                draft_id=filed.draft.draft_id,
                purpose="ack",
                lane=f"reply:{filing.kind}:{filing.account}:{filing.contact}",
                payload={},
                now=to_us(ledger.now),
            )
