"""What the failure tests share: the nursery, stores to kill, and the lines of the summary."""

from collections.abc import Callable, Iterator

import pytest

from tests.failure.nursery import Nursery
from tests.peers.postgres import PostgresServer, running_postgres
from tests.peers.redis_server import RedisServer, running_redis

_LINES = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Where gateway processes come from."""
    one = Nursery()
    yield one
    one.close()


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A server of this test's own, since it is going to be killed."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A Redis of this test's own."""
    with running_redis() as server:
        yield server


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Show a line at the end of the run."""
    lines = request.config.stash.setdefault(_LINES, [])
    return lambda line: lines.append(f"{request.node.name}: {line}")


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print what the harness counted."""
    lines = config.stash.get(_LINES, [])
    if lines:
        terminalreporter.section("nothing lost")
        for line in lines:
            terminalreporter.write_line(line)
