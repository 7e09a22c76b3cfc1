"""Deliveries run on SQLite; the suites that ask for `any_store` run on PostgreSQL as well."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.store.engine import Store
from gateway.store.opening import open_store


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """An empty embedded store."""
    opened = await open_store(f"sqlite:///{tmp_path}/hotline.db")
    yield opened
    await opened.close()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """An empty store on each engine."""
    url = f"sqlite:///{tmp_path}/hotline.db"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_url")
    opened = await open_store(url)
    yield opened
    await opened.close()
