"""Text first, media later: files that a provider only points at are fetched after the commit.

A message's words are in their draft before its first file is asked for, so nothing about a file can
delay or lose them. What became of each file is told in the draft (see ``awaited.py``).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from gateway.channel.contract import Account
from gateway.channel.errors import Malformed, StoreBusy
from gateway.channel.file_names import safe_name
from gateway.channel.http import HttpClient
from gateway.channel.ports import Uploads
from gateway.domain.draft import Attachment
from gateway.domain.errors import GatewayError
from gateway.domain.ids import Clock
from gateway.domain.intake import InboundMessage, MediaRef
from gateway.intake.awaited import (
    EXPIRED,
    no_longer_awaited,
    refused,
    with_arrived,
    with_lost,
)
from gateway.intake.fetching import Fetched, Gone, NotNow, NotTaken, fetch
from gateway.intake.recognising import RECOGNISE, recognise_later
from gateway.store import drafts, inbound, work
from gateway.store.drafts import Filed
from gateway.store.holding import GiveUp, Postpone
from gateway.store.inbound import Inbound
from gateway.store.ledger import Ledger, Ledgers, draft_lock
from gateway.store.steps import Reach, no_step
from gateway.store.times import from_us
from gateway.store.work import Work

ACTOR = "gateway"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a file is tried, in seconds: twice as long a pause each time, up to the longest."""

    first_pause: float = 5.0
    longest_pause: float = 3 * 3600.0
    longest_wait_asked: float = 6 * 3600.0
    give_up_after: float = 3 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """One file, the message it belongs to and the work of fetching it."""

    job: Work
    stored: Inbound
    message: InboundMessage
    ref: MediaRef

    @property
    def attachment_id(self) -> str:
        """The file's id in the draft."""
        return str(self.job.payload["attachment_id"])


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFetcher:
    """Does the work of the media queue.

    ``accounts`` holds every running account by (kind, account). ``note`` is told the name of
    anything unusual, for log and metrics.
    """

    ledgers: Ledgers
    accounts: Mapping[tuple[str, str], Account]
    http: HttpClient
    uploads: Uploads
    clock: Clock
    note: Callable[..., None]
    reach: Reach = no_step
    patience: Patience = field(default_factory=Patience)

    async def handle(self, job: Work) -> None:
        """Fetch one file and attach it; raises ``Postpone`` when it is to be tried again."""
        wanted = await self._look_up(job)
        try:
            fetched = await self._fetch(wanted)
            sha256 = await self.uploads.put(fetched.content)
        except NotTaken as error:
            await self._lose(wanted, refused(error.why))
        except Gone:
            await self._lose(wanted, EXPIRED)
        except NotNow as error:
            await self._later(wanted, error, error.retry_after)
        except StoreBusy as error:
            await self._later(wanted, error, None)
        else:
            self.reach("media.before_attach")
            await self._attach(wanted, fetched, sha256)

    async def _look_up(self, job: Work) -> _Wanted:
        stored = await self.ledgers.store.read(
            lambda connection: inbound.load(connection, str(job.payload["message_id"]))
        )
        message = stored.event
        if not isinstance(message, InboundMessage):
            raise GiveUp("work for a file of no message", "remove it from the dead letters")
        ref = message.media[int(job.payload["place"])]
        return _Wanted(job=job, stored=stored, message=message, ref=ref)

    async def _fetch(self, wanted: _Wanted) -> Fetched:
        account = self.accounts.get((wanted.stored.kind, wanted.stored.account))
        if account is None or account.media is None:
            raise NotTaken("its account is not configured any more")
        try:
            call = account.media.request_for(wanted.ref)
        except Malformed as error:
            raise NotTaken("address not usable") from error
        return await fetch(self.http, call, declared=wanted.ref.media_type)

    async def _later(self, wanted: _Wanted, error: GatewayError, asked: float | None) -> None:
        job, patience = wanted.job, self.patience
        ours = min(patience.first_pause * 2 ** min(job.attempts, 30), patience.longest_pause)
        theirs = min(asked or 0.0, patience.longest_wait_asked)
        until = self.clock.now() + timedelta(seconds=max(ours, theirs))
        if until > from_us(job.created) + timedelta(seconds=patience.give_up_after):
            await self._lose(wanted, EXPIRED)
            return
        raise Postpone(error.message, until=until)

    async def _lose(self, wanted: _Wanted, state: str) -> None:
        def lose(ledger: Ledger, filed: Filed) -> None:
            after = with_lost(filed.draft, wanted.attachment_id, state)
            ledger.revise(filed, after, seal_at=filed.filing.seal_at)

        await self._settle(wanted, lose)
        self.note("media.lost", kind=wanted.stored.kind, account=wanted.stored.account, why=state)

    async def _attach(self, wanted: _Wanted, fetched: Fetched, sha256: str) -> None:
        file = _attachment(wanted, fetched, sha256)

        def attach(ledger: Ledger, filed: Filed) -> None:
            message_id, media = wanted.stored.inbound_id, wanted.message.media
            after = with_arrived(filed.draft, file, message_id, media)
            filed = ledger.revise(filed, after, seal_at=filed.filing.seal_at)
            if file.kind == "recording":
                ledger.tell("recording.ready", filed.draft, data={"attachment_id": file.id})
                if not wanted.message.text:
                    recognise_later(
                        ledger, filed.draft.draft_id, file.sha256, message_id=message_id
                    )

        await self._settle(wanted, attach)
        if file.kind == "recording":
            self.ledgers.wakeup.notify(RECOGNISE)

    async def _settle(self, wanted: _Wanted, change: Callable[[Ledger, Filed], None]) -> None:
        """Finish the work and change the draft that holds the message by now."""
        planned_for = wanted.job.subject

        def settle(ledger: Ledger) -> None:
            work.complete(ledger.connection, wanted.job)
            holds = inbound.load(ledger.connection, wanted.stored.inbound_id).draft_id
            if holds is not None and holds != planned_for:
                # The message has been split off into a case of its own, and its files follow it.
                left = drafts.get(ledger.connection, planned_for)
                after = no_longer_awaited(left.draft, wanted.attachment_id)
                ledger.revise(left, after, seal_at=left.filing.seal_at)
            change(ledger, drafts.get(ledger.connection, holds or planned_for))

        locks = {draft_lock(planned_for), draft_lock(wanted.stored.draft_id or planned_for)}
        await self.ledgers.write(ACTOR, settle, locks=sorted(locks))


def _attachment(wanted: _Wanted, fetched: Fetched, sha256: str) -> Attachment:
    ref, found = wanted.ref, fetched.type
    spoken = found.kind in ("audio", "video")
    name = ref.filename
    return Attachment(
        id=wanted.attachment_id,
        # Whether a sound file is a voice note or a film only its sender can tell.
        kind=ref.kind if spoken and ref.kind in ("recording", "audio", "video") else found.kind,
        media_type=found.media_type,
        size=len(fetched.content),
        sha256=sha256,
        filename=name and safe_name(name, int(wanted.job.payload["place"]) + 1, found.extension),
        scan="skipped",
    )
