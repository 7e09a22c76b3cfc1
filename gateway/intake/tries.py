"""Counts wrong tries by key, so that short codes cannot be found out by trying.

Kept in the memory of this process: N processes allow N times as many tries, which six digits bear.
"""

from collections import OrderedDict
from dataclasses import dataclass, field

from gateway.domain.ids import Clock

_MOST_KEYS = 100_000


@dataclass(slots=True, kw_only=True)
class Tries:
    """At most ``limit`` wrong tries for one key within ``window_s`` seconds of the first."""

    clock: Clock
    limit: int
    window_s: float
    most_keys: int = _MOST_KEYS
    _since: OrderedDict[str, tuple[float, int]] = field(default_factory=OrderedDict)

    def are_used_up(self, key: str) -> bool:
        """Tell whether this key must wait."""
        return self._count(key)[1] >= self.limit

    def went_wrong(self, key: str) -> None:
        """Count a wrong try; when too many keys are remembered, the oldest is forgotten."""
        since, count = self._count(key)
        self._since[key] = (since, count + 1)
        while len(self._since) > self.most_keys:
            self._since.popitem(last=False)

    def wait_s(self, key: str) -> int:
        """Return in how many seconds this key may try again."""
        since, _ = self._count(key)
        return max(1, round(since + self.window_s - self.clock.monotonic()))

    def _count(self, key: str) -> tuple[float, int]:
        now = self.clock.monotonic()
        since, count = self._since.get(key, (now, 0))
        if now - since >= self.window_s:
            self._since.pop(key, None)
            return now, 0
        return since, count
