"""Statements written once as PostgreSQL text and handed to either driver with plain tuples.

For the few statements that run for every message: SQLAlchemy's per-row work would cost more than
the database's. What is rarer is written with SQLAlchemy Core.
"""

import re
from collections.abc import Sequence
from itertools import chain
from typing import Any, cast

import msgspec
from sqlalchemy import Connection, CursorResult

_ANY_OF = re.compile(r"= ANY\(\$(\d+)::\w+\[\]\)")
_EACH_OF = re.compile(r"unnest\(\$(\d+)::\w+\[\]\) AS (\w+)\(value\)")
_PLACE = re.compile(r"\$(\d+)")
_AT_ONCE = (64, 32, 16, 8, 4, 2, 1)


class Statement:
    """One SQL statement with ``$1``, ``$2`` … for its values.

    A list as a value is a set to search or to walk through: ``= ANY($1::text[])`` and
    ``unnest($1::text[]) AS x(value)``, which become ``json_each`` on SQLite.
    """

    __slots__ = ("_postgresql", "_sqlite")

    def __init__(self, text: str) -> None:
        self._postgresql = text
        self._sqlite = _for_sqlite(text)

    def rows(self, connection: Connection, *values: Any) -> Sequence[tuple[Any, ...]]:
        """Execute and return what it selects or returns."""
        return cast("Sequence[tuple[Any, ...]]", self._execute(connection, values).fetchall())

    def change(self, connection: Connection, *values: Any) -> int:
        """Execute and return how many rows it changed."""
        return self._execute(connection, values).rowcount

    def _execute(self, connection: Connection, values: tuple[Any, ...]) -> CursorResult[Any]:
        if connection.dialect.name == "postgresql":
            return connection.exec_driver_sql(self._postgresql, values)
        plain = tuple(_as_json(value) if isinstance(value, list) else value for value in values)
        return connection.exec_driver_sql(self._sqlite, plain)


class Insert:
    """An ``INSERT … VALUES (…)`` for any number of rows, written for one.

    Many rows go into one statement. That saves round trips to PostgreSQL; with SQLite each step
    lets go of the interpreter, and a busy event loop takes its time to give it back.
    """

    __slots__ = ("_postgresql", "_sqlite")

    def __init__(self, text: str) -> None:
        head, _, row = text.partition(" VALUES ")
        width = max(int(place) for place in _PLACE.findall(row))
        many = [_shifted(row, number * width) for number in range(_AT_ONCE[0])]
        self._postgresql = {count: f"{head} VALUES {', '.join(many[:count])}" for count in _AT_ONCE}
        self._sqlite = {count: _for_sqlite(sql) for count, sql in self._postgresql.items()}

    def add(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert rows, none of whose values is a list."""
        texts = self._postgresql if connection.dialect.name == "postgresql" else self._sqlite
        start = 0
        for count in _AT_ONCE:
            while len(rows) - start >= count:
                values = tuple(chain.from_iterable(rows[start : start + count]))
                connection.exec_driver_sql(texts[count], values)
                start += count


def _shifted(row: str, by: int) -> str:
    return _PLACE.sub(lambda place: f"${int(place[1]) + by}", row)


def _for_sqlite(text: str) -> str:
    text = _ANY_OF.sub(r"IN (SELECT value FROM json_each($\1))", text)
    text = _EACH_OF.sub(r"json_each($\1) AS \2", text)
    text = text.replace(" FOR UPDATE SKIP LOCKED", "")
    return _PLACE.sub(r"?\1", text)


def _as_json(values: list[Any]) -> str:
    return msgspec.json.encode(values).decode()
