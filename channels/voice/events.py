"""What the core is told of a call: the same facts make the same event, so telling twice is safe."""

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
)
from gateway.domain.transcript import Transcript


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


def started(call: Call, at: datetime, language: str) -> CallEvent:
    """The call was answered."""
    return CallEvent(
        contact=contact_of(call),
        entry=call.dialled,
        dedupe_key=f"{call.call_id}:started",
        occurred_at=at,
        conversation=call.call_id,
        moment=CallMoment.STARTED,
        reporter=reporter_of(call, language),
    )


def utterance(
    call: Call, number: int, segment: Segment, *, at: datetime, engine: EngineInfo, language: str
) -> InboundMessage:
    """One thing the caller said; ``number`` counts from 1 within the call."""
    return InboundMessage(
        contact=contact_of(call),
        entry=call.dialled,
        dedupe_key=f"{call.call_id}:segment:{number}",
        occurred_at=at,
        conversation=call.call_id,
        text=segment.text,
        transcript=Transcript(
            engine=engine.engine,
            model=engine.model,
            language=language,
            confidence=segment.confidence,
            segments=(segment.published(),),
        ),
        reporter=reporter_of(call, language),
        order=number,
        native_id=call.call_id,
    )


def ended(
    call: Call,
    moment: CallMoment,
    *,
    at: datetime,
    cause: str,
    digits: str,
    duration_ms: int,
    recording: StoredRecording | None,
    transcript_missing: str | None,
) -> CallEvent:
    """The call is over, and this is its recording."""
    return CallEvent(
        contact=contact_of(call),
        entry=call.dialled,
        dedupe_key=f"{call.call_id}:ended",
        occurred_at=at,
        conversation=call.call_id,
        moment=moment,
        recording=_media(call, recording) if recording else None,
        digits=digits,
        duration_ms=duration_ms,
        cause=cause,
        transcript_missing=transcript_missing,
    )


def _media(call: Call, recording: StoredRecording) -> MediaRef:
    return MediaRef(
        id=f"{call.call_id}:recording",
        kind="recording",
        media_type=recording.media_type,
        sha256=recording.sha256,
        size=recording.size,
        duration_ms=recording.duration_ms,
    )
