"""How an event changes a draft: pure functions from (draft, event) to the next draft."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec.structs import replace

from gateway.domain.contact import phone_of
from gateway.domain.draft import (
    ATTACHMENT_LIMIT,
    CONTENT_LIMIT,
    TITLE_LIMIT,
    Attachment,
    ChannelDetail,
    Message,
    Reporter,
    Request,
    WorkOrderDraft,
)
from gateway.domain.intake import InboundMessage, MediaRef, ReporterHint
from gateway.domain.lifecycle import State
from gateway.domain.transcript import Transcript, TranscriptSegment

STILL_WRITTEN_BY_CITIZEN = frozenset({State.COLLECTING, State.QUEUED})
"""States in which a further message also extends the request's content.

Later an operator has read (and perhaps corrected) it: then a message only joins the messages.
"""


def reporter_from(hint: ReporterHint | None, contact: str, reply_channel: str | None) -> Reporter:
    """Return who asks, from what the channel knows and nothing else."""
    hint = hint or ReporterHint()
    phone = hint.phone or phone_of(contact)
    scheme, _, identity = contact.partition(":")
    known = bool(hint.name or phone or hint.email) or scheme not in {"web", "unknown"}
    return Reporter(
        kind="anonymous" if hint.anonymous or not known else "person",
        name=hint.name,
        phone=phone,
        email=hint.email,
        account_ids=None if scheme in {"tel", "mailto", "web", "unknown"} else {scheme: identity},
        verified_by=hint.verified_by,
        reply_channels=(reply_channel,) if reply_channel else None,
        language=hint.language,
    )


def with_message(
    draft: WorkOrderDraft, message: InboundMessage, message_id: str, at: datetime
) -> WorkOrderDraft:
    """Return the draft with a citizen's message in its place by time.

    What others said in the call (an operator, the gateway) joins the transcript and nothing else.
    """
    said = words_of_citizen(message)
    if said is None:
        return replace(draft, transcript=continued(draft.transcript, message.transcript))
    if said != message.text:
        message = replace(message, text=said)
    files = [attachment for ref in message.media if (attachment := attachment_of(ref)) is not None]
    spoken = message.transcript is not None
    new = Message(
        id=message_id,
        at=at,
        direction="in",
        text=message.text,
        attachment_ids=tuple(file.id for file in files) or None,
    )
    messages = sorted((*(draft.messages or ()), new), key=lambda one: one.at)
    after = replace(
        draft,
        messages=tuple(messages),
        attachments=together(draft.attachments, files),
        transcript=continued(draft.transcript, message.transcript),
        reporter=completed(draft.reporter, message.reporter),
        location=draft.location or message.location,
        confidential=draft.confidential or bool(message.confidential),
        public_consent=_last_said(draft.public_consent, message.public_consent),
        follow_up_wanted=_last_said(draft.follow_up_wanted, message.follow_up_wanted),
        channel_detail=_with_native_id(draft, message.native_id),
    )
    return replace(after, request=_request(after, message, spoken=spoken))


def words_of_citizen(message: InboundMessage) -> str | None:
    """Return what the citizen said in a message; None when only others are heard in it."""
    segments = () if message.transcript is None else message.transcript.segments
    speakers = {one.speaker for one in segments}
    if speakers <= {"citizen"}:
        return message.text
    if "citizen" not in speakers or message.transcript is None:
        return None
    return message.transcript.said_by("citizen")


def with_edit(draft: WorkOrderDraft, message_id: str, text: str) -> WorkOrderDraft:
    """Return the draft with a message's text replaced, as its author wished."""
    messages = tuple(
        replace(one, text=text) if one.id == message_id else one for one in draft.messages or ()
    )
    after = replace(draft, messages=messages)
    return replace(after, request=replace(after.request, content=content_of(after)))


def _request(draft: WorkOrderDraft, message: InboundMessage, *, spoken: bool) -> Request:
    request = draft.request
    if draft.state not in STILL_WRITTEN_BY_CITIZEN or request.content_source == "operator":
        return request
    source = "asr" if spoken else "citizen_text"
    if request.content_source not in {None, source}:
        source = "mixed"
    request = replace(
        request,
        type=message.request_type or request.type,
        title=request.title or (message.title or "")[:TITLE_LIMIT],
        content_source=source if message.text else request.content_source,
        occurred_at=message.happened_at or request.occurred_at,
        attributes=_merged(request.attributes, message.attributes),
    )
    return replace(request, content=content_of(replace(draft, request=request)))


def content_of(draft: WorkOrderDraft) -> str:
    """Return everything the citizen said, in order; the messages keep what does not fit.

    Once a second pass has listened to a call again, its words count, and not the first ones.
    """
    texts = [one.text for one in draft.messages or () if one.direction == "in" and one.text]
    heard = draft.transcript
    if heard is not None and (not texts or (heard.pass_no and only_spoken(draft))):
        texts = [heard.said_by("citizen")]
    return "\n".join(texts)[:CONTENT_LIMIT]


def only_spoken(draft: WorkOrderDraft) -> bool:
    """Tell whether the content is nothing but recognised speech, untouched by anybody."""
    return draft.request.content_source in {None, "asr"}


def attachment_of(ref: MediaRef) -> Attachment | None:
    """Return a stored file; one that is still to be fetched joins when it has arrived."""
    if ref.sha256 is None or ref.size is None:
        return None
    return Attachment(
        id=ref.id,
        kind=ref.kind,
        media_type=ref.media_type,
        size=ref.size,
        sha256=ref.sha256,
        filename=ref.filename,
        scan="skipped",
    )


def together(
    before: Sequence[Attachment] | None, new: Iterable[Attachment]
) -> tuple[Attachment, ...] | None:
    """Return the files of a draft and new ones, each id once, as many as a draft may hold."""
    known = {one.id for one in before or ()}
    files = (*(before or ()), *(one for one in new if one.id not in known))
    return files[:ATTACHMENT_LIMIT] or None


def continued(before: Transcript | None, more: Transcript | None) -> Transcript | None:
    """Return two parts of a transcript as one, in the order in which it was said."""
    if before is None or more is None:
        return more or before
    return replace(
        before,
        segments=in_order((*before.segments, *more.segments)),
        duration_ms=more.duration_ms or before.duration_ms,
    )


def in_order(segments: Iterable[TranscriptSegment]) -> tuple[TranscriptSegment, ...]:
    """Return what several speakers said by the time at which each began.

    One speaker's own words are in order as they come, also when a second recording begins at 0.
    """
    said = tuple(segments)
    if len({one.speaker for one in said}) < 2:
        return said
    return tuple(sorted(said, key=lambda one: one.start_ms))


def completed(reporter: Reporter, hint: ReporterHint | None) -> Reporter:
    """Fill what is still unknown of the reporter; what is known stays."""
    if hint is None:
        return reporter
    return replace(
        reporter,
        name=reporter.name or hint.name,
        phone=reporter.phone or hint.phone,
        email=reporter.email or hint.email,
        language=reporter.language or hint.language,
        verified_by=reporter.verified_by or hint.verified_by,
    )


def _with_native_id(draft: WorkOrderDraft, native_id: str | None) -> ChannelDetail | None:
    detail = draft.channel_detail
    if detail is None or native_id is None or native_id in (detail.native_ids or ()):
        return detail
    return replace(detail, native_ids=(*(detail.native_ids or ()), native_id))


def _last_said(before: bool | None, now: bool | None) -> bool | None:
    return before if now is None else now


def _merged(
    before: dict[str, object] | None, more: dict[str, object] | None
) -> dict[str, object] | None:
    return {**(before or {}), **(more or {})} or None
