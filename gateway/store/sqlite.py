"""SQLite as a durable store: WAL, synchronous=FULL, one writer thread with group commit.

One thread owns the only writing connection and commits whatever waits in one transaction, so a
hundred waiters share one fsync and FULL costs what NORMAL would (docs/adr/0002).
"""

import asyncio
import fcntl
import os
import queue
import sqlite3
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import NullPool, QueuePool

from gateway.channel.errors import StoreBusy
from gateway.store import schema
from gateway.store.engine import BATCH_LIMIT, WAITING_LIMIT, BatchOperation, Operation
from gateway.store.errors import StoreDown, StoreFull
from gateway.store.steps import Reach, no_step

A = TypeVar("A")
R = TypeVar("R")

_READERS = 4
_SWITCH_S = 0.0005
_PATIENCE = 4
"""Turns of the event loop for which a group may wait while each of them makes it larger."""
# Primary result codes that are about the file or the machine and not about one statement; after
# most of them SQLite has already rolled back everything. https://www.sqlite.org/rescode.html
_TROUBLE = MappingProxyType(
    {
        sqlite3.SQLITE_BUSY: "another program keeps it locked",
        sqlite3.SQLITE_LOCKED: "another program keeps it locked",
        sqlite3.SQLITE_NOMEM: "no memory",
        sqlite3.SQLITE_READONLY: "it is read-only",
        sqlite3.SQLITE_INTERRUPT: "interrupted",
        sqlite3.SQLITE_IOERR: "the disk reports an error",
        sqlite3.SQLITE_CORRUPT: "it is damaged",
        sqlite3.SQLITE_FULL: "the disk is full",
        sqlite3.SQLITE_CANTOPEN: "it cannot be opened",
        sqlite3.SQLITE_PROTOCOL: "its locks do not work here",
        sqlite3.SQLITE_NOTADB: "it is not a database",
    }
)


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
        self._queue: queue.SimpleQueue[list[_Unit] | None] = queue.SimpleQueue()
        self._waiting = 0
        self._gathered: list[_Unit] = []
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
        # Each statement gives up the interpreter, and a busy loop would keep it for 5 ms each time.
        sys.setswitchinterval(min(_SWITCH_S, sys.getswitchinterval()))
        await asyncio.to_thread(self._open)
        self._thread.start()

    def _open(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._claim_file()
            # SQLite would make it readable for everybody; its log inherits what it finds here.
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._connection = self._writer.connect()
            # One reading connection from the start: a full disk has no room to open one.
            with self._reader.connect() as connection:
                connection.exec_driver_sql("SELECT count(*) FROM sqlite_master")
        except (OSError, DatabaseError, sqlite3.Error) as error:
            raise StoreDown(
                f"the database {self._path} cannot be opened: {_why(error) or error}",
                "check that its folder exists, is writable and on a local disk",
            ) from error

    def _claim_file(self) -> None:
        """Refuse a second process: two writers would make group commit and lanes meaningless."""
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
        try:
            for pragma in (
                "busy_timeout=5000",
                "synchronous=FULL",
                "wal_autocheckpoint=4000",
                "temp_store=MEMORY",
                "cache_size=-32768",
            ):
                connection.execute(f"PRAGMA {pragma}")
            (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
            if mode != "wal":
                raise sqlite3.OperationalError(f"journal mode {mode} instead of wal")
        except BaseException:
            connection.close()
            raise
        return connection

    def _connect_reading(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        connection.execute("PRAGMA busy_timeout=5000")
        connection.execute("PRAGMA query_only=ON")
        return connection

    async def write(
        self, operation: Operation[R], *, locks: Sequence[str] = (), durable: bool = True
    ) -> R:
        """Run one operation in the next commit (there is one writer, so locks need nothing)."""
        result: R = await self._submit(operation, None, single=True)
        return result

    async def write_batched(
        self, operation: BatchOperation[A, R], item: A, *, lock: str | None = None
    ) -> R:
        """Run a batchable operation in the next commit."""
        result: R = await self._submit(operation, item, single=False)
        return result

    def _submit(
        self, operation: Callable[..., Any], item: Any, *, single: bool
    ) -> asyncio.Future[Any]:
        loop = self._require_open()
        if self._waiting >= WAITING_LIMIT:
            raise StoreBusy
        future: asyncio.Future[Any] = loop.create_future()
        self._waiting += 1
        if not self._gathered:
            loop.call_soon(self._hand_over)
        self._gathered.append(_Unit(operation, item, single, future))
        return future

    def _hand_over(self, seen: int = 0, patience: int = _PATIENCE) -> None:
        """Give the thread what the loop's last turns brought: it shares a commit.

        As long as each turn brings more, the thread would only fight the loop for the interpreter.
        """
        if patience and seen < len(self._gathered) < self._group:
            loop = asyncio.get_running_loop()
            loop.call_soon(self._hand_over, len(self._gathered), patience - 1)
            return
        gathered, self._gathered = self._gathered, []
        if gathered:
            self._queue.put(gathered)

    def _require_open(self) -> asyncio.AbstractEventLoop:
        if self._closed or self._loop is None:
            raise StoreDown("the store is closed", "wait until the gateway is running")
        return self._loop

    async def read(self, operation: Operation[R]) -> R:
        """Run a query on one of the reading connections."""
        return await self._require_open().run_in_executor(self._readers, self._read, operation)

    def _read(self, operation: Operation[R]) -> R:
        try:
            with self._reader.connect() as connection:
                try:
                    connection.exec_driver_sql("BEGIN")
                    return operation(connection)
                except DatabaseError as error:
                    if _why(error):
                        connection.invalidate()  # what it holds in memory is not to be trusted
                    raise
                finally:
                    if not connection.invalidated:
                        _raw(connection).rollback()
        except (DatabaseError, sqlite3.Error) as error:
            if not _why(error):
                raise
            raise self._fault(error) from error

    async def migrate(self) -> None:
        """Bring the schema to this version."""
        await self.write(schema.upgrade)

    async def close(self) -> None:
        """Commit what waits, stop the thread, let the file go."""
        if self._closed:
            return
        self._closed = True
        if self._thread.is_alive():
            self._hand_over(patience=0)
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)
        await asyncio.to_thread(self._readers.shutdown, wait=True)
        self._reader.dispose()
        self._drop_connection()
        if self._lock_file is not None:
            os.close(self._lock_file)

    def _run(self) -> None:
        last = False
        while not last:
            first = self._queue.get()
            if first is None:
                break
            waiting = first
            while len(waiting) < self._group:
                try:
                    more = self._queue.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    last = True
                    break
                waiting += more
            for start in range(0, len(waiting), self._group):
                batch = waiting[start : start + self._group]
                self._commit(batch)
                with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                    batch[0].future.get_loop().call_soon_threadsafe(self._deliver, batch)

    def _commit(self, batch: list[_Unit]) -> None:
        """Perform a batch in one transaction; whatever goes wrong ends up in its units."""
        try:
            if self._connection is None:
                self._connection = self._writer.connect()
            connection = self._connection
            _raw(connection).execute("BEGIN IMMEDIATE")
            self._perform(connection, batch)
            self._reach("store.before_commit")
            _raw(connection).execute("COMMIT")
            self._reach("store.after_commit")
        except BaseException as error:
            self._abort(error)
            for unit in batch:
                fault = self._fault(error)  # its own for each, as each is raised somewhere else
                fault.__cause__ = error
                unit.result, unit.error = None, fault

    def _perform(self, connection: Connection, batch: list[_Unit]) -> None:
        groups: dict[Any, list[_Unit]] = {}
        for unit in batch:
            key = unit if unit.single else unit.operation
            groups.setdefault(key, []).append(unit)
        # Each statement lets go of the interpreter, so one group does without a savepoint.
        alone = len(groups) == 1
        for units in groups.values():
            if not self._attempt(connection, units, alone=alone) and len(units) > 1:
                for unit in units:
                    self._attempt(connection, [unit])

    def _attempt(self, connection: Connection, units: list[_Unit], *, alone: bool = False) -> bool:
        """Run a group and undo it when it fails; return whether it worked.

        ``alone``: nothing else has been done in the transaction.
        """
        first = units[0]
        raw = _raw(connection)
        if not alone:
            raw.execute("SAVEPOINT unit")
        try:
            if first.single:
                first.result = first.operation(connection)
            else:
                results = first.operation(connection, [unit.item for unit in units])
                for unit, result in zip(units, results, strict=True):
                    unit.result = result
        except Exception as error:
            if _why(error):
                raise
            # This fails, and with it the batch, when SQLite has rolled back everything by itself.
            if alone:
                raw.execute("ROLLBACK")
                raw.execute("BEGIN IMMEDIATE")
            else:
                raw.execute("ROLLBACK TO unit")
                raw.execute("RELEASE unit")
            for unit in units:
                unit.error = error
            return False
        if not alone:
            raw.execute("RELEASE unit")
        for unit in units:
            unit.error = None
        return True

    def _abort(self, error: BaseException) -> None:
        """Undo the transaction, and let the connection go when its state is in doubt.

        After an I/O error nobody knows which pages in memory are true: the file alone says what was
        committed. On a full disk the connection stays, since there may be no room to open another.
        """
        if self._connection is None:
            return
        try:
            _raw(self._connection).rollback()
        except sqlite3.Error:
            self._drop_connection()
        else:
            if _code(error) != sqlite3.SQLITE_FULL:
                self._drop_connection()

    def _drop_connection(self) -> None:
        if self._connection is not None:
            with suppress(DatabaseError, sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _deliver(self, batch: list[_Unit]) -> None:
        self._waiting -= len(batch)
        for unit in batch:
            if unit.future.done():
                continue
            if unit.error is None:
                unit.future.set_result(unit.result)
            elif isinstance(unit.error, StopIteration):  # which no future can carry
                unit.future.set_exception(RuntimeError("an operation raised StopIteration"))
            else:
                unit.future.set_exception(unit.error)

    def _fault(self, error: BaseException) -> StoreDown:
        """Return the store's own error for whatever kept a transaction from being committed."""
        if _code(error) == sqlite3.SQLITE_FULL:
            return StoreFull(
                f"the disk of {self._path} is full", "free some space; the gateway then goes on"
            )
        why = _why(error) or f"unexpected {type(error).__name__}"
        return StoreDown(f"the database {self._path} failed: {why}", "check the disk and its logs")


def _raw(connection: Connection) -> sqlite3.Connection:
    """The driver's connection: transactions are begun and ended here and nowhere else."""
    raw: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment]
    return raw


def _code(error: BaseException) -> int | None:
    """The primary result code of a database error, None for any other error."""
    code: int | None = getattr(getattr(error, "orig", error), "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _why(error: BaseException) -> str:
    """What is wrong with the file or the machine, or "" when the statement was to blame."""
    return _TROUBLE.get(_code(error) or 0, "")
