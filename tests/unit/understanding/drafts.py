"""Drafts as the intake would have assembled them, for tests of what is read out of them."""

from datetime import UTC, datetime
from typing import Literal

from gateway.domain.draft import (
    Attachment,
    ChannelDetail,
    Message,
    Reporter,
    Request,
    WorkOrderDraft,
)
from gateway.domain.lifecycle import State
from gateway.domain.transcript import Transcript, TranscriptSegment

AT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
RECORDING = Attachment(
    id="rec", kind="recording", media_type="audio/wav", size=1, sha256="0" * 64, scan="skipped"
)


def draft(
    *texts: str,
    channel: str = "sms",
    language: str | None = "zh-CN",
    entry: str = "12345",
    phone: str | None = "+8613900139000",
    source: Literal["citizen_text", "asr", "operator", "mixed"] | None = "citizen_text",
    segments: tuple[str, ...] | None = None,
    recorded: bool = False,
) -> WorkOrderDraft:
    """Return a collecting draft with one message for each text, or a call with these segments."""
    return WorkOrderDraft(
        schema_version="1.0",
        draft_id="01JD7Z8Q4N5T6V7W8X9Y0Z1A2B",
        receipt_no="2611210000018",
        jurisdiction="370100",
        revision=1,
        state=State.COLLECTING,
        channel=channel,
        channel_detail=ChannelDetail(account="main", dialled_number=entry),
        received_at=AT,
        reporter=Reporter(kind="person", phone=phone, language=language),
        confidential=False,
        request=Request(
            type="unclassified", title="", content="\n".join(texts), content_source=source
        ),
        attachments=(RECORDING,) if recorded else None,
        messages=tuple(
            Message(id=f"m{number}", at=AT, direction="in", text=text)
            for number, text in enumerate(texts)
        )
        or None,
        transcript=None if segments is None else transcript(*segments),
    )


def transcript(*segments: str) -> Transcript:
    """Return a transcript with a greeting of ours before the citizen's segments."""
    spoken = [TranscriptSegment(speaker="system", start_ms=0, end_ms=900, text="您好，请讲。")]
    spoken += [
        TranscriptSegment(speaker="citizen", start_ms=1000 * n, end_ms=1000 * n + 900, text=text)
        for n, text in enumerate(segments, start=1)
    ]
    return Transcript(engine="scripted", language="zh", segments=tuple(spoken))
