"""The store's one door: operations go in as plain functions over a SQL connection.

An operation is written once with SQLAlchemy Core and runs unchanged on both engines: in SQLite's
writer thread, or inside asyncpg through ``run_sync``. It must do nothing but SQL, since it may be
run again after a conflict.
"""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from sqlalchemy import Connection

A = TypeVar("A")
R = TypeVar("R")

Operation = Callable[[Connection], R]
BatchOperation = Callable[[Connection, Sequence[A]], Sequence[R]]

BATCH_LIMIT = 512
"""The most units of work that share one commit."""

WAITING_LIMIT = 20_000
"""The most callers that may wait for a commit; the next one hears ``StoreBusy``."""


class Store(Protocol):
    """A durable SQL store; a write is on disk when it returns."""

    async def write(
        self, operation: Operation[R], *, locks: Sequence[str] = (), durable: bool = True
    ) -> R:
        """Run one operation in a transaction and return its result once that is durable.

        ``locks`` names what the operation is about (a lane, a draft): operations that share a name
        never overlap, on any process. Raises what the operation raises, ``StoreBusy`` when too much
        is waiting, ``StoreDown`` or ``StoreFull`` when it was not, or not provably, committed: a
        connection can break while the answer to COMMIT is under way. So is the outcome unknown to a
        caller that is cancelled.

        ``durable=False`` is for what may be forgotten when the database's machine stops (a lease),
        and lets an engine answer before it is on disk.
        """

    async def write_batched(
        self, operation: BatchOperation[A, R], item: A, *, lock: str | None = None
    ) -> R:
        """Run ``operation`` on this item together with whatever else waits for the same operation.

        The group shares one commit (no time is waited to fill it). When a group fails, smaller ones
        are tried down to single items, so a bad item never fails its neighbours.
        """

    async def read(self, operation: Operation[R]) -> R:
        """Run a read-only operation against the last committed state."""

    async def migrate(self) -> None:
        """Bring the schema to this version; raises ``WrongSchema`` when it is from a newer one."""

    async def close(self) -> None:
        """Finish what was accepted and close every connection."""
