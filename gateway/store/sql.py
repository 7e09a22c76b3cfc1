"""Statements written once as PostgreSQL text and handed to either driver with plain tuples.

For the few statements that run for every message: SQLAlchemy's own work would cost more than the
database's. What is rarer is written with SQLAlchemy Core.
"""

import re
import sqlite3
from collections.abc import Sequence
from itertools import chain
from typing import Any, cast

import msgspec
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

_ANY_OF = re.compile(r"= ANY\(\$(\d+)::\w+\[\]\)")
_EACH_OF = re.compile(r"unnest\(\$(\d+)::\w+\[\]\) AS (\w+)\(value\)")
_PLACE = re.compile(r"\$(\d+)")
_MOST = 64
_AT_ONCE = (_MOST, 32, 16, 8, 4, 2, 1)
_ENCODE = msgspec.json.Encoder().encode


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
        if _is_sqlite(connection):
            return _sqlite(connection, self._sqlite, _plain(values)).fetchall()
        found = connection.exec_driver_sql(self._postgresql, values)
        return cast("Sequence[tuple[Any, ...]]", found.fetchall())

    def change(self, connection: Connection, *values: Any) -> int:
        """Execute and return how many rows it changed."""
        if _is_sqlite(connection):
            return _sqlite(connection, self._sqlite, _plain(values)).rowcount
        return connection.exec_driver_sql(self._postgresql, values).rowcount


class Insert:
    """An ``INSERT … VALUES (…)`` for any number of rows, written for one; ``end`` follows them.

    Many rows go into one statement. That saves round trips to PostgreSQL; with SQLite each step
    lets go of the interpreter, and a busy event loop takes its time to give it back. PostgreSQL's
    server plans each number of rows anew, so there are few of them; SQLite gets any number.
    """

    __slots__ = ("_end", "_head", "_postgresql", "_row", "_sqlite", "_width")

    def __init__(self, text: str, end: str = "") -> None:
        head, _, row = text.partition(" VALUES ")
        self._head, self._row, self._end = head, row, end
        self._width = max(int(place) for place in _PLACE.findall(row))
        self._postgresql = {count: self._text(count) for count in _AT_ONCE}
        self._sqlite: dict[int, str] = {}

    def add(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> int:
        """Insert rows, none of whose values is a list; return how many were inserted."""
        added = 0
        if _is_sqlite(connection):
            for start in range(0, len(rows), _MOST):
                some = rows[start : start + _MOST]
                text = self._sqlite.get(len(some))
                if text is None:
                    text = self._sqlite[len(some)] = _for_sqlite(self._text(len(some)))
                added += _sqlite(connection, text, tuple(chain.from_iterable(some))).rowcount
            return added
        start = 0
        for count in _AT_ONCE:
            while len(rows) - start >= count:
                values = tuple(chain.from_iterable(rows[start : start + count]))
                added += connection.exec_driver_sql(self._postgresql[count], values).rowcount
                start += count
        return added

    def _text(self, count: int) -> str:
        rows = [_shifted(self._row, number * self._width) for number in range(count)]
        return f"{self._head} VALUES {', '.join(rows)} {self._end}".rstrip()


def _shifted(row: str, by: int) -> str:
    return _PLACE.sub(lambda place: f"${int(place[1]) + by}", row)


def _for_sqlite(text: str) -> str:
    text = _ANY_OF.sub(r"IN (SELECT value FROM json_each($\1))", text)
    text = _EACH_OF.sub(r"json_each($\1) AS \2", text)
    text = text.replace(" FOR UPDATE SKIP LOCKED", "")
    return _PLACE.sub(r"?\1", text)


def _is_sqlite(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"


def _sqlite(connection: Connection, text: str, values: tuple[Any, ...]) -> sqlite3.Cursor:
    """Execute with the driver itself, whose errors come out as SQLAlchemy's all the same."""
    driver: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment]
    try:
        return driver.execute(text, values)
    except sqlite3.Error as error:
        raise DBAPIError.instance(
            text, None, error, sqlite3.Error, hide_parameters=True, dialect=connection.dialect
        ) from error


def _plain(values: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple([_as_json(value) if type(value) is list else value for value in values])


def _as_json(values: list[Any]) -> str:
    return _ENCODE(values).decode()
