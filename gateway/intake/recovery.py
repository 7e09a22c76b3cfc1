"""After a crash: recordings that were cut off find their drafts, and get a transcript after all."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.channel.speech import StoredRecording
from gateway.domain.ids import Clock
from gateway.domain.intake import CallEvent, CallMoment, MediaRef
from gateway.intake.calls import RESTARTED
from gateway.intake.inbox import Inbox, Note
from gateway.intake.recognising import RECOGNISE, recognise_lane
from gateway.store import drafts
from gateway.store.drafts import Filed
from gateway.store.ledger import Ledger, draft_lock


@dataclass(frozen=True, slots=True, kw_only=True)
class Salvage:
    """Brings what a crash left behind into the drafts it belongs to."""

    inbox: Inbox
    clock: Clock
    forget: Callable[[str], Awaitable[None]]
    note: Note

    async def keep(self, name: str, recording: StoredRecording) -> bool:
        """Keep a recording that was found for the call ``name``; False when nobody knows it.

        That is the end of the call, unless the call itself may be found again.
        """
        ledgers = self.inbox.ledgers
        filed = await ledgers.store.read(lambda c: drafts.by_call(c, name))
        if filed is None:
            self.note("recovery.unknown_call")
            return False
        draft = filed.draft
        known = {one.sha256 for one in draft.attachments or ()}
        if recording.sha256 not in known:
            await self._keep(filed, name, recording)
        await self.forget(name)
        return True

    async def _keep(self, filed: Filed, name: str, recording: StoredRecording) -> None:
        now = self.clock.now()
        event = CallEvent(
            contact=filed.filing.contact,
            entry=filed.filing.entry,
            dedupe_key=f"{name}:recovered",
            conversation=name,
            occurred_at=now,
            moment=CallMoment.ENDED,
            recording=MediaRef(
                id=f"{name}-recovered-{recording.sha256[:8]}",
                kind="recording",
                media_type=recording.media_type,
                sha256=recording.sha256,
                size=recording.size,
                duration_ms=recording.duration_ms,
            ),
            duration_ms=recording.duration_ms,
            cause=RESTARTED,
            # What the caller was saying at that moment was never recognised.
            transcript_missing="the gateway was restarted during the call",
        )

        def end(ledger: Ledger) -> None:
            current = drafts.get(ledger.connection, filed.draft.draft_id)
            self.inbox.casebook.interrupt_call(ledger, current, event)

        draft_id = filed.draft.draft_id
        await self.inbox.ledgers.write(
            "gateway", end, locks=(draft_lock(draft_id), recognise_lane(draft_id))
        )
        self.inbox.ledgers.wakeup.notify(RECOGNISE)
        self.note("recovery.recording_kept")
