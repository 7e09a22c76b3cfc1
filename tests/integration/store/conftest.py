"""One suite for both engines: every test that asks for `store` runs on SQLite and PostgreSQL."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.store.engine import Store
from gateway.store.opening import open_store


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/hotline.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    """An open store with the current schema."""
    opened = await open_store(store_url)
    yield opened
    await opened.close()


@pytest.fixture
async def stores(store: Store, store_url: str) -> AsyncIterator[list[Store]]:
    """Stores of four processes on one PostgreSQL; of SQLite there can be only one."""
    if store_url.startswith("sqlite"):
        yield [store] * 4
        return
    more = [await open_store(store_url) for _ in range(3)]
    yield [store, *more]
    for one in more:
        await one.close()
