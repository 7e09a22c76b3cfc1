"""Opens the store that a URL names."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.domain.errors import GatewayError
from gateway.store import schema
from gateway.store.engine import Store
from gateway.store.sqlite import SqliteStore
from gateway.store.steps import Reach, no_step
from gateway.store.wakeup import LocalWakeup, Wakeup

if TYPE_CHECKING:  # its driver is loaded only where the configuration asks for it
    from gateway.store.postgres import PostgresStore


async def open_store(url: str, *, reach: Reach = no_step, migrate: bool = False) -> Store:
    """Return an open store on ``sqlite:///FILE`` or ``postgresql://…``.

    An empty database gets its schema. One of another version is refused with ``WrongSchema``
    unless ``migrate`` is set. Raises ``StoreDown`` when the database cannot be reached.
    """
    store = _store(url, reach)
    try:
        await store.open()
        if migrate or await store.read(schema.is_empty):
            await store.migrate()
        await store.read(schema.require_current)
    except BaseException:
        await store.close()
        raise
    return store


def _store(url: str, reach: Reach) -> "SqliteStore | PostgresStore":
    if url.startswith("sqlite:///"):
        return SqliteStore(Path(url.removeprefix("sqlite:///")), reach=reach)
    if url.startswith(("postgresql://", "postgres://")):
        from gateway.store.postgres import PostgresStore

        return PostgresStore(url, reach=reach)
    raise GatewayError(
        "store.url names no database this gateway knows",
        "write sqlite:///data/hotline.db or postgresql://user:password@host/database",
    )


@asynccontextmanager
async def open_wakeup(url: str | None, note: Callable[..., None]) -> AsyncIterator[Wakeup]:
    """Yield wake-ups over the Redis at ``url``, or within this process when there is none."""
    if url is None:
        yield LocalWakeup()
        return
    from gateway.store.redis_wakeup import RedisWakeup

    wakeup = RedisWakeup(url, note)
    await wakeup.open()
    try:
        yield wakeup
    finally:
        await wakeup.close()
