"""One text of SQL reads the same to both drivers."""

import sqlite3

import pytest
from sqlalchemy import Connection, create_engine

from gateway.store.sql import Insert, Statement


@pytest.fixture
def connection() -> Connection:
    connection = create_engine("sqlite://").connect()
    connection.exec_driver_sql("CREATE TABLE t (a INTEGER, b TEXT)")
    return connection


def stored(connection: Connection) -> list[tuple[int, str]]:
    return [(a, b) for a, b in connection.exec_driver_sql("SELECT a, b FROM t ORDER BY rowid")]


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 63, 64, 65, 137, 600])
def test_any_number_of_rows_is_added_once_and_in_order(connection: Connection, count: int) -> None:
    rows = [(n, f"n{n}") for n in range(count)]
    Insert("INSERT INTO t (a, b) VALUES ($1, $2)").add(connection, rows)
    assert stored(connection) == rows


def test_what_is_there_already_may_be_passed_over_and_is_not_counted(
    connection: Connection,
) -> None:
    connection.exec_driver_sql("CREATE UNIQUE INDEX once ON t (a)")
    insert = Insert("INSERT INTO t (a, b) VALUES ($1, $2)", "ON CONFLICT (a) DO NOTHING")
    assert insert.add(connection, [(n, "first") for n in range(70)]) == 70
    assert insert.add(connection, [(n, "second") for n in range(60, 80)]) == 10
    assert stored(connection)[60:] == [(n, "first" if n < 70 else "second") for n in range(60, 80)]


def test_a_value_may_be_used_twice_in_a_row(connection: Connection) -> None:
    Insert("INSERT INTO t (a, b) VALUES ($1 + 1, $2 || $1)").add(connection, [(1, "x")] * 9)
    assert stored(connection) == [(2, "x1")] * 9


def test_a_list_is_a_set_to_search_in(connection: Connection) -> None:
    Insert("INSERT INTO t (a, b) VALUES ($1, $2)").add(connection, [(1, "x"), (2, "y'"), (3, "z")])
    among = Statement("SELECT a FROM t WHERE b = ANY($1::text[]) AND a > $2")
    assert among.rows(connection, ["x", "y'"], 1) == [(2,)]
    assert among.rows(connection, [], 0) == []


def test_a_list_is_walked_through_in_order(connection: Connection) -> None:
    each = Statement("SELECT asked.value FROM unnest($1::bigint[]) AS asked(value)")
    assert each.rows(connection, [3, 1, 2]) == [(3,), (1,), (2,)]


def test_a_change_tells_how_many_rows_it_changed(connection: Connection) -> None:
    Insert("INSERT INTO t (a, b) VALUES ($1, $2)").add(connection, [(n, "") for n in range(5)])
    assert Statement("UPDATE t SET b = $2 WHERE a < $1").change(connection, 3, "new") == 3


def test_no_statement_of_the_store_needs_more_values_than_sqlite_takes() -> None:
    limit = sqlite3.connect(":memory:").getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)
    assert limit >= 64 * 20
