"""Notes: the one call by which rooms report something, turned into a log line and a counter."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from prometheus_client import CollectorRegistry, Counter

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


@dataclass(frozen=True, slots=True)
class Notes:
    """Counts and logs what rooms note by name."""

    logger: logging.Logger
    counters: Mapping[str, Counter]
    _children: dict[tuple[object, ...], Counter] = field(default_factory=dict)

    def __call__(self, name: str, *, error: BaseException | None = None, **values: object) -> None:
        """Note something; an unexpected ``error`` also tells where in the code it arose."""
        labels = COUNTED.get(name)
        if labels is not None:
            # Finding a labelled counter costs more than counting, and every message is counted.
            key = (name, *map(values.get, labels))
            counter = self._children.get(key)
            if counter is None:
                counter = self.counters[name].labels(*key[1:]) if labels else self.counters[name]
                self._children[key] = counter
            counter.inc()
        level = logging.DEBUG if name in _QUIET else logging.WARNING
        if self.logger.isEnabledFor(level):
            self.logger.log(level, name, extra={"values": values}, exc_info=error)

    def info(self, event: str, **values: object) -> None:
        """Log something expected."""
        self.logger.info(event, extra={"values": values})

    def warning(self, event: str, **values: object) -> None:
        """Log something an administrator may want to look at."""
        self.logger.warning(event, extra={"values": values})


def notes(logger: logging.Logger, registry: CollectorRegistry) -> Notes:
    """Return notes whose counters live in ``registry`` as ``hotline_<note>_total``."""
    counters = {
        name: Counter(
            "hotline_" + name.replace(".", "_"), f"How often: {name}", labels, registry=registry
        )
        for name, labels in COUNTED.items()
    }
    return Notes(logger, counters)
