"""Kill anything at any moment: what was acknowledged arrives, once, in order."""

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.failure.processes import GatewayProcess, gateways
from tests.failure.record import Findings
from tests.failure.scene import Scene, in_thread, scene
from tests.peers.ports import free_port
from tests.peers.postgres import PostgresServer, running_postgres
from tests.peers.redis_server import RedisServer, running_redis

CITIZENS = 16
POINTS = (
    "inbox.before_commit",
    "store.before_commit",
    "store.after_commit",
    "inbox.after_commit",
    "inbox.before_acknowledge",
    "assembler.before_apply",
    "assembler.after_apply",
    "delivery.after_post",
    "reply.before_send",
    "reply.after_settle",
)
WORKER_POINTS = tuple(point for point in POINTS if not point.startswith("inbox."))
INGRESS_POINTS = tuple(point for point in POINTS if point.startswith(("inbox.", "store.")))


async def test_sqlite_survives_being_killed_at_random_and_at_every_named_point(
    tmp_path: Path, rounds: int
) -> None:
    chance = random.Random(1)
    port = free_port()
    async with scene(
        tmp_path, f"sqlite:///{tmp_path}/hotline.db", ports=[port], redis_url=None, seed=1
    ) as stage:
        gateway = GatewayProcess(stage.config, tmp_path, port)
        with gateways(gateway):
            town = asyncio.create_task(stage.town.live(CITIZENS))
            for number in range(rounds):
                if number % 2:
                    await asyncio.sleep(chance.uniform(0.05, 0.8))
                    await in_thread(gateway.kill)
                else:
                    point = POINTS[number // 2 % len(POINTS)]
                    await restart_to_die_at(gateway, point, chance)
                await in_thread(gateway.start)
            findings = await the_end(stage, town)
        assert_nothing_lost(findings)


@pytest.mark.postgres
@pytest.mark.redis
async def test_postgres_survives_the_death_of_ingress_worker_database_and_redis(
    tmp_path: Path, rounds: int, own_postgres: PostgresServer, own_redis: RedisServer
) -> None:
    chance = random.Random(2)
    ports = [free_port(), free_port()]
    async with scene(
        tmp_path,
        own_postgres.create_database(),
        ports=ports,
        redis_url=own_redis.url,
        seed=2,
    ) as stage:
        doors = [GatewayProcess(stage.config, tmp_path, port, role="ingress") for port in ports]
        workers = [
            GatewayProcess(stage.config, tmp_path, free_port(), role="worker") for _ in range(2)
        ]
        with gateways(*doors, *workers):
            town = asyncio.create_task(stage.town.live(CITIZENS))
            for number in range(rounds):
                await asyncio.sleep(chance.uniform(0.05, 0.6))
                match number % 5:
                    case 0:
                        await kill_and_restart(chance.choice(doors))
                    case 1:
                        await kill_and_restart(chance.choice(workers))
                    case 2:
                        await in_thread(own_postgres.kill)
                        await asyncio.sleep(chance.uniform(0, 0.5))
                        await in_thread(own_postgres.start)
                    case 3:
                        await in_thread(own_redis.kill)
                        await asyncio.sleep(chance.uniform(0, 0.3))
                        await in_thread(own_redis.start)
                    case _:
                        process = chance.choice([doors[0], workers[0]])
                        points = INGRESS_POINTS if process is doors[0] else WORKER_POINTS
                        await restart_to_die_at(process, chance.choice(points), chance)
                        await in_thread(process.start)
            findings = await the_end(stage, town)
        assert_nothing_lost(findings)


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


async def kill_and_restart(process: GatewayProcess) -> None:
    """Kill a process and bring it back."""
    await in_thread(process.kill)
    await in_thread(process.start)


async def restart_to_die_at(process: GatewayProcess, point: str, chance: random.Random) -> None:
    """Let a process run into a named point at which it kills itself."""
    await in_thread(process.kill)
    await in_thread(lambda: process.start(f"{point}:{chance.randint(1, 30)}"))
    await in_thread(lambda: process.wait_until_dead(3.0))
    await in_thread(process.kill)


async def the_end(stage: Scene, town: "asyncio.Task[None]") -> Findings:
    """Let the citizens come to rest and everything settle."""
    stage.town.rest()
    await town
    return await stage.reckoning()


def assert_nothing_lost(findings: Findings) -> None:
    """Nothing that must not be, and enough traffic for that to mean something."""
    assert findings.faults() == {}
    assert findings.acknowledged > 100
    assert findings.delivered > 100
