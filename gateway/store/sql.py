"""Statements written once as PostgreSQL text and handed to either driver with plain tuples.

For the few statements that run for every message: SQLAlchemy's per-row work would cost more than
the database's. What is rarer is written with SQLAlchemy Core.
"""

import re
from collections.abc import Sequence
from typing import Any, cast

import msgspec
from sqlalchemy import Connection, CursorResult

_ANY_OF = re.compile(r"= ANY\(\$(\d+)::\w+\[\]\)")
_EACH_OF = re.compile(r"unnest\(\$(\d+)::\w+\[\]\) AS (\w+)\(value\)")
_PLACE = re.compile(r"\$(\d+)")


class Statement:
    """One SQL statement with ``$1``, ``$2`` … for its values.

    A list as a value is a set to search or to walk through: ``= ANY($1::text[])`` and
    ``unnest($1::text[]) AS x(value)``, which become ``json_each`` on SQLite.
    """

    __slots__ = ("_postgresql", "_sqlite")

    def __init__(self, text: str) -> None:
        self._postgresql = text
        text = _ANY_OF.sub(r"IN (SELECT value FROM json_each($\1))", text)
        text = _EACH_OF.sub(r"json_each($\1) AS \2", text)
        text = text.replace(" FOR UPDATE SKIP LOCKED", "")
        self._sqlite = _PLACE.sub(r"?\1", text)

    def rows(self, connection: Connection, *values: Any) -> Sequence[tuple[Any, ...]]:
        """Execute and return what it selects or returns."""
        return cast("Sequence[tuple[Any, ...]]", self._execute(connection, values).fetchall())

    def change(self, connection: Connection, *values: Any) -> int:
        """Execute and return how many rows it changed."""
        return self._execute(connection, values).rowcount

    def change_each(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Execute once for each tuple of values (none of them a list)."""
        if rows:
            postgresql = connection.dialect.name == "postgresql"
            connection.exec_driver_sql(self._postgresql if postgresql else self._sqlite, list(rows))

    def _execute(self, connection: Connection, values: tuple[Any, ...]) -> CursorResult[Any]:
        if connection.dialect.name == "postgresql":
            return connection.exec_driver_sql(self._postgresql, values)
        plain = tuple(_as_json(value) if isinstance(value, list) else value for value in values)
        return connection.exec_driver_sql(self._sqlite, plain)


def _as_json(values: list[Any]) -> str:
    return msgspec.json.encode(values).decode()
