"""The people who can be rung: who is free, whose turn it is, who did not answer just now."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from channels.voice.config import TargetSettings
from channels.voice.people.queue import Queue
from gateway.domain.ids import Clock

_RESTS_S = 30.0
"""How long an address that was busy or did not answer is left alone by a queue."""


@dataclass(slots=True, eq=False)
class Target:
    """Somebody a flow connects callers with, under the name it uses."""

    settings: TargetSettings
    queue: Queue = field(default_factory=Queue)


class People:
    """Everybody the calls of one account can reach; shared by all of them in this process."""

    def __init__(self, targets: dict[str, TargetSettings], clock: Clock) -> None:
        self._targets = {name: Target(settings) for name, settings in targets.items()}
        self._clock = clock
        self._engaged: Counter[str] = Counter()
        self._free_since: dict[str, float] = {}
        self._resting: dict[str, float] = {}

    @property
    def anybody(self) -> bool:
        """Whether there is anybody to be reached at all."""
        return bool(self._targets)

    def target(self, name: str) -> Target | None:
        """Return a target by its name."""
        return self._targets.get(name)

    def free(self, target: Target, *, queued: bool) -> Sequence[str]:
        """Return the addresses that may be rung now, who has been free for longest first.

        For callers who wait (``queued``) an address takes one of them at a time unless its
        settings say more, and one that did not answer just now is left alone for a moment.
        """
        settings, now = target.settings, self._clock.monotonic()
        most = settings.calls_each or (1 if queued else None)
        found = [
            address
            for address in settings.ring
            if (most is None or self._engaged[address] < most)
            and not (queued and self._resting.get(address, 0.0) > now)
        ]
        return sorted(found, key=lambda one: self._free_since.get(one, 0.0))

    def take(self, addresses: Iterable[str]) -> None:
        """Note that these are being rung or spoken with."""
        self._engaged.update(addresses)

    def release(self, addresses: Iterable[str]) -> None:
        """Note that these are free again."""
        for address in addresses:
            self._engaged[address] -= 1
            if self._engaged[address] <= 0:
                del self._engaged[address]
            self._free_since[address] = self._clock.monotonic()

    def rest(self, addresses: Iterable[str]) -> None:
        """Leave addresses alone for a moment: nobody answered there."""
        until = self._clock.monotonic() + _RESTS_S
        for address in addresses:
            self._resting[address] = until

    @property
    def engaged(self) -> int:
        """How many addresses are rung or spoken with."""
        return len(self._engaged)
