"""What the conformance kit must be told of a channel: how to provoke it and what it then owes.

A channel folder exposes ``CONFORMANCE`` in its ``conformance.py``. Nothing else loads that module.
``VARIANTS`` there, if any, names further accounts that must keep the same rules.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from gateway.channel.errors import SendFailure
from gateway.channel.http import EgressError, EgressReply
from gateway.channel.wire import RawRequest
from gateway.domain.intake import Outcome

OUTCOMES: Mapping[str, Outcome] = {
    status: Outcome(
        status=status,
        draft_id="01JD7Z8Q4N5T6V7W8X9Y0Z1A2B",
        receipt_no="2611210000018",
        query_code="204816",
    )
    for status in ("accepted", "duplicate")
} | {"ignored": Outcome(status="ignored"), "busy": Outcome(status="busy")}
"""What the kit lets an account acknowledge."""


class Provider(Protocol):
    """The simulator of a channel that takes part in the kit."""

    def message(self, text: str, *, sender: str, message_id: str | None = None) -> RawRequest:
        """Return a delivery of one text message; the same id makes a redelivery."""

    def signed(self, raw: RawRequest) -> RawRequest:
        """Return ``raw`` with the proof the real provider would give its present body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What must be answered for an outcome; ``body`` is None where only people read it."""

    status: int
    content_type: str
    body: bytes | None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """One way the provider may answer a message of ours, and what the contract calls it."""

    name: str
    answer: EgressReply | EgressError
    expected: SendFailure
    retry_after: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outbound:
    """How to try the way back: ``success`` carries ``sent_id``; ``size_of`` measures a part."""

    contact: str
    entry: str
    success: EgressReply
    sent_id: str
    failures: Sequence[Failing]
    size_of: Callable[[str], int]
    refused_credentials: EgressReply


@dataclass(frozen=True, slots=True, kw_only=True)
class Conformance:
    """One channel, as the kit sees it.

    ``settings`` is an account as it would stand in the configuration, with invented secrets;
    ``secrets`` names those of its keys without which nothing may start. ``senders`` are two
    citizens in the provider's own notation. ``proof`` names the headers that carry the signature.
    ``deliveries`` makes, from the simulator, one request for each name; the kit knows ``image`` or
    ``recording`` (with a file to be fetched), ``receipt`` (the message ``Outbound.sent_id`` has
    been delivered) and ``earlier_receipt`` (it had been handed over), ``unknown`` (an event this
    channel has no use for), ``own`` (our own message coming back), ``stale`` (rightly signed, too
    long ago), ``automated`` (from a machine), ``without_id`` (a message to which the provider gives
    no id), and ``first``, ``second``, ``third`` (sent by one citizen in this order, as their times
    or numbers show). ``acknowledgements`` maps a route's path to what it answers for each outcome's
    status.
    """

    settings: Mapping[str, Any]
    secrets: Sequence[str]
    senders: tuple[str, str]
    proof: Sequence[str]
    deliveries: Callable[[Any], Mapping[str, RawRequest]]
    acknowledgements: Mapping[str, Mapping[str, Answered]]
    outbound: Outbound | None = None
