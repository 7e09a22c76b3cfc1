"""What channels tell the core: intake events, free of any provider's wire format."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from gateway.domain.draft import Aware, Location, Message, MessageDelivery, RequestType
from gateway.domain.transcript import Transcript

TEXT_LIMIT = 100_000


class MediaRef(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file of a message: already stored (``sha256``) or still to be fetched (``url``).

    ``url`` is the provider's own reference; only the channel that made it knows how to ask for it
    (``MediaSource.request_for``), and only the core performs the request.
    """

    id: str
    kind: Literal["recording", "image", "audio", "video", "document", "raw_message"]
    media_type: str
    url: str | None = None
    sha256: str | None = None
    size: int | None = None
    filename: str | None = None
    duration_ms: int | None = None


class ReporterHint(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the channel itself knows of the person; nothing here is guessed from text."""

    name: str | None = None
    phone: str | None = None
    email: str | None = None
    verified_by: Literal["none", "caller_id", "sms_code", "platform"] | None = None
    language: str | None = None
    anonymous: bool = False


class _Event(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="event"):
    """What every stored intake event has.

    ``contact`` is ``scheme:id``; ``entry`` the number, mailbox or account that was contacted;
    ``dedupe_key`` the provider's own id of this event within the contact, or empty when the
    provider gives none (then equal content within a short window counts as a redelivery).
    ``occurred_at`` is the provider's time, None when it sends none (the core then uses its own).
    ``conversation`` ties events of one call or one form together; None lets the core assemble by
    contact, entry and time.
    """

    contact: str
    entry: str
    dedupe_key: str
    occurred_at: Aware | None = None
    conversation: str | None = None


class InboundMessage(_Event, frozen=True, kw_only=True, tag="message"):
    """Something a citizen said, wrote, sent or filled in.

    ``order`` is the provider's own sequence within the contact, when it has one. ``seals`` ends the
    conversation with this message (a submitted form needs no quiet window). ``edits`` is the
    ``dedupe_key`` of an earlier message that this one replaces. ``happened_at`` is when the matter
    itself happened, where the citizen was asked.
    """

    text: Annotated[str, Meta(max_length=TEXT_LIMIT)] = ""
    media: tuple[MediaRef, ...] = ()
    transcript: Transcript | None = None
    reporter: ReporterHint | None = None
    location: Location | None = None
    title: str | None = None
    request_type: RequestType | None = None
    confidential: bool | None = None
    public_consent: bool | None = None
    follow_up_wanted: bool | None = None
    happened_at: Aware | None = None
    attributes: dict[str, Any] | None = None
    order: int | None = None
    seals: bool = False
    edits: str | None = None
    native_id: str | None = None
    automated: bool = False


class Receipt(_Event, frozen=True, kw_only=True, tag="receipt"):
    """The provider's news of a message we sent; ``sent_id`` is the id it gave us then."""

    sent_id: str
    delivery: MessageDelivery
    error_code: str | None = None


class ContactChange(_Event, frozen=True, kw_only=True, tag="contact"):
    """The citizen opened or closed the way to answer them (STOP, unfollow, blocked, START)."""

    change: Literal["stopped", "resumed"]


class CallMoment(StrEnum):
    """The moments of a telephone call that the core stores."""

    STARTED = "started"
    """Answered, or taken up again by a gateway that was restarted meanwhile."""
    PROGRESS = "progress"
    """The call goes on and something of it is to be kept: choices, a rating."""
    CALLBACK_REQUESTED = "callback_requested"
    ENDED = "ended"
    ABANDONED = "abandoned"


class Fact(StrEnum):
    """Names of facts that the core understands; any other is kept as it comes."""

    PHONE_CONFIRMED = "phone_confirmed"
    """A number that the caller keyed in and heard read back."""
    PHONE_SPOKEN = "phone_spoken"
    """A number that was only heard: a suggestion until somebody confirms it."""
    TOPIC = "topic"
    """The branch of the menu."""
    CATEGORY = "category"


class Span(Struct, frozen=True, kw_only=True):
    """A stretch of a recording, in milliseconds from its first sample."""

    start_ms: int
    end_ms: int


class CallEvent(_Event, frozen=True, kw_only=True, tag="call"):
    """A moment of a telephone call; ``conversation`` is the call's id.

    Two moments of one call are told apart by their ``dedupe_key``: number the repeatable ones.
    ``facts`` are what the menu learnt (see ``Fact``), ``flow`` the version of that menu,
    ``language`` the one the caller chose. ``rating`` is the caller's satisfaction, 1 worst to 5
    best. A ``callback_number`` or ``callback_reason`` asks for a call-back with whatever moment it
    comes. ``connected`` is when, within the recording, a person was speaking with the caller: only
    then does its right channel hold words that are not the gateway's own. ``served`` tells, before
    the end does, that the caller has got something for his call: it was not missed.
    ``words_pending`` tells that somebody listens whose words follow, until a moment says False;
    ``recordings`` how many recordings a carrier brings of a call that is over.
    """

    moment: CallMoment
    reporter: ReporterHint | None = None
    recording: MediaRef | None = None
    transcript: Transcript | None = None
    digits: str = ""
    duration_ms: int | None = None
    cause: str | None = None
    transcript_missing: str | None = None
    facts: dict[str, str] = msgspec.field(default_factory=dict)
    flow: str | None = None
    language: str | None = None
    rating: Annotated[int, Meta(ge=1, le=5)] | None = None
    callback_number: str | None = None
    callback_reason: str | None = None
    connected: tuple[Span, ...] = ()
    served: bool = False
    words_pending: bool | None = None
    recordings: int | None = None


class Ignored(Struct, frozen=True, kw_only=True):
    """Something well-formed and verified that needs no storing; ``reason`` goes to the metrics."""

    reason: str


StoredEvent = InboundMessage | Receipt | ContactChange | CallEvent
Event = StoredEvent | Ignored


class Outcome(Struct, frozen=True, kw_only=True):
    """What became of a delivery once the core had done its part.

    ``accepted``: durably stored now. ``duplicate``: it had been stored before; the other fields
    are those of the first time. ``ignored``: nothing to store. ``busy``: nothing could be
    committed, the sender must come again.
    """

    status: Literal["accepted", "duplicate", "ignored", "busy"]
    draft_id: str | None = None
    receipt_no: str | None = None
    query_code: str | None = None
    conflict: bool = False


class CaseStatus(Struct, frozen=True, kw_only=True):
    """What a citizen may learn of a case with its receipt number and query code."""

    receipt_no: str
    state: str
    received_at: datetime
    updated_at: datetime
    title: str
    backend_status: str | None = None
    answers: tuple[Message, ...] = ()
