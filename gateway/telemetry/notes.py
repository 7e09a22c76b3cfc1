"""Notes: the one call by which rooms report something, turned into a log line and a counter."""

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

# What each note counts by. Labels take only values from a small closed set, never free text.
COUNTED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "inbox.received": ("kind", "account", "status"),
        "inbox.ignored": ("kind", "account"),
        "inbox.unverified": ("kind", "account"),
        "inbox.malformed": ("kind", "account"),
        "inbox.busy": ("kind", "account"),
        "worker.failed": ("queue",),
        "worker.fenced": ("queue",),
        "worker.store_busy": ("queue",),
        "worker.rescued": ("queue",),
        "rounds.failed": ("what",),
        "reply.settled": ("kind", "outcome"),
        "delivery.attempt": ("endpoint", "outcome"),
        "endpoint.paused": ("endpoint",),
        "endpoint.breaker": ("endpoint", "state"),
        "delivery.dead": ("endpoint",),
        "media.lost": ("kind", "account"),
        "draft.forward_failed": ("endpoint",),
        "api.answered": ("operation", "status"),
        "api.failed": ("operation",),
        "speech.failed": (),
        "speech.partial_dropped": (),
        "speech.postponed": (),
        "speech.room": ("room",),
        "speech.worker_lost": (),
    }
)
_QUIET = frozenset(
    {
        *("inbox.received", "inbox.ignored", "delivery.attempt", "worker.fenced"),
        *("reply.settled", "api.answered", "speech.partial_dropped"),
    }
)


@dataclass(frozen=True, slots=True, eq=False)
class Notes(Collector):
    """Counts and logs what rooms note by name."""

    logger: logging.Logger
    # Every message is noted, so here it is only counted; the metrics are made for who asks.
    _counts: dict[tuple[object, ...], int] = field(default_factory=lambda: defaultdict(int))

    def __call__(self, name: str, *, error: BaseException | None = None, **values: object) -> None:
        """Note something; an unexpected ``error`` also tells where in the code it arose."""
        labels = COUNTED.get(name)
        if labels is not None:
            self._counts[name, *map(values.get, labels)] += 1
        level = logging.DEBUG if name in _QUIET else logging.WARNING
        if self.logger.isEnabledFor(level):
            self.logger.log(level, name, extra={"values": values}, exc_info=error)

    def info(self, event: str, **values: object) -> None:
        """Log something expected."""
        self.logger.info(event, extra={"values": values})

    def warning(self, event: str, **values: object) -> None:
        """Log something an administrator may want to look at."""
        self.logger.warning(event, extra={"values": values})

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield each note that can be counted as ``hotline_<note>_total``."""
        families = {
            name: CounterMetricFamily(
                "hotline_" + name.replace(".", "_"), f"How often: {name}", labels=labels
            )
            for name, labels in COUNTED.items()
        }
        never = {(name,): 0 for name, labels in COUNTED.items() if not labels}
        for (name, *values), times in (never | self._counts).items():
            families[str(name)].add_metric([str(value) for value in values], times)
        yield from families.values()


def notes(logger: logging.Logger, registry: CollectorRegistry) -> Notes:
    """Return notes whose counters are read through ``registry``."""
    made = Notes(logger)
    registry.register(made)
    return made
