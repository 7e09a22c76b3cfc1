"""Names that at most one transaction may hold; what makes lanes safe on PostgreSQL."""

from collections.abc import Iterable
from zlib import crc32

from sqlalchemy import BigInteger, Connection, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY

_LOCK = text("SELECT count(pg_advisory_xact_lock(k)) FROM unnest(:keys) AS k").bindparams(
    bindparam("keys", type_=ARRAY(BigInteger))
)


def lock(connection: Connection, names: Iterable[str]) -> None:
    """Hold every name until this transaction ends.

    SQLite has one writer, so there is nothing to do. On PostgreSQL the keys are taken in one sorted
    sweep; two names that share a key merely wait for each other.
    """
    if connection.dialect.name != "postgresql":
        return
    keys = sorted({crc32(name.encode()) for name in names})
    if keys:
        connection.execute(_LOCK, {"keys": keys})
