"""A post office with one planned acknowledgement over a real embedded store."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.store.opening import open_store
from tests.unit.replies.post import Post


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[Post]:
    """A draft is filed and its acknowledgement planned."""
    store = await open_store(f"sqlite:///{tmp_path}/hotline.db")
    office = Post.over(store)
    async with office.http:
        await office.plan()
        yield office
    await store.close()
