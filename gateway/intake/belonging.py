"""Which draft a message belongs to: by conversation, by receipt number, by contact, in this order.

Never a draft of another contact: a receipt number is not proof of who somebody is.
"""

import re

from gateway.domain.draft import Link, Links
from gateway.domain.intake import InboundMessage
from gateway.domain.lifecycle import ENDS, State
from gateway.domain.receipt import is_receipt_no
from gateway.store import drafts
from gateway.store.drafts import Filed
from gateway.store.inbound import Inbound
from gateway.store.ledger import Ledger
from gateway.store.times import SECOND, to_us

_DIGITS = re.compile(r"(?<![0-9])[0-9]{10,20}(?![0-9])")
_CLOSED = ENDS - {State.FORWARDED}
"""A forwarded case is open in its backend: what the citizen adds is news of it."""


def home_of(
    ledger: Ledger, stored: Inbound, event: InboundMessage, *, within_s: float
) -> tuple[Filed | None, Filed | None]:
    """Return the draft a message belongs to, or else the closed one it comes after.

    ``within_s``: how long after its last change a draft is still what a new message is about.
    """
    if event.conversation is not None:
        return conversation_of(ledger, stored), None
    named = _named_by_receipt(ledger, event)
    if named is not None:
        return named, None
    latest = drafts.latest_of_contact(
        ledger.connection, stored.kind, stored.account, event.contact, event.entry
    )
    if latest is None:
        return None, None
    idle_s = (stored.received_at - to_us(latest.draft.updated_at or ledger.now)) / SECOND
    if idle_s > within_s:
        return None, None
    return (None, latest) if latest.draft.state in _CLOSED else (latest, None)


def conversation_of(ledger: Ledger, stored: Inbound) -> Filed | None:
    """Return the draft of the call or form that an event names, if there is one yet."""
    name = stored.event.conversation
    if name is None:
        return None
    return drafts.by_conversation(ledger.connection, stored.kind, stored.account, name)


def linked_to(previous: Filed) -> Links:
    """Return the link of a new case to the closed one it comes after."""
    link = Link(
        draft_id=previous.draft.draft_id,
        receipt_no=previous.draft.receipt_no,
        score=1.0,
        why=("same contact, after that case was closed",),
    )
    return Links(repeat_of=(link,))


def _named_by_receipt(ledger: Ledger, event: InboundMessage) -> Filed | None:
    """Return the citizen's own open case whose receipt number the message mentions."""
    for number in filter(is_receipt_no, _DIGITS.findall(event.text)):
        filed = drafts.by_receipt(ledger.connection, number)
        if (
            filed is not None
            and filed.filing.contact == event.contact
            and filed.draft.state not in _CLOSED
        ):
            return filed
    return None
