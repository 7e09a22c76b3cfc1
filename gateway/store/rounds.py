"""Rounds: something small that is done over and over, whatever happens, until it is stopped."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from gateway.domain.errors import GatewayError
from gateway.domain.ids import Clock
from gateway.store import work
from gateway.store.engine import Store
from gateway.store.times import SECOND, to_us
from gateway.store.wakeup import Wakeup


@dataclass(slots=True)
class Rounds:
    """Runs ``action`` every ``every_s`` seconds; a round that fails is noted and the next comes."""

    name: str
    action: Callable[[], Awaitable[object]]
    every_s: float
    note: Callable[..., None]
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Go round until ``stop``."""
        while not self._stopping.is_set():
            try:
                await self.action()
            except GatewayError as error:
                self.note("rounds.failed", what=self.name, why=error.message)
            except Exception as error:  # the next round must come whatever this one met
                self.note("rounds.failed", what=self.name, why=type(error).__name__, error=error)
            try:
                async with asyncio.timeout(self.every_s):
                    await self._stopping.wait()
            except TimeoutError:
                continue

    def stop(self) -> None:
        """Let ``run`` return."""
        self._stopping.set()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescue:
    """Takes work back from workers that stopped, so that it is done again by others.

    ``apart_s`` keeps work apart, in seconds, that has lost several workers (``work.rescue``).
    """

    store: Store
    clock: Clock
    wakeup: Wakeup
    note: Callable[..., None]
    max_claims: int
    apart_s: float = 0.0

    async def __call__(self) -> None:
        """Rescue what has lost its worker."""
        now = to_us(self.clock.now())
        apart = round(self.apart_s * SECOND)
        found = await self.store.write(
            lambda connection: work.rescue(
                connection, now=now, max_claims=self.max_claims, apart=apart
            )
        )
        for one in found:
            self.note("worker.rescued", queue=one.queue, seq=one.seq, claims=one.claims)
            self.wakeup.notify(one.queue)
