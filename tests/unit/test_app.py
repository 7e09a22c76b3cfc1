"""A worker that ends by a fault begins again; one that is told to stop does not."""

from dataclasses import dataclass
from typing import Any

from gateway.app import kept_running


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
