"""A siege: processes and stores are killed over and over while a supervisor brings them back."""

import asyncio
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from tests.failure.processes import GatewayProcess

INGRESS_POINTS = (
    "inbox.before_commit",
    "store.before_commit",
    "store.after_commit",
    "inbox.after_commit",
    "inbox.before_acknowledge",
)
WORKER_POINTS = (
    "assembler.before_apply",
    "delivery.after_post",
    "assembler.after_apply",
    "store.before_commit",
    "reply.before_send",
    "store.after_commit",
    "reply.after_send",
    "media.before_attach",
    "reply.after_settle",
)
POINTS = {
    "ingress": INGRESS_POINTS,
    "worker": WORKER_POINTS,
    "all": tuple(dict.fromkeys(WORKER_POINTS + INGRESS_POINTS)),
}
_RARE = ("reply.", "media.", "delivery.")
_PATIENCE_S = 40.0

Damage = Callable[[], Awaitable[None]]


@dataclass
class Siege:
    """Keeps processes alive, each armed with a named point at which it will kill itself.

    ``deaths`` counts (role, point) of every death that was not a random kill; ``fallen`` are
    processes that ended for a reason of their own, which none may.
    """

    processes: Sequence[GatewayProcess]
    chance: random.Random
    deaths: Counter[tuple[str, str]] = field(default_factory=Counter)
    fallen: list[tuple[str, int | None]] = field(default_factory=list)
    _points: dict[int, str] = field(default_factory=dict)
    _hit: set[int] = field(default_factory=set)
    _armed: bool = True

    @asynccontextmanager
    async def laid(self) -> AsyncIterator[None]:
        """Start the processes and keep them alive until left."""
        try:
            async with asyncio.TaskGroup() as group:
                guards = [group.create_task(self._guard(one)) for one in self.processes]
                yield
                for guard in guards:
                    guard.cancel()
        finally:
            for process in self.processes:
                process.kill()

    async def rage(self, rounds: int, damages: Sequence[Damage]) -> None:
        """Do one damage a round, overlapping, and go on until every named point has been met."""
        async with asyncio.TaskGroup() as group:
            for number in range(rounds):
                await asyncio.sleep(self.chance.uniform(0.1, 0.7))
                group.create_task(damages[number % len(damages)]())  # type: ignore[arg-type]
        until = time.monotonic() + _PATIENCE_S
        while self.missing() and time.monotonic() < until:
            await asyncio.sleep(0.1)

    async def lift(self) -> None:
        """Let everybody live from now on."""
        self._armed = False
        for process in self.processes:
            await self.kill(process)

    async def kill(self, process: GatewayProcess) -> None:
        """Kill a process without any warning."""
        self._hit.add(process.port)
        with suppress(OSError):  # it has just died by itself
            process.send(signal.SIGKILL)

    def missing(self) -> set[tuple[str, str]]:
        """Return the named points at which nothing has died yet."""
        return {
            (one.role, point) for one in self.processes for point in POINTS[one.role]
        } - self.deaths.keys()

    async def _guard(self, process: GatewayProcess) -> None:
        while True:
            stop_at = self._next_point(process)
            await asyncio.to_thread(process.start, stop_at)
            await _end_of(process)
            code = await asyncio.to_thread(process.bury)
            if code != -signal.SIGKILL:
                self.fallen.append((process.role, code))
            elif process.port in self._hit or stop_at is None:
                self._hit.discard(process.port)
            else:
                self.deaths[process.role, stop_at.partition(":")[0]] += 1

    def _next_point(self, process: GatewayProcess) -> str | None:
        if not self._armed:
            return None
        points = POINTS[process.role]
        left = [point for point in points if (process.role, point) in self.missing()]
        point = self.chance.choice(left or points)
        return f"{point}:{self.chance.randint(1, 3 if point.startswith(_RARE) else 25)}"


async def _end_of(process: GatewayProcess) -> None:
    if process.handle < 0:
        return
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    handle = process.handle
    loop.add_reader(handle, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(handle)
