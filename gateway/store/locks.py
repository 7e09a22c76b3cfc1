"""Names that at most one transaction may hold; what makes lanes safe on PostgreSQL."""

from collections.abc import Iterable
from zlib import crc32

from sqlalchemy import Connection

from gateway.store.sql import Statement

_LOCK = Statement("SELECT count(pg_advisory_xact_lock(k)) FROM unnest($1::bigint[]) AS k")


def lock(connection: Connection, names: Iterable[str]) -> None:
    """Hold every name until this transaction ends.

    SQLite has one writer, so there is nothing to do. On PostgreSQL the keys are taken in one sorted
    sweep; two names that share a key merely wait for each other. What the next statement reads is
    what the previous holder committed, since READ COMMITTED gives each statement a new snapshot.
    """
    if connection.dialect.name != "postgresql":
        return
    keys = sorted({crc32(name.encode()) for name in names})
    if keys:
        _LOCK.rows(connection, keys)
