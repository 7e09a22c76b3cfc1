"""How long a provider waits for its acknowledgement, as a histogram for every account."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Histogram

_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class AckTimes:
    """Observes the time from a request's head to its answer, the commit included."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._histogram = Histogram(
            "hotline_acknowledge_seconds",
            "From a provider's request to its acknowledgement",
            ["kind", "account"],
            registry=registry,
            buckets=_BOUNDS_S,
        )

    def of(self, kind: str, account: str) -> Callable[[float], None]:
        """Return what takes one account's seconds; got once, as finding it by its labels costs."""
        return self._histogram.labels(kind, account).observe
