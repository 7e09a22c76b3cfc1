"""A second process beside a running gateway: it looks, and changes only what the gateway reads.

An embedded database belongs to one gateway process (see ``sqlite.py``), yet its administrator must
be able to look at drafts and to make or end tokens meanwhile. SQLite itself keeps such short
transactions apart; what the gateway's own lock protects (lanes, group commit) is not touched here.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol, TypeVar

from sqlalchemy import create_engine
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import NullPool

from gateway.store import schema
from gateway.store.engine import Operation
from gateway.store.errors import StoreDown
from gateway.store.opening import open_store

R = TypeVar("R")


class Beside(Protocol):
    """Short transactions of an administrator."""

    async def read(self, operation: Operation[R]) -> R:
        """Run a read-only operation against the last committed state."""

    async def write(self, operation: Operation[R]) -> R:
        """Run an operation on tables that the gateway only reads."""


@asynccontextmanager
async def open_beside(url: str) -> AsyncIterator[Beside]:
    """Open the store that a URL names, whether or not a gateway is running on it.

    A database that does not exist yet is made. Raises ``WrongSchema`` and ``StoreDown``.
    """
    path = Path(url.removeprefix("sqlite:///"))
    embedded = url.startswith("sqlite:///") and await asyncio.to_thread(_has_content, path)
    if not embedded:
        store = await open_store(url)
        try:
            yield store
        finally:
            await store.close()
        return
    beside = _SqliteBeside(path)
    await beside.read(schema.require_current)
    yield beside


class _SqliteBeside:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._engine = create_engine(
            f"sqlite:///{path}", creator=self._connect, poolclass=NullPool
        ).execution_options(isolation_level="AUTOCOMMIT")

    async def read(self, operation: Operation[R]) -> R:
        return await asyncio.to_thread(self._run, operation, "BEGIN")

    async def write(self, operation: Operation[R]) -> R:
        return await asyncio.to_thread(self._run, operation, "BEGIN IMMEDIATE")

    def _run(self, operation: Operation[R], begin: str) -> R:
        try:
            with self._engine.connect() as connection:
                connection.exec_driver_sql(begin)
                try:
                    result = operation(connection)
                except BaseException:
                    connection.exec_driver_sql("ROLLBACK")
                    raise
                connection.exec_driver_sql("COMMIT")
                return result
        except (DatabaseError, sqlite3.Error) as error:
            why = getattr(error, "orig", None) or error
            raise StoreDown(
                f"the database {self._path} cannot be used: {why}",
                "check that it is a hotline database, on a local disk, and that you may write it",
            ) from error

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA busy_timeout=10000")
        connection.execute("PRAGMA synchronous=FULL")
        return connection


def _has_content(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0
