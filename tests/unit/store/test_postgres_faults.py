"""What a PostgreSQL server reports of itself is told as busy or down, not as a fault of ours."""

import asyncpg
import pytest

from gateway.channel.errors import StoreBusy
from gateway.store.errors import StoreDown, StoreFull
from gateway.store.postgres import PostgresStore


class Refusing:
    """An engine whose every connection is refused with the same error."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def connect(self) -> "Refusing":
        return self

    async def __aenter__(self) -> None:
        raise self.error

    async def __aexit__(self, *_: object) -> None:
        """Nothing was opened."""


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (asyncpg.DeadlockDetectedError, StoreBusy),
        (asyncpg.SerializationError, StoreBusy),
        (asyncpg.QueryCanceledError, StoreBusy),
        (asyncpg.LockNotAvailableError, StoreBusy),
        (asyncpg.PostgresIOError, StoreDown),
        (asyncpg.DiskFullError, StoreFull),
        (asyncpg.AdminShutdownError, StoreDown),
    ],
)
async def test_a_server_in_trouble_is_told_as_such(
    error: type[asyncpg.PostgresError], told: type[StoreBusy]
) -> None:
    store = PostgresStore("postgresql://nobody@127.0.0.1:1/none")
    try:
        with pytest.raises(StoreBusy) as caught:
            await store._transact(Refusing(error("x")), lambda connection: None)  # type: ignore[arg-type]
        assert type(caught.value) is told
    finally:
        await store.close()
