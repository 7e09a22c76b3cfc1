"""What the core is told of a call: the same facts make the same event, so telling twice is safe."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from channels.voice.leg import Call
from gateway.channel.speech import EngineInfo, Segment, StoredRecording
from gateway.domain.contact import contact, phone_of
from gateway.domain.intake import (
    CallEvent,
    CallMoment,
    InboundMessage,
    MediaRef,
    ReporterHint,
    Span,
)
from gateway.domain.transcript import Speaker, Transcript


def contact_of(call: Call) -> str:
    """Return who called; a withheld number makes each call a contact of its own."""
    if call.caller is None:
        return contact("unknown", call.call_id)
    if call.caller.startswith("+"):
        return contact("tel", call.caller)
    scheme, _, identity = call.caller.partition(":")
    return contact(scheme, identity)


def reporter_of(call: Call, language: str | None = None) -> ReporterHint:
    """Return what the network says of the caller."""
    phone = phone_of(contact_of(call))
    return ReporterHint(
        phone=phone,
        verified_by="caller_id" if phone else None,
        language=language,
        anonymous=call.caller is None,
    )


def started(
    call: Call, at: datetime, language: str, *, flow: str | None = None, stretch: str = ""
) -> CallEvent:
    """The call was answered, or taken up again: then ``stretch`` tells it from the first time."""
    return CallEvent(
        contact=contact_of(call),
        entry=call.entry,
        dedupe_key=_key(call, stretch, "started"),
        occurred_at=at,
        conversation=call.call_id,
        moment=CallMoment.STARTED,
        reporter=reporter_of(call, language),
        flow=flow,
    )


def utterance(
    call: Call,
    number: int,
    segment: Segment,
    *,
    at: datetime,
    engine: EngineInfo,
    language: str,
    speaker: Speaker = "citizen",
    stretch: str = "",
) -> InboundMessage:
    """One thing somebody said; ``number`` counts from 1 within the call, whoever spoke."""
    return InboundMessage(
        contact=contact_of(call),
        entry=call.entry,
        dedupe_key=_key(call, stretch, f"segment:{number}"),
        occurred_at=at,
        conversation=call.call_id,
        text=segment.text,
        transcript=Transcript(
            engine=engine.engine,
            model=engine.model,
            language=language,
            confidence=segment.confidence,
            segments=(segment.published(speaker),),
        ),
        reporter=reporter_of(call, language),
        order=number,
        native_id=call.call_id,
    )


def progress(
    call: Call,
    number: int,
    *,
    at: datetime,
    stretch: str = "",
    facts: Mapping[str, str] | None = None,
    language: str | None = None,
    rating: int | None = None,
    callback_number: str | None = None,
    callback_reason: str | None = None,
    recording: MediaRef | None = None,
    connected: Sequence[Span] = (),
    digits: str = "",
    duration_ms: int | None = None,
    served: bool = False,
    words_pending: bool | None = None,
    transcript_missing: str | None = None,
) -> CallEvent:
    """The call goes on, and this is to be kept; ``number`` counts from 1 within the call."""
    wanted = callback_number is not None or callback_reason is not None
    return CallEvent(
        contact=contact_of(call),
        entry=call.entry,
        dedupe_key=_key(call, stretch, f"note:{number}"),
        occurred_at=at,
        conversation=call.call_id,
        moment=CallMoment.CALLBACK_REQUESTED if wanted else CallMoment.PROGRESS,
        facts=dict(facts or {}),
        language=language,
        rating=rating,
        callback_number=callback_number,
        callback_reason=callback_reason,
        recording=recording,
        connected=tuple(connected),
        digits=digits,
        duration_ms=duration_ms,
        served=served,
        words_pending=words_pending,
        transcript_missing=transcript_missing,
    )


def ended(
    call: Call,
    moment: CallMoment,
    *,
    at: datetime,
    cause: str,
    digits: str,
    duration_ms: int,
    recording: MediaRef | None,
    transcript_missing: str | None,
    callback_number: str | None = None,
    callback_reason: str | None = None,
    connected: Sequence[Span] = (),
    stretch: str = "",
    recordings: int | None = None,
) -> CallEvent:
    """The call is over, and this is its recording."""
    return CallEvent(
        contact=contact_of(call),
        entry=call.entry,
        dedupe_key=_key(call, stretch, "ended"),
        occurred_at=at,
        conversation=call.call_id,
        moment=moment,
        recording=recording,
        digits=digits,
        duration_ms=duration_ms,
        cause=cause,
        transcript_missing=transcript_missing,
        callback_number=callback_number,
        callback_reason=callback_reason,
        connected=tuple(connected),
        recordings=recordings,
    )


def media(call: Call, number: int, recording: StoredRecording, *, stretch: str = "") -> MediaRef:
    """Return the ``number``-th recording of a call as the core knows it."""
    name = _key(call, stretch, "recording")
    return MediaRef(
        id=name if number == 1 else f"{name}:{number}",
        kind="recording",
        media_type=recording.media_type,
        sha256=recording.sha256,
        size=recording.size,
        duration_ms=recording.duration_ms,
    )


def _key(call: Call, stretch: str, what: str) -> str:
    return ":".join(filter(None, (call.call_id, stretch, what)))
