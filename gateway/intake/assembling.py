"""The assembling and sealing workers: from stored events to drafts in the operators' queue."""

from dataclasses import dataclass

from gateway.channel.errors import StoreBusy
from gateway.domain.ids import Clock
from gateway.domain.lifecycle import State
from gateway.intake.casebook import Casebook
from gateway.store import drafts, inbound, work
from gateway.store.ledger import Ledger, Ledgers, draft_lock
from gateway.store.steps import Reach, no_step
from gateway.store.times import to_us
from gateway.store.work import Work

ACTOR = "gateway"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembler:
    """Applies one stored event to its draft and finishes the job in the same transaction."""

    ledgers: Ledgers
    casebook: Casebook
    reach: Reach = no_step

    async def handle(self, job: Work) -> None:
        """Do one job of the ``assemble`` queue."""

        def apply(ledger: Ledger) -> None:
            work.complete(ledger.connection, job)
            stored = inbound.load(ledger.connection, job.subject)
            self.casebook.apply(ledger, stored)

        self.reach("assembler.before_apply")
        await self.ledgers.write(ACTOR, apply, locks=(job.lane,) if job.lane else ())
        self.reach("assembler.after_apply")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealer:
    """Seals drafts whose quiet window or cap has passed; any number of processes may do so."""

    ledgers: Ledgers
    casebook: Casebook
    clock: Clock

    async def seal_due(self) -> int:
        """Seal every due draft and return how many there were.

        Raises what kept one from being sealed, once all the others have been.
        """
        now = to_us(self.clock.now())
        due = await self.ledgers.store.read(
            lambda connection: drafts.due_for_sealing(connection, now)
        )
        failed: list[Exception] = []
        for draft_id in due:
            try:
                await self._seal(draft_id, now)
            except StoreBusy:
                raise
            except Exception as error:  # one that cannot be sealed must not hold up the others
                failed.append(error)
        if failed:
            raise failed[0]
        return len(due)

    async def _seal(self, draft_id: str, now: int) -> None:
        def seal(ledger: Ledger) -> None:
            filed = drafts.get(ledger.connection, draft_id)
            due = filed.filing.seal_at
            # A message may have come since the list was made: then the window runs on.
            if filed.draft.state is State.COLLECTING and due is not None and due <= now:
                self.casebook.seal(ledger, filed)

        await self.ledgers.write(ACTOR, seal, locks=(draft_lock(draft_id),))
