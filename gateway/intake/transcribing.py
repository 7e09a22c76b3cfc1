"""Does the work of the recognise queue: recordings in, a transcript and a new revision out.

What was heard live is never lost: the revision that holds it stays, and ``extra.transcripts`` names
it. Words a person has written or corrected are not touched.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from msgspec.structs import replace

from gateway.domain.draft import Request, WorkOrderDraft
from gateway.domain.intake import Fact, Span
from gateway.domain.lifecycle import State
from gateway.domain.transcript import Transcript, TranscriptSegment
from gateway.intake.assembly import (
    STILL_WRITTEN_BY_CITIZEN,
    content_of,
    continued,
    in_order,
    only_spoken,
)
from gateway.intake.calls import connected_in, with_extra, without_extra
from gateway.intake.casebook import Casebook
from gateway.intake.recognising import MISSING, recordings_in
from gateway.speech.decoding import AudioError
from gateway.store import drafts, work
from gateway.store.drafts import Filed
from gateway.store.ledger import Ledger, Ledgers, draft_lock
from gateway.store.work import Work

SECOND = 2
"""The ``pass_no`` of a transcript that was made from the recording."""


class Transcribe(Protocol):
    """Transcribes a stored recording."""

    async def __call__(
        self,
        sha256: str,
        *,
        language: str | None = None,
        entry: str | None = None,
        topic: str | None = None,
        connected: Sequence[Span] = (),
    ) -> Transcript | None:
        """Return what was said; None when there is no recogniser.

        ``language``, ``entry`` and ``topic`` are those of the call. The left channel is the
        citizen; the right one is listened to only within ``connected``, as the operator.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcriber:
    """Does the jobs of the ``recognise`` queue."""

    ledgers: Ledgers
    casebook: Casebook
    transcribe: Transcribe

    async def handle(self, job: Work) -> None:
        """Transcribe the recordings of one job; the result becomes a revision of the draft.

        A recording that cannot be read becomes one too: the draft says why it has no transcript.
        """
        draft = await self._draft(job.subject)
        wanted = _is_wanted(draft, job)
        transcript: Transcript | None = None
        why_not: str | None = None
        try:
            if wanted:
                transcript = await self._heard(draft, recordings_in(job.payload))
        except AudioError as error:  # it will be no better the next time
            why_not = error.message

        def note_it(ledger: Ledger) -> None:
            work.complete(ledger.connection, job)
            filed = drafts.get(ledger.connection, job.subject)
            if not _is_wanted(filed.draft, job):
                return
            if transcript is not None:
                after = self._with(filed.draft, transcript, job)
            elif why_not is not None:
                after = with_extra(filed.draft, **{MISSING: why_not})
            else:
                return
            revised = ledger.revise(filed, after, seal_at=filed.filing.seal_at)
            if transcript is not None and revised.draft.revision != filed.draft.revision:
                ledger.tell("transcript.ready", revised.draft)
            self.casebook.words_came(ledger, revised)

        await self.ledgers.write("gateway", note_it, locks=(draft_lock(job.subject),))

    async def _draft(self, draft_id: str) -> WorkOrderDraft:
        filed: Filed = await self.ledgers.store.read(lambda c: drafts.get(c, draft_id))
        return filed.draft

    async def _heard(self, draft: WorkOrderDraft, recordings: Sequence[str]) -> Transcript | None:
        """Return what all recordings hold, one after the other."""
        detail, extra = draft.channel_detail, draft.extra or {}
        facts = extra.get("ivr", {}).get("facts", {})
        ids = {one.sha256: one.id for one in draft.attachments or ()}
        whole: Transcript | None = None
        for sha256 in recordings:
            part = await self.transcribe(
                sha256,
                language=draft.reporter.language,
                entry=None if detail is None else detail.dialled_number,
                topic=facts.get(Fact.TOPIC),
                connected=connected_in(draft, ids.get(sha256, "")),
            )
            if part is None:
                return None
            whole = part if whole is None else _behind(whole, part)
        return whole

    def _with(self, draft: WorkOrderDraft, transcript: Transcript, job: Work) -> WorkOrderDraft:
        before = draft.request.content
        if job.payload.get("again"):
            after = listened_again(draft, transcript)
        else:
            after = first_heard(draft, transcript, job.payload.get("message_id"))
        if after.state is State.QUEUED and after.request.content != before:
            after = self.casebook.suggested(_untitled(after))
        return after


def first_heard(
    draft: WorkOrderDraft, transcript: Transcript, message_id: str | None
) -> WorkOrderDraft:
    """Return the draft with the words of a recording that had none yet."""
    words = transcript.said_by("citizen")
    after = replace(
        draft,
        transcript=continued(draft.transcript, transcript),
        messages=tuple(
            replace(one, text=words) if one.id == message_id and not one.text else one
            for one in draft.messages or ()
        )
        or None,
    )
    return replace(without_extra(after, MISSING), request=_request(after))


def listened_again(draft: WorkOrderDraft, transcript: Transcript) -> WorkOrderDraft:
    """Return the draft with a second pass's transcript in the place of what was heard live.

    A second pass without a word where there were words proves nothing: then all stays as it is.
    """
    live = draft.transcript
    said = transcript.said_by("citizen")
    if live is not None and live.said_by("citizen") and not said:
        return draft
    new = replace(transcript, pass_no=SECOND)
    if live is not None:
        new = replace(new, segments=in_order((*new.segments, *_kept(live, new))))
        noted = {
            "pass_no": live.pass_no or 1,
            "revision": draft.revision,
            "engine": live.engine,
            "model": live.model,
        }
        earlier = (draft.extra or {}).get("transcripts", [])
        draft = with_extra(draft, transcripts=[*earlier, _known(noted)])
    after = replace(without_extra(draft, MISSING), transcript=new)
    return replace(after, request=_request(after))


def _is_wanted(draft: WorkOrderDraft, job: Work) -> bool:
    """Tell whether a job still has something to find out."""
    if job.payload.get("again"):
        done = draft.transcript is not None and draft.transcript.pass_no is not None
        return not done or MISSING in (draft.extra or {})
    return "message_id" in job.payload or draft.transcript is None


def _request(draft: WorkOrderDraft) -> Request:
    """Return the request with the words as they are known now, where no person has written."""
    request = draft.request
    if draft.state not in STILL_WRITTEN_BY_CITIZEN or request.content_source == "operator":
        return request
    content = content_of(draft)
    if not content or content == request.content:
        return request
    if only_spoken(draft):
        return replace(request, content=content, content_source="asr")
    if request.content_source == "citizen_text":
        return replace(request, content=content, content_source="mixed")
    return request


def _untitled(draft: WorkOrderDraft) -> WorkOrderDraft:
    """Return the draft without a title that only a machine had thought of."""
    title = draft.request.title
    guessed = any(
        one.field == "request.title" and one.value == title and one.accepted is None
        for one in draft.suggestions or ()
    )
    if not guessed:
        return draft
    return replace(draft, request=replace(draft.request, title=""))


def _kept(live: Transcript, new: Transcript) -> list[TranscriptSegment]:
    """Return what only the live pass has: everybody but the citizen, unless heard again."""
    again = {one.speaker for one in new.segments} | {"citizen"}
    return [one for one in live.segments if one.speaker not in again]


def _behind(first: Transcript, second: Transcript) -> Transcript:
    """Return two recordings of one call as one transcript; the second begins where one ended."""
    offset = first.duration_ms or 0
    later = tuple(
        replace(
            one,
            start_ms=one.start_ms + offset,
            end_ms=one.end_ms + offset,
            words=tuple(
                replace(word, start_ms=word.start_ms + offset, end_ms=word.end_ms + offset)
                for word in one.words
            ),
        )
        for one in second.segments
    )
    return replace(
        first,
        segments=(*first.segments, *later),
        duration_ms=offset + (second.duration_ms or 0),
    )


def _known(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
