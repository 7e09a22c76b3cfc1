"""After a crash: recordings that were cut off find their drafts, and get a transcript after all."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from msgspec.structs import replace

from gateway.channel.speech import StoredRecording
from gateway.domain.ids import Clock
from gateway.domain.intake import CallEvent, CallMoment, MediaRef
from gateway.domain.transcript import Transcript
from gateway.intake.inbox import Inbox, Note
from gateway.intake.recognising import RECOGNISE, recognise_lane, recognise_later
from gateway.store import drafts, work
from gateway.store.drafts import Filed
from gateway.store.ledger import Ledger, Ledgers, draft_lock
from gateway.store.work import Work

Transcribe = Callable[[str], Awaitable[Transcript | None]]
"""Transcribes a stored recording by its sha256; None when there is no recogniser."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Salvage:
    """Brings what a crash left behind into the drafts it belongs to."""

    inbox: Inbox
    clock: Clock
    forget: Callable[[str], Awaitable[None]]
    note: Note

    async def keep(self, name: str, recording: StoredRecording) -> bool:
        """End the call ``name`` with the recording that was found; False when nobody knows it."""
        ledgers = self.inbox.ledgers
        filed = await ledgers.store.read(lambda c: drafts.by_call(c, name))
        if filed is None:
            self.note("recovery.unknown_call")
            return False
        draft = filed.draft
        known = {one.sha256 for one in draft.attachments or ()}
        if recording.sha256 not in known:
            await self._end_call(filed, name, recording)
        await self.forget(name)
        return True

    async def _end_call(self, filed: Filed, name: str, recording: StoredRecording) -> None:
        now = self.clock.now()
        event = CallEvent(
            contact=filed.filing.contact,
            entry=filed.filing.entry,
            dedupe_key=f"{name}:recovered",
            conversation=name,
            occurred_at=now,
            moment=CallMoment.ENDED,
            recording=MediaRef(
                id=f"{name}-recovered",
                kind="recording",
                media_type=recording.media_type,
                sha256=recording.sha256,
                size=recording.size,
                duration_ms=recording.duration_ms,
            ),
            duration_ms=recording.duration_ms,
            cause="gateway_restarted",
        )

        def end(ledger: Ledger) -> None:
            current = drafts.get(ledger.connection, filed.draft.draft_id)
            self.inbox.casebook.end_call(ledger, current, event)
            if current.draft.transcript is None:
                recognise_later(ledger, current.draft.draft_id, recording.sha256)

        draft_id = filed.draft.draft_id
        await self.inbox.ledgers.write(
            "gateway", end, locks=(draft_lock(draft_id), recognise_lane(draft_id))
        )
        self.inbox.ledgers.wakeup.notify(RECOGNISE)
        self.note("recovery.recording_kept")


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcriber:
    """Does the jobs of the ``recognise`` queue: a recording in, a transcript on the draft."""

    ledgers: Ledgers
    transcribe: Transcribe

    async def handle(self, job: Work) -> None:
        """Transcribe one recording; the transcript becomes a revision of the draft."""
        transcript = await self.transcribe(str(job.payload["sha256"]))

        def note_it(ledger: Ledger) -> None:
            work.complete(ledger.connection, job)
            filed = drafts.get(ledger.connection, job.subject)
            if transcript is None or filed.draft.transcript is not None:
                return
            request = filed.draft.request
            if not request.content and request.content_source is None:
                request = replace(request, content=transcript.text, content_source="asr")
            after = replace(filed.draft, transcript=transcript, request=request)
            filed = ledger.revise(filed, after, seal_at=filed.filing.seal_at)
            ledger.tell("transcript.ready", filed.draft)

        await self.ledgers.write("gateway", note_it, locks=(draft_lock(job.subject),))
