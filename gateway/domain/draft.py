"""WorkOrderDraft 1.0 (工单草稿): everything the gateway knows of one case, as one document.

The types here are the single source of the published JSON Schema (see ``schema.py``). A field
that is ``None`` is left out of the JSON; the few that may be *said* to be unknown
carry :data:`NULLABLE`.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from gateway.domain.ids import ULID_PATTERN
from gateway.domain.lifecycle import State
from gateway.domain.receipt import RECEIPT_PATTERN
from gateway.domain.transcript import Transcript

SCHEMA_VERSION: Literal["1.0"] = "1.0"
E164_PATTERN = r"^\+[1-9][0-9]{6,14}$"
CHANNEL_PATTERN = r"^[a-z][a-z0-9_]{1,30}$"

NULLABLE = Meta(extra_json_schema={"x-nullable": True})

E164 = Annotated[str, Meta(pattern=E164_PATTERN, description="E.164")]
Aware = Annotated[datetime, Meta(tz=True)]
Share = Annotated[float, Meta(ge=0, le=1)]

TITLE_LIMIT = 100
CONTENT_LIMIT = 10_000
ATTACHMENT_LIMIT = 50


class Coded(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A code out of an imported list: the list (scheme), the code, its name and its path."""

    scheme: str
    code: str
    name: str | None = None
    path: tuple[str, ...] | None = None


class Unit(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A unit that may be responsible (承办单位)."""

    code: str
    name: str
    kind: Literal["street", "department", "district", "soe", "committee", "other"] | None = None


class Link(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Another draft that looks like the same matter, and why."""

    draft_id: str
    score: float
    receipt_no: str | None = None
    why: tuple[str, ...] | None = None


class ChannelDetail(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the contact came in (受理入口)."""

    account: str
    dialled_number: Annotated[
        str | None, Meta(description="the merged hotline the citizen dialled, e.g. 12319")
    ] = None
    source_hotline: str | None = None
    conversation_id: str | None = None
    native_ids: tuple[str, ...] | None = None


class Reporter(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Who asks (诉求人)."""

    kind: Literal["person", "organisation", "anonymous"]
    name: Annotated[str, Meta(max_length=50)] | None = None
    gender: Annotated[Literal["0", "1", "2", "9"] | None, Meta(description="GB/T 2261.1")] = None
    phone: E164 | None = None
    callback_phone: E164 | None = None
    email: Annotated[str, Meta(extra_json_schema={"format": "email"})] | None = None
    address: Annotated[str, Meta(max_length=200)] | None = None
    account_ids: dict[str, str] | None = None
    id_type: str | None = None
    id_no_masked: str | None = None
    verified_by: Literal["none", "caller_id", "sms_code", "platform"] | None = None
    reply_channels: tuple[str, ...] | None = None
    language: str | None = None


RequestType = Literal[
    "consultation",
    "help",
    "complaint",
    "report",
    "suggestion",
    "praise",
    "objection",
    "other",
    "unclassified",
]


class Request(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What is asked (诉求)."""

    type: RequestType
    title: Annotated[str, Meta(max_length=TITLE_LIMIT, description="may be empty while collecting")]
    content: Annotated[str, Meta(max_length=CONTENT_LIMIT)]
    content_source: Literal["citizen_text", "asr", "operator", "mixed"] | None = None
    category: Coded | None = None
    keywords: Annotated[tuple[str, ...], Meta(max_length=20)] | None = None
    object: Annotated[
        Annotated[str, Meta(max_length=100)] | None, Meta(description="涉及对象/被反映主体")
    ] = None
    enterprise_related: Annotated[bool | None, Meta(description="是否涉企")] = None
    occurred_at: Annotated[Aware | None, NULLABLE] = None
    attributes: dict[str, Any] | None = None


class Location(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Where it is (事发地点); coordinates always come with their datum."""

    address: Annotated[str, Meta(max_length=200)] | None = None
    address_id: str | None = None
    lat: Annotated[float, Meta(ge=-90, le=90)] | None = None
    long: Annotated[float, Meta(ge=-180, le=180)] | None = None
    datum: Literal["WGS84", "GCJ02", "BD09", "CGCS2000"] | None = None
    accuracy_m: Annotated[float, Meta(ge=0)] | None = None
    division: Coded | None = None
    street: Coded | None = None
    community: Coded | None = None
    source: Literal["citizen", "pin", "gazetteer", "operator", "caller_zone"] | None = None


class Priority(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How urgent (紧急程度), and which rules said so."""

    level: Literal["normal", "urgent", "critical"]
    rules: tuple[str, ...] | None = None
    set_by: Literal["rule", "operator", "citizen"] | None = None
    transferred_to: Annotated[Literal["110", "119", "120", "122"] | None, NULLABLE] = None


class Routing(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who should handle it (承办), by which rule, and what else was possible."""

    mode: Literal["direct_street", "direct_department", "district", "pool", "manual"] | None = None
    lead: Unit | None = None
    co_handlers: tuple[Unit, ...] | None = None
    rule_id: str | None = None
    reason: str | None = None
    confidence: Share | None = None
    alternatives: tuple[Unit, ...] | None = None
    disputed: bool | None = None


class Deadline(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Until when it should be handled (办理时限)."""

    working_days: float | None = None
    hours: float | None = None
    due_at: Aware | None = None
    calendar: str | None = None


class Links(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Other drafts this one belongs with (关联)."""

    repeat_of: tuple[Link, ...] | None = None
    merged_into: Annotated[str | None, NULLABLE] = None
    hot_issue: Annotated[str | None, NULLABLE] = None


class Attachment(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A stored file; its bytes are found under ``sha256``, ``size`` is in bytes."""

    id: str
    kind: Literal["recording", "image", "audio", "video", "document", "raw_message"]
    media_type: str
    size: Annotated[int, Meta(ge=0)]
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
    filename: str | None = None
    url: str | None = None
    scan: Literal["pending", "clean", "infected", "skipped"] | None = None


MessageDelivery = Literal["queued", "sent", "delivered", "read", "failed"]


class Message(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message in or out (往来)."""

    id: str
    at: Aware
    direction: Literal["in", "out"]
    text: str
    attachment_ids: tuple[str, ...] | None = None
    delivery: MessageDelivery | None = None


class Evidence(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The words a suggestion rests on, as a character range of a message or transcript segment."""

    text: str
    source: Annotated[str | None, Meta(description="message id or transcript segment index")] = None
    start: int | None = None
    end: int | None = None


class Suggestion(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A value a machine proposes for a field; it never overwrites what a person wrote."""

    field: str
    value: Any
    confidence: float
    by: str
    accepted: Annotated[bool | None, NULLABLE] = None
    status: Literal["stated", "derived", "suggested", "conflict"] | None = None
    evidence: tuple[Evidence, ...] | None = None
    alternatives: tuple[Any, ...] | None = None


class Operator(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The person who has claimed the draft."""

    id: str | None = None
    claimed_at: Aware | None = None


class Rejection(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why the case is not taken on (不予受理)."""

    code: Literal[
        "out_of_scope",
        "emergency_line",
        "judicial_or_arbitration",
        "petition_in_progress",
        "secret_or_privacy",
        "duplicate_in_progress",
        "no_substance",
        "abuse",
        "spam",
        "silent_call",
    ]
    note: str | None = None


class BackendRef(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The case in a backend (工单编号) and the status it last told us."""

    backend: str
    external_id: str
    external_url: str | None = None
    status: str | None = None
    status_at: Aware | None = None


class WorkOrderDraft(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """工单草稿: one normalized case, the document every consumer receives whole."""

    schema_version: Literal["1.0"]
    draft_id: Annotated[
        str,
        Meta(pattern=ULID_PATTERN, description="ULID; also the idempotency key of a forward"),
    ]
    receipt_no: Annotated[
        str,
        Meta(
            pattern=RECEIPT_PATTERN,
            description="受理编号/流水号: digits only, the last a check digit; told to the citizen",
        ),
    ]
    jurisdiction: Annotated[
        str,
        Meta(
            pattern=r"^[A-Za-z0-9:_-]{1,32}$",
            description="the accepting city; in China its GB/T 2260 code, e.g. 370100",
        ),
    ]
    revision: Annotated[int, Meta(ge=1)]
    state: State
    channel: Annotated[
        str,
        Meta(
            pattern=CHANNEL_PATTERN,
            description="voice sms wechat telegram email web open311 operator, or a third party's",
        ),
    ]
    received_at: Aware
    reporter: Reporter
    request: Request
    confidential: Annotated[bool, Meta(description="是否保密")]
    query_code: Annotated[
        Annotated[str, Meta(pattern=r"^[0-9]{6}$")] | None,
        Meta(
            description="提取码/查询码, stored hashed, never in the feed",
            extra_json_schema={"writeOnly": True},
        ),
    ] = None
    channel_detail: ChannelDetail | None = None
    updated_at: Aware | None = None
    public_consent: Annotated[bool | None, Meta(description="是否同意公开"), NULLABLE] = None
    follow_up_wanted: Annotated[bool | None, Meta(description="是否回访"), NULLABLE] = None
    location: Location | None = None
    priority: Priority | None = None
    routing: Routing | None = None
    deadline: Deadline | None = None
    links: Links | None = None
    transcript: Transcript | None = None
    attachments: Annotated[tuple[Attachment, ...], Meta(max_length=ATTACHMENT_LIMIT)] | None = None
    messages: tuple[Message, ...] | None = None
    suggestions: tuple[Suggestion, ...] | None = None
    operator: Operator | None = None
    rejection: Rejection | None = None
    backend_refs: tuple[BackendRef, ...] | None = None
    extra: dict[str, Any] | None = None


def encode(draft: WorkOrderDraft) -> bytes:
    """Return the draft as compact UTF-8 JSON."""
    return msgspec.json.encode(draft)


def decode(document: bytes | str) -> WorkOrderDraft:
    """Return the draft held in a JSON document; raise ``msgspec.ValidationError`` when invalid."""
    return msgspec.json.decode(document, type=WorkOrderDraft)
