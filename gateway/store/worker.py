"""A worker: claims a queue's due work, keeps its leases alive, and never lets a failure vanish."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gateway.channel.errors import StoreBusy
from gateway.domain.errors import GatewayError
from gateway.domain.ids import Clock, Ids
from gateway.store import work
from gateway.store.engine import Store
from gateway.store.times import SECOND, to_us
from gateway.store.wakeup import Wakeup
from gateway.store.work import Fenced, Work

Handler = Callable[[Work], Awaitable[None]]
"""Does one piece of work and completes it in the same transaction as its effects."""


class Postpone(GatewayError):
    """This work cannot be done now; ``tried`` says whether that counts as an attempt."""

    def __init__(self, why: str, *, until: datetime, tried: bool = True) -> None:
        super().__init__(why, "it is tried again by itself")
        self.until = until
        self.tried = tried


class GiveUp(GatewayError):
    """This work can never be done: into the dead letters, while its lane goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How a worker works: leases and pauses in seconds, counts in pieces of work.

    ``max_claims``: how many workers may die over one piece of work before it counts as poison.
    """

    at_once: int = 8
    lease_s: float = 60.0
    max_claims: int = 10
    poll_s: float = 1.0
    max_attempts: int = 10
    first_pause_s: float = 0.5
    longest_pause_s: float = 300.0


@dataclass(slots=True)
class Worker:
    """Works on one queue until it is told to stop.

    ``room`` limits how much may be claimed right now (a paused endpoint has none). ``note`` is told
    the name of anything unusual, for log and metrics.
    """

    store: Store
    queue: str
    handle: Handler
    clock: Clock
    ids: Ids
    wakeup: Wakeup
    note: Callable[..., None]
    pace: Pace = field(default_factory=Pace)
    room: Callable[[], int] | None = None
    _busy: dict[int, Work] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _stopping: bool = False
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def in_hand(self) -> int:
        """How many pieces of work are being done right now."""
        return len(self._tasks)

    async def run(self) -> None:
        """Work until ``stop``; what is in hand then is finished first."""
        helpers = [asyncio.create_task(self._keep_leases()), asyncio.create_task(self._listen())]
        try:
            while not self._stopping:
                # Cleared before looking: news that comes while claiming is not missed.
                self._news.clear()
                if not await self._claim_some():
                    await self._news.wait()
        finally:
            await self._finish(helpers)

    def stop(self) -> None:
        """Claim nothing more and let ``run`` return once the work in hand is done."""
        self._stopping = True
        self._news.set()

    async def _finish(self, helpers: list[asyncio.Task[None]]) -> None:
        try:
            if self._tasks:
                await asyncio.wait(self._tasks)
        finally:
            for task in (*self._tasks, *helpers):
                task.cancel()
            await asyncio.gather(*self._tasks, *helpers, return_exceptions=True)

    async def _listen(self) -> None:
        """Look again at every hint, and at the latest after one poll."""
        while True:
            await self.wakeup.wait(self.queue, self.pace.poll_s)
            self._news.set()

    def _done(self, task: asyncio.Task[None]) -> None:
        """A hand is free, and the lane may have gone on to its next work."""
        self._tasks.discard(task)
        self._news.set()

    async def _claim_some(self) -> bool:
        free = self.pace.at_once - len(self._tasks)
        if self.room is not None:
            free = min(free, self.room())
        if free <= 0:
            return False
        now = to_us(self.clock.now())
        claim_id = self.ids.new()
        lease = now + round(self.pace.lease_s * SECOND)
        try:
            works = await self.store.write(
                lambda connection: work.claim(
                    connection,
                    queue=self.queue,
                    limit=free,
                    now=now,
                    lease=lease,
                    claim_id=claim_id,
                ),
                durable=False,  # a claim that is forgotten is made again
            )
        except Exception as error:  # nobody would miss a worker that ended here
            self._note_trouble(error)
            return False
        for one in works:
            self._busy[one.seq] = one
            task = asyncio.create_task(self._do(one))
            self._tasks.add(task)
            task.add_done_callback(self._done)
        return bool(works)

    async def _do(self, one: Work) -> None:
        try:
            await self.handle(one)
        except Fenced:
            self.note("worker.fenced", queue=self.queue, seq=one.seq)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            await self._put_back(one, error)
        finally:
            self._busy.pop(one.seq, None)

    async def _put_back(self, one: Work, error: Exception) -> None:
        if isinstance(error, GatewayError):
            why = error.message
        else:
            why = f"unexpected {type(error).__name__}"
        self.note("worker.failed", queue=self.queue, seq=one.seq, why=why, error=error)
        if isinstance(error, Postpone):
            due, tried = to_us(error.until), error.tried
        else:
            # That the store was away says nothing about the work, which must not be buried for it.
            tried = not isinstance(error, StoreBusy)
            due = to_us(self.clock.now() + self._pause(one))
        gone = isinstance(error, GiveUp) or (
            tried and not isinstance(error, Postpone) and one.attempts + 1 >= self.pace.max_attempts
        )
        with suppress(Fenced, StoreBusy):  # the lease will run out and bring it back
            if gone:
                await self.store.write(lambda connection: work.bury(connection, one, error=why))
            else:
                await self.store.write(
                    lambda connection: work.retry(connection, one, due=due, error=why, tried=tried)
                )

    def _pause(self, one: Work) -> timedelta:
        seconds = min(self.pace.first_pause_s * 2**one.attempts, self.pace.longest_pause_s)
        return timedelta(seconds=seconds)

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(self.pace.lease_s / 3)
            works = list(self._busy.values())
            if not works:
                continue
            lease = to_us(self.clock.now()) + round(self.pace.lease_s * SECOND)
            try:
                await self.store.write(
                    lambda connection, works=works, lease=lease: work.extend(  # type: ignore[misc]
                        connection, works, lease=lease
                    )
                )
            except Exception as error:  # the next beat may come through
                self._note_trouble(error)

    def _note_trouble(self, error: Exception) -> None:
        if isinstance(error, StoreBusy):
            self.note("worker.store_busy", queue=self.queue, why=error.message)
        else:
            why = f"unexpected {type(error).__name__}"
            self.note("worker.failed", queue=self.queue, why=why, error=error)
