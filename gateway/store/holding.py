"""Holds a queue's claimed work: claims while there is room, keeps leases, puts back what failed."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar

from sqlalchemy import Connection

from gateway.channel.errors import StoreBusy
from gateway.domain.errors import GatewayError
from gateway.domain.ids import Clock, Ids
from gateway.store import work
from gateway.store.engine import Store
from gateway.store.times import SECOND, to_us
from gateway.store.wakeup import Wakeup
from gateway.store.work import Fenced, Work

W = TypeVar("W", bound=Work)
W_co = TypeVar("W_co", bound=Work, covariant=True)


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


class Claim(Protocol[W_co]):
    """Takes due work of a queue; ``work.claim``, or one that brings along what the work needs."""

    def __call__(
        self,
        connection: Connection,
        *,
        queue: str,
        limit: int,
        now: int,
        lease: int,
        claim_id: str,
    ) -> Sequence[W_co]:
        """Take up to ``limit`` pieces under a lease that ends at ``lease``."""


@dataclass(slots=True, kw_only=True)
class Holding(Generic[W]):
    """What this process holds of one queue.

    ``begin`` is handed what was claimed; whoever does a piece says ``done`` or ``failed`` of it.
    ``room`` tells how many more may be claimed while so many are held. ``note`` is told the name of
    anything unusual, for log and metrics.
    """

    store: Store
    queue: str
    claim: Claim[W]
    begin: Callable[[Sequence[W]], None]
    room: Callable[[int], int]
    clock: Clock
    ids: Ids
    wakeup: Wakeup
    note: Callable[..., None]
    pace: Pace
    _held: dict[int, W] = field(default_factory=dict)
    _stopping: bool = False
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Claim until ``stop``, and then wait for what is held."""
        helpers = [asyncio.create_task(self._keep_leases()), asyncio.create_task(self._listen())]
        try:
            while self._held or not self._stopping:
                # Cleared before looking: news that comes while claiming is not missed.
                self._news.clear()
                if self._stopping or not await self._claim_some():
                    await self._news.wait()
        finally:
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)

    def stop(self) -> None:
        """Claim nothing more and let ``run`` return once nothing is held."""
        self._stopping = True
        self._news.set()

    def done(self, one: W) -> None:
        """Let go of a piece: there is room again, and its lane may have gone on."""
        if self._held.get(one.seq) is one:  # and not a later claim of it
            del self._held[one.seq]
        self._news.set()

    async def failed(self, one: W, error: Exception) -> None:
        """Put a piece back, or let it go to whoever has taken it from us."""
        try:
            if isinstance(error, Fenced):
                self.note("worker.fenced", queue=self.queue, seq=one.seq)
            else:
                await self._put_back(one, error)
        finally:
            self.done(one)

    async def _listen(self) -> None:
        """Look again at every hint, and at the latest after one poll."""
        while True:
            await self.wakeup.wait(self.queue, self.pace.poll_s)
            self._news.set()

    async def _claim_some(self) -> bool:
        free = self.room(len(self._held))
        if free <= 0:
            return False
        now = to_us(self.clock.now())
        claim_id = self.ids.new()
        lease = now + round(self.pace.lease_s * SECOND)
        try:
            works = await self.store.write(
                lambda connection: self.claim(
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
        self._held.update((one.seq, one) for one in works)
        self.begin(works)
        return bool(works)

    async def _put_back(self, one: W, error: Exception) -> None:
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

    def _pause(self, one: W) -> timedelta:
        seconds = min(self.pace.first_pause_s * 2**one.attempts, self.pace.longest_pause_s)
        return timedelta(seconds=seconds)

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(self.pace.lease_s / 3)
            works = list(self._held.values())
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
