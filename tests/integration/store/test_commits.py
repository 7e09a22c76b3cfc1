"""What a store promises of any operation: durable when it returns, alone in failing, in turn."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from gateway.store.engine import Store
from gateway.store.errors import StoreDown
from gateway.store.opening import open_store

READ = "SELECT value FROM counter WHERE name = 'feed'"
SET = text("UPDATE counter SET value = :value WHERE name = 'feed'")
ADD = text("UPDATE counter SET value = value + :value WHERE name = 'feed'")


def counted(connection: Connection) -> int:
    return int(connection.exec_driver_sql(READ).scalar_one())


def add_one(connection: Connection) -> None:
    """A read and a write with room for a race between them."""
    connection.execute(SET, {"value": counted(connection) + 1})


def add_each(connection: Connection, items: Sequence[int]) -> list[int]:
    """A batch operation that refuses negative items."""
    for item in items:
        if item < 0:
            raise ValueError(f"{item} is negative")
        connection.execute(ADD, {"value": item})
    return [len(items)] * len(items)


async def test_what_was_written_is_there_after_opening_again(store_url: str) -> None:
    first = await open_store(store_url)
    await first.write(add_one)
    await first.close()
    second = await open_store(store_url)
    assert await second.read(counted) == 1
    await second.close()


async def test_an_operation_that_fails_changes_nothing_and_harms_nobody(store: Store) -> None:
    def fail(connection: Connection) -> None:
        add_one(connection)
        raise LookupError("mine")

    results = await asyncio.gather(
        *(store.write(operation, locks=["it"]) for operation in (add_one, fail, add_one)),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [type(None), LookupError, type(None)]
    assert await store.read(counted) == 2


async def test_a_statement_the_database_refuses_fails_alone(store: Store) -> None:
    def refuse(connection: Connection) -> None:
        add_one(connection)
        connection.exec_driver_sql("INSERT INTO counter (name, value) VALUES ('feed', 0)")

    with pytest.raises(DBAPIError):
        await store.write(refuse)
    await store.write(add_one)
    assert await store.read(counted) == 1


async def test_operations_with_a_lock_in_common_take_turns(stores: list[Store]) -> None:
    await asyncio.gather(*(stores[n % 4].write(add_one, locks=["it", f"{n}"]) for n in range(40)))
    assert await stores[0].read(counted) == 40


async def test_locks_taken_in_any_order_end_well(stores: list[Store]) -> None:
    """Two operations that take their names one by one the other way round: a deadlock, resolved."""
    from gateway.store.locks import lock

    def one_by_one(connection: Connection, names: Sequence[str]) -> None:
        for name in names:
            lock(connection, [name])
            add_one(connection)

    async with asyncio.timeout(30):
        await asyncio.gather(
            stores[0].write(lambda connection: one_by_one(connection, ["a", "b"]), locks=["z0"]),
            stores[1].write(lambda connection: one_by_one(connection, ["b", "a"]), locks=["z1"]),
        )


async def test_whoever_waits_for_the_same_operation_shares_its_commit(store: Store) -> None:
    sizes = await asyncio.gather(*(store.write_batched(add_each, 1) for _ in range(50)))
    assert await store.read(counted) == 50
    assert max(sizes) > 1


async def test_sqlite_commits_together_what_one_turn_of_the_loop_brings(tmp_path: Path) -> None:
    store = await open_store(f"sqlite:///{tmp_path}/hotline.db")
    shared = await asyncio.gather(*(store.write_batched(add_each, 1) for _ in range(100)))
    assert shared == [100] * 100
    assert await store.read(counted) == 100
    await store.close()


async def test_a_bad_item_fails_alone(store: Store) -> None:
    items = [1] * 20 + [-1] + [1] * 20
    results = await asyncio.gather(
        *(store.write_batched(add_each, item) for item in items), return_exceptions=True
    )
    assert [place for place, result in enumerate(results) if isinstance(result, Exception)] == [20]
    assert isinstance(results[20], ValueError)
    assert await store.read(counted) == 40


async def test_an_operation_that_answers_too_few_items_is_undone(store: Store) -> None:
    def forgetful(connection: Connection, items: Sequence[int]) -> list[int]:
        add_each(connection, items)
        return []

    with pytest.raises(ValueError, match="shorter"):
        await store.write_batched(forgetful, 1)
    assert await store.read(counted) == 0


async def test_a_caller_that_goes_away_leaves_the_store_whole(store: Store) -> None:
    started = asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(connection: Connection) -> None:
        loop.call_soon_threadsafe(started.set)
        for _ in range(200):
            connection.exec_driver_sql(READ)

    async with asyncio.timeout(30):
        tasks: list[asyncio.Task[object]] = [
            asyncio.create_task(store.write(slow)) for _ in range(5)
        ]
        tasks += [asyncio.create_task(store.write_batched(add_each, 1)) for _ in range(5)]
        await started.wait()
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert any(isinstance(result, asyncio.CancelledError) for result in results)
        for _ in range(20):  # more often than there are connections
            await store.write(slow)
        before = await store.read(counted)
        await store.write(add_one)
        assert await store.read(counted) == before + 1


async def test_closing_finishes_what_was_accepted_and_takes_nothing_more(
    store: Store, store_url: str
) -> None:
    writes = [asyncio.create_task(store.write(add_one, locks=["it"])) for _ in range(20)]
    batched = [asyncio.create_task(store.write_batched(add_each, 1)) for _ in range(20)]
    await asyncio.sleep(0)

    await store.close()

    assert await asyncio.gather(*writes) == [None] * 20
    await asyncio.gather(*batched)
    for refused in (store.write(add_one), store.write_batched(add_each, 1), store.read(counted)):
        with pytest.raises(StoreDown, match="closed"):
            await refused
    again = await open_store(store_url)
    assert await again.read(counted) >= 20
    await again.close()


async def test_a_read_sees_one_moment_of_the_database(stores: list[Store]) -> None:
    reading, written = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def look_twice(connection: Connection) -> tuple[int, int]:
        first = counted(connection)
        loop.call_soon_threadsafe(reading.set)
        for _ in range(2_000):
            connection.exec_driver_sql(READ)
            if written.is_set():
                break
        return first, counted(connection)

    async with asyncio.timeout(30):
        task = asyncio.create_task(stores[0].read(look_twice))
        await reading.wait()
        await stores[1].write(add_one)
        written.set()
        first, second = await task
    assert first == second


async def test_a_read_cannot_change_anything(store: Store) -> None:
    with pytest.raises((DBAPIError, StoreDown)):
        await store.read(add_one)
    assert await store.read(counted) == 0


async def test_a_process_that_stops_before_its_commit_has_written_nothing(store_url: str) -> None:
    class Stopped(BaseException):
        pass

    def stop(name: str) -> None:
        if name == "store.before_commit" and armed:
            raise Stopped

    armed = False
    store = await open_store(store_url, reach=stop)
    armed = True
    with pytest.raises((Stopped, StoreDown)):
        await store.write(add_one)
    armed = False
    assert await store.read(counted) == 0
    await store.write(add_one)
    assert await store.read(counted) == 1
    await store.close()


@pytest.mark.postgres
async def test_only_what_may_be_forgotten_skips_the_flush(postgres_url: str) -> None:
    store = await open_store(postgres_url)

    def level(connection: Connection) -> str:
        return str(connection.exec_driver_sql("SHOW synchronous_commit").scalar_one())

    assert await store.write(level, durable=False) == "off"
    assert [await store.write(level) for _ in range(20)] == ["on"] * 20
    await store.close()
