"""How long a provider waits for its acknowledgement, as a histogram for every account."""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_LE = (*map(floatToGoString, _BOUNDS_S), "+Inf")


class AckTimes(Collector):
    """Observes the time from a request's head to its answer, the commit included."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._accounts: dict[tuple[str, str], _Times] = {}
        registry.register(self)

    def of(self, kind: str, account: str) -> Callable[[float], None]:
        """Return what takes one account's seconds."""
        return self._accounts.setdefault((kind, account), _Times()).add

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Yield what was observed, when somebody asks for the metrics."""
        family = HistogramMetricFamily(
            "hotline_acknowledge_seconds",
            "From a provider's request to its acknowledgement",
            labels=("kind", "account"),
        )
        for labels, times in self._accounts.items():
            reached = zip(_LE, accumulate(times.counts), strict=True)
            family.add_metric(labels, list(reached), times.sum_s)
        yield family


class _Times:
    """One account's: each message is timed, and the library's histogram costs ten times this."""

    __slots__ = ("counts", "sum_s")

    def __init__(self) -> None:
        self.counts = [0] * len(_LE)
        self.sum_s = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(_BOUNDS_S, seconds)] += 1
        self.sum_s += seconds
