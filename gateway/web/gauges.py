"""The gauges that are read when somebody asks: queue depths, drafts by state, free disk."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge

from gateway.channel.errors import StoreBusy
from gateway.store import arrivals, drafts
from gateway.store.engine import Store


@dataclass(frozen=True, slots=True)
class Gauges:
    """Refreshes the gauges from the store."""

    store: Store
    data: Path
    queue: Gauge
    draft: Gauge
    free: Gauge

    async def collect(self) -> None:
        """Bring every gauge up to date; a store that is away leaves them as they were."""
        self.free.set(shutil.disk_usage(self.data).free)
        try:
            depths = await self.store.read(arrivals.depths)
            states = await self.store.read(drafts.count_by_state)
        except StoreBusy:
            return
        self.queue.clear()
        for (queue, state), count in depths.items():
            self.queue.labels(queue, state).set(count)
        for state, count in states.items():
            self.draft.labels(state).set(count)


def gauges(store: Store, data: Path, registry: CollectorRegistry) -> Gauges:
    """Return the gauges, registered."""
    return Gauges(
        store=store,
        data=data,
        queue=Gauge("hotline_work", "Unfinished work", ["queue", "state"], registry=registry),
        draft=Gauge("hotline_drafts", "Drafts by state", ["state"], registry=registry),
        free=Gauge("hotline_disk_free_bytes", "Free space for data", registry=registry),
    )
