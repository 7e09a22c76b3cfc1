"""PostgreSQL as the store that several processes share: asyncpg, advisory locks, group commit."""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import asyncpg
from sqlalchemy import URL, Connection, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from gateway.channel.errors import StoreBusy
from gateway.domain.errors import GatewayError
from gateway.store import schema
from gateway.store.engine import WAITING_LIMIT, BatchOperation, Operation
from gateway.store.errors import StoreDown, StoreFull
from gateway.store.locks import lock as hold
from gateway.store.steps import Reach, no_step

A = TypeVar("A")
R = TypeVar("R")

GROUP_LIMIT = 256
"""Smaller than SQLite's: each item's lane is an entry in the server's lock table, which holds about
6,400 by default (max_locks_per_transaction x max_connections) for all processes together."""
_FLUSHERS = 2
_ENOUGH_FOR_ANOTHER = 64
_COMMAND_LIMIT_S = 30
_TRIES = 8
# Serialization failure and deadlock: the server has undone everything and asks for another try.
_ABORTED = frozenset({"40001", "40P01"})
# A row that a neighbour inserted just now, a plan made before a migration: worth one more look.
_STALE = frozenset({"23505", "0A000"})
# A statement that was cancelled, a lock that was not to be had in time.
_CALLED_OFF = frozenset({"57014", "55P03"})
_LOST = (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)
_SESSION = {
    "application_name": "hotline",
    # A process that is frozen or cut off in mid-transaction must not keep its lanes for ever.
    "idle_in_transaction_session_timeout": "20s",
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}


class _Waiting:
    """One item of a batch and the future that its caller awaits."""

    __slots__ = ("future", "item", "lock")

    def __init__(self, item: Any, lock: str | None, future: asyncio.Future[Any]) -> None:
        self.item = item
        self.lock = lock
        self.future = future


@dataclass(slots=True)
class _Line:
    """Those who wait for one batch operation, and how many tasks are serving them."""

    waiting: deque[_Waiting] = field(default_factory=deque)
    flushers: int = 0


class PostgresStore:
    """One pool of connections; N processes may each have a store on the same database."""

    def __init__(
        self, url: str, *, reach: Reach = no_step, pool: int = 10, group: int = GROUP_LIMIT
    ) -> None:
        self._reach = reach
        self._group = group
        self._url = _driver_url(url)
        self._engine = self._make_engine(pool, _COMMAND_LIMIT_S)
        # A read sees one moment of the database, as it does on SQLite.
        self._reading = self._engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        self._lines: dict[Any, _Line] = {}
        self._flushers: set[asyncio.Task[None]] = set()
        self._pending = 0
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._closed = False

    def _make_engine(self, pool: int, command_limit_s: float | None) -> AsyncEngine:
        return create_async_engine(
            self._url,
            pool_size=pool,
            max_overflow=0,
            pool_timeout=5,
            connect_args={
                "timeout": 5,
                "command_timeout": command_limit_s,
                "server_settings": _SESSION,
            },
        )

    async def open(self) -> None:
        """Prove that the server answers, and that its "committed" means "on disk"."""
        level = await self.read(
            lambda connection: connection.execute(text("SHOW synchronous_commit")).scalar()
        )
        if level == "off":
            raise StoreDown(
                "the PostgreSQL server says committed before it has written",
                "set synchronous_commit to on for this database",
            )

    async def write(
        self, operation: Operation[R], *, locks: Sequence[str] = (), durable: bool = True
    ) -> R:
        """Run one operation in its own transaction, again when it met a conflict."""

        def locked(connection: Connection) -> R:
            if not durable:
                connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
            hold(connection, locks)
            return operation(connection)

        with self._counted():
            return await self._transact(self._engine, locked)

    async def write_batched(
        self, operation: BatchOperation[A, R], item: A, *, lock: str | None = None
    ) -> R:
        """Run the operation together with what waits for it."""
        with self._counted():
            future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
            line = self._lines.setdefault(operation, _Line())
            line.waiting.append(_Waiting(item, lock, future))
            if (
                len(line.waiting) > line.flushers * _ENOUGH_FOR_ANOTHER
                and line.flushers < _FLUSHERS
            ):
                line.flushers += 1
                flusher = asyncio.create_task(self._flush(operation, line))
                self._flushers.add(flusher)
                flusher.add_done_callback(self._flushers.discard)
            return await future

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Count those who wait, refuse too many, and let ``close`` know when none is left."""
        if self._closed:
            raise StoreDown("the store is closed", "wait until the gateway is running")
        if self._pending >= WAITING_LIMIT:
            raise StoreBusy
        self._pending += 1
        self._quiet.clear()
        try:
            yield
        finally:
            self._pending -= 1
            if self._pending == 0:
                self._quiet.set()

    async def _flush(self, operation: BatchOperation[A, R], line: _Line) -> None:
        """Commit group after group until nothing waits for this operation.

        A long line is served by two of these, so that one group is prepared while the other is
        being written; a short one makes larger groups with one.
        """
        try:
            await asyncio.sleep(0)  # whoever else is about to ask in this turn of the loop
            while line.waiting:
                count = min(len(line.waiting), self._group)
                await self._settle(operation, [line.waiting.popleft() for _ in range(count)])
        finally:
            line.flushers -= 1
            if line.flushers == 0:
                del self._lines[operation]
                for unit in line.waiting:  # only when this task was cancelled
                    unit.future.cancel()

    async def _settle(self, operation: BatchOperation[A, R], units: list[_Waiting]) -> None:
        """Commit a group and answer its callers; halve it to find an item that spoils it."""
        names = [unit.lock for unit in units if unit.lock is not None]

        def together(connection: Connection) -> list[R]:
            hold(connection, names)
            results = operation(connection, [unit.item for unit in units])
            return [result for _, result in zip(units, results, strict=True)]

        try:
            results = await self._transact(self._engine, together)
        except asyncio.CancelledError:
            for unit in units:
                unit.future.cancel()
            raise
        except Exception as error:
            if len(units) > 1 and not isinstance(error, StoreBusy):
                middle = len(units) // 2
                await self._settle(operation, units[:middle])
                await self._settle(operation, units[middle:])
                return
            for unit in units:
                if not unit.future.done():
                    unit.future.set_exception(_own(error))
            return
        for unit, result in zip(units, results, strict=True):
            if not unit.future.done():
                unit.future.set_result(result)

    async def _transact(self, engine: AsyncEngine, operation: Operation[R]) -> R:
        """Run an operation in a transaction, again where nothing of it can have been committed."""
        tries = 0
        while True:
            tries += 1
            committing = False
            try:
                async with engine.connect() as connection:
                    async with connection.begin():
                        result = await connection.run_sync(operation)
                        self._reach("store.before_commit")
                        committing = True
                    self._reach("store.after_commit")
                    return result
            except _LOST as error:
                if not _worth_another_try(error, tries, committing=committing):
                    fault = _fault(error)
                    if fault is None:
                        raise
                    raise fault from error
            await asyncio.sleep(0.01 * tries)

    async def read(self, operation: Operation[R]) -> R:
        """Run a query in a read-only transaction."""
        if self._closed:
            raise StoreDown("the store is closed", "wait until the gateway is running")
        return await self._transact(self._reading, operation)

    async def migrate(self) -> None:
        """Bring the schema to this version; only one process does it at a time."""
        patient = self._make_engine(1, None)  # a migration may take as long as it needs

        def locked(connection: Connection) -> None:
            hold(connection, ["schema"])
            schema.upgrade(connection)

        try:
            await self._transact(patient, locked)
        finally:
            await patient.dispose()

    async def close(self) -> None:
        """Finish what was accepted and close the pool."""
        self._closed = True
        await self._quiet.wait()
        await asyncio.gather(*self._flushers, return_exceptions=True)
        with suppress(*_LOST):
            await self._engine.dispose()


def _driver_url(url: str) -> URL:
    """Return the driver's URL; libpq's ``sslmode`` is understood as in every other program."""
    try:
        parsed = make_url(url).set(drivername="postgresql+asyncpg")
    except (ArgumentError, ValueError):
        raise GatewayError(  # without the URL: it may hold a password
            "store.url is not a valid address",
            "write postgresql://user:password@host/database, special characters %-encoded",
        ) from None
    mode = parsed.query.get("sslmode")
    if mode is None:
        return parsed
    mode = mode if isinstance(mode, str) else mode[-1]  # said twice, the last one holds
    return parsed.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode})


def _worth_another_try(error: BaseException, tries: int, *, committing: bool) -> bool:
    """Tell whether nothing was committed and another try may go better."""
    code = _code(error)
    if code in _ABORTED:
        return tries < _TRIES
    if committing or tries > 1:
        return False
    return code in _STALE or (_is_away(error, code) and _had_connection(error))


def _had_connection(error: BaseException) -> bool:
    """Whether an open connection was lost (the server restarted), not a new one refused."""
    return isinstance(error, DBAPIError) and error.connection_invalidated


def _is_away(error: BaseException, code: str) -> bool:
    return (
        isinstance(error, OSError | TimeoutError | InterfaceError | asyncpg.InterfaceError)
        or (isinstance(error, DBAPIError) and error.connection_invalidated)
        or code.startswith(("08", "57P", "25P03"))
    )


def _code(error: BaseException) -> str:
    return str(getattr(getattr(error, "orig", error), "sqlstate", None) or "")


def _fault(error: BaseException) -> StoreBusy | None:
    """Return the store's own error when the server is to blame, None for an ordinary SQL error."""
    code = _code(error)
    if isinstance(error, PoolTimeout):
        return StoreBusy("every connection to the PostgreSQL server is in use")
    if code == "53100":
        return StoreFull("the PostgreSQL server's disk is full", "free some space on it")
    if code.startswith("53"):
        return StoreDown(
            "the PostgreSQL server is out of connections or memory",
            "raise max_connections or max_locks_per_transaction",
        )
    if code.startswith(("28", "3D")):
        return StoreDown(
            "the PostgreSQL server refuses this user, password or database", "check store.url"
        )
    if code in _ABORTED or code in _CALLED_OFF:
        return StoreBusy("the PostgreSQL server called the transaction off")
    if code.startswith("58"):
        return StoreDown("the PostgreSQL server's disk reports an error", "look at its log")
    if code == "25006":
        return StoreDown("the PostgreSQL server is a read-only standby", "point to the primary")
    if _is_away(error, code):
        return StoreDown("the PostgreSQL server does not answer", "check store.url and the server")
    return None


def _own(error: Exception) -> Exception:
    """A store error of the caller's own: one that is raised in many places gathers their traces."""
    if not isinstance(error, StoreBusy):
        return error
    own = type(error)(error.message, error.cure)
    own.__cause__ = error.__cause__
    return own
