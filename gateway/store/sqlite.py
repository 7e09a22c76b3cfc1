"""SQLite as a durable store: WAL, synchronous=FULL, one writer thread with group commit.

One thread owns the only writing connection and commits whatever waits in one transaction, so a
hundred waiters share one fsync and FULL costs what NORMAL would (docs/adr/0002).
"""

import asyncio
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.pool import NullPool, QueuePool

from gateway.channel.errors import StoreBusy
from gateway.store import schema
from gateway.store.engine import BATCH_LIMIT, BatchOperation, Operation
from gateway.store.errors import StoreDown, StoreFull
from gateway.store.steps import Reach, no_step

A = TypeVar("A")
R = TypeVar("R")

WAITING_LIMIT = 20_000
_READERS = 4


class _Unit:
    """One waiting piece of work and the future that its caller awaits."""

    __slots__ = ("error", "future", "item", "operation", "result", "single")

    def __init__(
        self, operation: Callable[..., Any], item: Any, single: bool, future: asyncio.Future[Any]
    ) -> None:
        self.operation = operation
        self.item = item
        self.single = single
        self.future = future
        self.result: Any = None
        self.error: BaseException | None = None


class SqliteStore:
    """The embedded engine for one process per database file."""

    def __init__(self, path: Path, *, reach: Reach = no_step, group: int = BATCH_LIMIT) -> None:
        self._path = path
        self._reach = reach
        self._group = group
        self._queue: queue.SimpleQueue[_Unit | None] = queue.SimpleQueue()
        self._waiting = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._writer: Engine = create_engine(
            f"sqlite:///{path}", creator=self._connect, poolclass=NullPool
        ).execution_options(isolation_level="AUTOCOMMIT")
        self._reader: Engine = create_engine(
            f"sqlite:///{path}",
            creator=self._connect_reading,
            poolclass=QueuePool,
            pool_size=_READERS,
            max_overflow=0,
        ).execution_options(isolation_level="AUTOCOMMIT")
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="store-read")
        self._thread = threading.Thread(target=self._run, name="store-write", daemon=True)
        self._connection: Connection | None = None
        self._closed = False
        self._lock_file: int | None = None

    async def open(self) -> None:
        """Open the file (created when missing) and start the writer thread."""
        self._loop = asyncio.get_running_loop()
        await asyncio.to_thread(self._open)
        self._thread.start()

    def _open(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._claim_file()
            self._connection = self._writer.connect()
        except (OSError, DatabaseError, sqlite3.Error) as error:
            raise StoreDown(
                f"the database {self._path} cannot be opened: {error.__cause__ or error}",
                "check that its folder exists, is writable and on a local disk",
            ) from error

    def _claim_file(self) -> None:
        """Refuse a second process: two writers would make group commit and lanes meaningless."""
        import fcntl

        self._lock_file = os.open(
            f"{self._path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._lock_file)
            self._lock_file = None
            raise StoreDown(
                f"the database {self._path} is used by another gateway process",
                "stop that one, give this one another --data, or share a PostgreSQL store",
            ) from error

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, isolation_level=None, check_same_thread=False, cached_statements=512
        )
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "busy_timeout=5000",
            "wal_autocheckpoint=4000",
            "temp_store=MEMORY",
            "cache_size=-65536",
        ):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def _connect_reading(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        connection.execute("PRAGMA query_only=ON")
        connection.execute("PRAGMA busy_timeout=5000")
        return connection

    async def write(self, operation: Operation[R], *, locks: Sequence[str] = ()) -> R:
        """Run one operation in the next commit (there is one writer, so locks need nothing)."""
        result: R = await self._submit(operation, None, single=True)
        return result

    async def write_batched(
        self, operation: BatchOperation[A, R], item: A, *, lock: str | None = None
    ) -> R:
        """Run a batchable operation in the next commit."""
        result: R = await self._submit(operation, item, single=False)
        return result

    async def _submit(self, operation: Callable[..., Any], item: Any, *, single: bool) -> Any:
        if self._closed or self._loop is None:
            raise StoreDown("the store is closed", "wait until the gateway is running")
        if self._waiting >= WAITING_LIMIT:
            raise StoreBusy
        future: asyncio.Future[Any] = self._loop.create_future()
        self._waiting += 1
        self._queue.put(_Unit(operation, item, single, future))
        return await future

    async def read(self, operation: Operation[R]) -> R:
        """Run a query on one of the reading connections."""
        if self._loop is None:
            raise StoreDown("the store is closed", "wait until the gateway is running")
        return await self._loop.run_in_executor(self._readers, self._read, operation)

    def _read(self, operation: Operation[R]) -> R:
        try:
            with self._reader.connect() as connection:
                connection.exec_driver_sql("BEGIN")
                try:
                    return operation(connection)
                finally:
                    connection.exec_driver_sql("ROLLBACK")
        except DatabaseError as error:
            raise _translated(error, self._path) or error from error

    async def migrate(self) -> None:
        """Bring the schema to this version."""
        await self.write(schema.upgrade)

    async def close(self) -> None:
        """Commit what waits, stop the thread, let the file go."""
        if self._closed:
            return
        self._closed = True
        if self._thread.is_alive():
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)
        self._readers.shutdown(wait=True)
        self._reader.dispose()
        if self._connection is not None:
            self._connection.close()
        self._writer.dispose()
        if self._lock_file is not None:
            os.close(self._lock_file)

    def _run(self) -> None:
        last = False
        while not last:
            first = self._queue.get()
            if first is None:
                break
            batch = [first]
            while len(batch) < self._group:
                try:
                    unit = self._queue.get_nowait()
                except queue.Empty:
                    break
                if unit is None:
                    last = True
                    break
                batch.append(unit)
            self._commit(batch)

    def _commit(self, batch: list[_Unit]) -> None:
        try:
            connection = self._usable_connection()
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                self._perform(connection, batch)
                self._reach("store.before_commit")
                connection.exec_driver_sql("COMMIT")
                self._reach("store.after_commit")
            except BaseException:
                with suppress(DatabaseError):
                    connection.exec_driver_sql("ROLLBACK")
                raise
        except (DatabaseError, sqlite3.Error) as error:
            failure = _translated(error, self._path) or error
            self._forget_connection(error)
            self._fail(batch, failure)
        except BaseException as error:
            self._fail(batch, error)
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            batch[0].future.get_loop().call_soon_threadsafe(self._deliver, batch)

    @staticmethod
    def _fail(batch: list[_Unit], error: BaseException) -> None:
        for unit in batch:
            unit.result, unit.error = None, error

    def _usable_connection(self) -> Connection:
        if self._connection is None:
            self._connection = self._writer.connect()
        return self._connection

    def _forget_connection(self, error: Exception) -> None:
        """After an I/O error the state of pages in memory is unknown: start from the file again."""
        if "disk I/O" in str(error) and self._connection is not None:
            with suppress(DatabaseError, sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _perform(self, connection: Connection, batch: list[_Unit]) -> None:
        groups: dict[Any, list[_Unit]] = {}
        for unit in batch:
            key = unit if unit.single else unit.operation
            groups.setdefault(key, []).append(unit)
        for units in groups.values():
            if not self._attempt(connection, units) and len(units) > 1:
                for unit in units:
                    self._attempt(connection, [unit])

    def _attempt(self, connection: Connection, units: list[_Unit]) -> bool:
        """Run a group inside a savepoint; return whether it worked."""
        first = units[0]
        connection.exec_driver_sql("SAVEPOINT unit")
        try:
            if first.single:
                first.result = first.operation(connection)
            else:
                results = first.operation(connection, [unit.item for unit in units])
                for unit, result in zip(units, results, strict=True):
                    unit.result = result
        except Exception as error:
            if _translated(error, self._path) is not None:
                raise
            connection.exec_driver_sql("ROLLBACK TO unit")
            connection.exec_driver_sql("RELEASE unit")
            for unit in units:
                unit.error = error
            return False
        connection.exec_driver_sql("RELEASE unit")
        for unit in units:
            unit.error = None
        return True

    def _deliver(self, batch: list[_Unit]) -> None:
        self._waiting -= len(batch)
        for unit in batch:
            if unit.future.done():
                continue
            if unit.error is not None:
                unit.future.set_exception(unit.error)
            else:
                unit.future.set_result(unit.result)


def _translated(error: BaseException, path: Path) -> StoreDown | None:
    """Return the store's own error for a failing disk, or None for an ordinary SQL error."""
    if not isinstance(error, OperationalError | DatabaseError | sqlite3.Error):
        return None
    text = str(error)
    if "disk is full" in text:
        return StoreFull(f"the disk of {path} is full", "free some space; nothing was lost")
    for sign in ("disk I/O", "unable to open", "readonly", "locked", "malformed", "not a database"):
        if sign in text:
            return StoreDown(f"the database {path} cannot be written ({sign})", "check the disk")
    return None
