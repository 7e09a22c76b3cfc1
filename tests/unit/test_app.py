"""A fault of one part does not stop the whole: workers begin again, drafts go on unsuggested."""

from dataclasses import dataclass
from typing import Any

from gateway.app import kept_running, unfailing
from gateway.domain.draft import WorkOrderDraft
from tests.integration.store.samples import draft as a_draft


@dataclass
class Stumbling:
    """Fails as often as it is told to, then ends in good order."""

    faults: int
    runs: int = 0

    async def run(self) -> None:
        self.runs += 1
        if self.runs <= self.faults:
            raise LookupError("nobody expected this")

    def stop(self) -> None:
        """Nothing to stop."""


async def test_a_worker_that_ends_by_a_fault_begins_again() -> None:
    noted: list[tuple[str, Any]] = []
    worker = Stumbling(faults=2)
    await kept_running(
        worker, note=lambda name, **values: noted.append((name, values["why"])), pause_s=0.0
    )
    assert worker.runs == 3
    assert noted == [("worker.died", "LookupError")] * 2


def test_a_draft_whose_understanding_fails_goes_on_without_suggestions() -> None:
    noted: list[tuple[str, Any]] = []

    def stumbling(draft: WorkOrderDraft) -> WorkOrderDraft:
        raise LookupError(draft.request.content)

    draft = a_draft()
    suggested = unfailing(stumbling, lambda name, **values: noted.append((name, values["why"])))(
        draft
    )
    assert suggested is draft
    assert noted == [("understanding.failed", "LookupError")]
