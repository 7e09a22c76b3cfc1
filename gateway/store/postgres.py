"""PostgreSQL as the store that several processes share: asyncpg, advisory locks, group commit."""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, TypeVar

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, InterfaceError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from gateway.channel.errors import StoreBusy
from gateway.store import schema
from gateway.store.engine import BATCH_LIMIT, BatchOperation, Operation
from gateway.store.errors import StoreDown, StoreFull
from gateway.store.locks import lock as hold
from gateway.store.steps import Reach, no_step

A = TypeVar("A")
R = TypeVar("R")

WAITING_LIMIT = 20_000
_TRIES = 8
# Serialization failure, deadlock, and a duplicate key from a race that the next try will see.
_AGAIN = {"40001", "40P01"}
_NO_SPACE = {"53100", "53200", "53300"}


class _Waiting:
    """One item of a batch and the future that its caller awaits."""

    __slots__ = ("future", "item", "lock")

    def __init__(self, item: Any, lock: str | None, future: asyncio.Future[Any]) -> None:
        self.item = item
        self.lock = lock
        self.future = future


class PostgresStore:
    """One pool of connections; N processes may each have a store on the same database."""

    def __init__(
        self, url: str, *, reach: Reach = no_step, pool: int = 10, group: int = BATCH_LIMIT
    ) -> None:
        self._reach = reach
        self._group = group
        self._engine: AsyncEngine = create_async_engine(
            url.replace("postgresql://", "postgresql+asyncpg://", 1),
            pool_size=pool,
            max_overflow=0,
            pool_timeout=5,
            pool_pre_ping=False,
            connect_args={"timeout": 5, "server_settings": {"application_name": "hotline"}},
        )
        self._queues: dict[Any, deque[_Waiting]] = {}
        self._flushers: set[asyncio.Task[None]] = set()
        self._waiting = 0
        self._closed = False

    async def open(self) -> None:
        """Prove that the server answers."""
        await self.read(lambda connection: connection.execute(text("SELECT 1")))

    async def write(self, operation: Operation[R], *, locks: Sequence[str] = ()) -> R:
        """Run one operation in its own transaction, again when it met a conflict."""

        def locked(connection: Connection) -> R:
            hold(connection, locks)
            return operation(connection)

        return await self._transact(locked)

    async def write_batched(
        self, operation: BatchOperation[A, R], item: A, *, lock: str | None = None
    ) -> R:
        """Run the operation together with what waits for it."""
        if self._closed:
            raise StoreDown("the store is closed", "wait until the gateway is running")
        if self._waiting >= WAITING_LIMIT:
            raise StoreBusy
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting += 1
        waiting = self._queues.get(operation)
        if waiting is None:
            waiting = self._queues[operation] = deque()
            flusher = asyncio.create_task(self._flush(operation, waiting))
            self._flushers.add(flusher)
            flusher.add_done_callback(self._flushers.discard)
        waiting.append(_Waiting(item, lock, future))
        try:
            return await future
        finally:
            self._waiting -= 1

    async def _flush(self, operation: BatchOperation[A, R], waiting: "deque[_Waiting]") -> None:
        """Commit group after group until nothing waits for this operation."""
        await asyncio.sleep(0)
        while waiting:
            units = [waiting.popleft() for _ in range(min(len(waiting), self._group))]
            await self._settle(operation, units)
        del self._queues[operation]

    async def _settle(self, operation: BatchOperation[A, R], units: "list[_Waiting]") -> None:
        names = [unit.lock for unit in units if unit.lock is not None]

        def together(connection: Connection) -> Sequence[R]:
            hold(connection, names)
            return operation(connection, [unit.item for unit in units])

        try:
            results = await self._transact(together)
        except Exception as error:
            if len(units) > 1 and not isinstance(error, StoreDown):
                for unit in units:
                    await self._settle(operation, [unit])
                return
            for unit in units:
                if not unit.future.done():
                    unit.future.set_exception(error)
            return
        for unit, result in zip(units, results, strict=True):
            if not unit.future.done():
                unit.future.set_result(result)

    async def _transact(self, operation: Operation[R]) -> R:
        for attempt in range(_TRIES):
            try:
                async with self._engine.connect() as connection:
                    async with connection.begin():
                        result = await connection.run_sync(operation)
                        self._reach("store.before_commit")
                    self._reach("store.after_commit")
                    return result
            except (SQLAlchemyError, OSError, TimeoutError) as error:
                if _code(error) in _AGAIN and attempt < _TRIES - 1:
                    await asyncio.sleep(0.01 * (attempt + 1))
                    continue
                raise _translated(error) or error from error
        raise StoreBusy  # pragma: no cover - the loop always returns or raises

    async def read(self, operation: Operation[R]) -> R:
        """Run a query in a read-only transaction."""
        try:
            async with self._engine.connect() as connection, connection.begin():
                return await connection.run_sync(operation)
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            raise _translated(error) or error from error

    async def migrate(self) -> None:
        """Bring the schema to this version; only one process does it at a time."""
        await self.write(schema.upgrade, locks=("schema",))

    async def close(self) -> None:
        """Finish what was accepted and close the pool."""
        self._closed = True
        while self._flushers:
            await asyncio.gather(*self._flushers, return_exceptions=True)
        with suppress(SQLAlchemyError, OSError):
            await self._engine.dispose()


def _code(error: BaseException) -> str:
    origin = getattr(error, "orig", None)
    return str(getattr(origin, "sqlstate", None) or getattr(origin, "pgcode", None) or "")


def _translated(error: BaseException) -> StoreDown | None:
    """Return the store's own error when the server is away, or None for an ordinary SQL error."""
    code = _code(error)
    if code in _NO_SPACE:
        return StoreFull("the PostgreSQL server is out of space", "free some; nothing was lost")
    away = isinstance(error, OSError | TimeoutError | InterfaceError)
    away = away or (isinstance(error, DBAPIError) and error.connection_invalidated)
    if away or code.startswith(("08", "57P", "25006")) or "QueuePool" in str(error):
        return StoreDown("the PostgreSQL server does not answer", "check store.url and the server")
    return None
