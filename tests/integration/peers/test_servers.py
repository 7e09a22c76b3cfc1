"""The servers that other tests stand on start, keep what they committed, and die when told to."""

import asyncpg
import pytest
import redis.asyncio

from tests.peers.postgres import running_postgres
from tests.peers.redis_server import running_redis


@pytest.mark.postgres
async def test_each_test_gets_an_empty_database(postgres_url: str) -> None:
    connection = await asyncpg.connect(postgres_url)
    try:
        tables = await connection.fetchval(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        )
        assert tables == 0
    finally:
        await connection.close()


@pytest.mark.postgres
async def test_a_killed_postgres_comes_back_with_what_was_committed() -> None:
    with running_postgres() as server:
        url = server.create_database()
        connection = await asyncpg.connect(url)
        await connection.execute("CREATE TABLE kept (n int)")
        await connection.execute("INSERT INTO kept VALUES (7)")
        server.kill()
        connection.terminate()
        with pytest.raises(OSError, match="Connect"):
            await asyncpg.connect(url)
        server.start()
        connection = await asyncpg.connect(url)
        try:
            assert await connection.fetchval("SELECT n FROM kept") == 7
        finally:
            await connection.close()


@pytest.mark.redis
async def test_a_killed_redis_comes_back_empty() -> None:
    with running_redis() as server:
        async with redis.asyncio.from_url(server.url) as client:
            await client.set("kept", "no")
        server.kill()
        server.start()
        async with redis.asyncio.from_url(server.url) as client:
            assert await client.get("kept") is None
