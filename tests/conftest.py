"""What every test may ask for: a PostgreSQL database, a Redis, and the number of failure rounds."""

from collections.abc import Iterator

import pytest

from tests.peers.postgres import PostgresServer, running_postgres
from tests.peers.redis_server import RedisServer, running_redis

DEFAULT_ROUNDS = 20


def pytest_addoption(parser: pytest.Parser) -> None:
    """`make soak` asks for more rounds than `make test`."""
    parser.addoption(
        "--rounds",
        type=int,
        default=DEFAULT_ROUNDS,
        help=f"rounds of the failure harness (default {DEFAULT_ROUNDS})",
    )


@pytest.fixture(scope="session")
def rounds(request: pytest.FixtureRequest) -> int:
    """How many times the failure harness kills something."""
    return int(request.config.getoption("--rounds"))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server for the session; a test that kills it uses `running_postgres` for its own."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> str:
    """An empty database of this test's own."""
    return postgres_server.create_database()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """One server for the session."""
    with running_redis() as server:
        yield server


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """An empty Redis."""
    redis_server.flush()
    return redis_server.url
