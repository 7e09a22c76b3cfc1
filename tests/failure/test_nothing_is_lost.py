"""Kill anything at any moment: what was acknowledged arrives, once, in order."""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.failure.nursery import Nursery
from tests.failure.record import Findings
from tests.failure.scene import Scene, in_thread, scene
from tests.failure.siege import Damage, Siege
from tests.failure.waiting import until
from tests.peers.ports import free_port
from tests.peers.postgres import PostgresServer
from tests.peers.redis_server import RedisServer

CITIZENS = 12
REST = 20
"""How many acknowledgements a server that was killed may serve before it is killed again."""
Report = Callable[[str], None]


async def test_sqlite_survives_being_killed_at_random_and_at_every_named_point(
    tmp_path: Path, rounds: int, nursery: Nursery, report: Report
) -> None:
    chance = random.Random(1)
    port = free_port()
    async with scene(tmp_path, nursery, ports=[port], seed=1) as stage:
        gateway = stage.gateway(port)
        siege = Siege([gateway], chance)
        async with siege.laid():
            town = asyncio.create_task(stage.town.live(CITIZENS))
            await siege.rage(rounds, [lambda: siege.kill(gateway)])
            await siege.lift()
            findings = await stage.the_end(town)
        report(summary(rounds, siege, findings))
        assert_nothing_lost(findings, siege)


@pytest.mark.postgres
@pytest.mark.redis
async def test_postgres_survives_the_death_of_ingress_worker_database_and_redis(
    tmp_path: Path,
    rounds: int,
    nursery: Nursery,
    report: Report,
    own_postgres: PostgresServer,
    own_redis: RedisServer,
) -> None:
    chance = random.Random(2)
    ports = [free_port(), free_port()]
    async with scene(
        tmp_path,
        nursery,
        store_url=own_postgres.create_database(),
        ports=ports,
        redis_url=own_redis.url,
        seed=2,
    ) as stage:
        doors = [stage.gateway(port, role="ingress") for port in ports]
        workers = [stage.gateway(role="worker") for _ in range(2)]
        siege = Siege([*doors, *workers], chance)
        damages: list[Damage] = [
            lambda: siege.kill(chance.choice(doors)),
            lambda: siege.kill(chance.choice(workers)),
            outage_of(own_postgres, stage, chance),
            lambda: siege.kill(chance.choice(doors)),
            lambda: siege.kill(chance.choice(workers)),
            outage_of(own_redis, stage, chance),
        ]
        async with siege.laid():
            town = asyncio.create_task(stage.town.live(CITIZENS))
            await siege.rage(rounds, damages)
            await siege.lift()
            findings = await stage.the_end(town)
        report(summary(rounds, siege, findings))
        assert_nothing_lost(findings, siege)


def outage_of(server: PostgresServer | RedisServer, stage: Scene, chance: random.Random) -> Damage:
    """A damage: the server is killed, comes back after a moment, and is left alone for a moment."""
    turn = asyncio.Lock()

    async def outage() -> None:
        async with turn:
            await in_thread(server.kill)
            await asyncio.sleep(chance.uniform(0, 0.5))
            await in_thread(server.start)
            enough = len(stage.acknowledged.lines()) + REST
            with suppress(TimeoutError):
                await until(lambda: len(stage.acknowledged.lines()) > enough, seconds=10)

    return outage


def summary(rounds: int, siege: Siege, findings: Findings) -> str:
    """One line: what was done and what came of it."""
    return f"{rounds} kills and {siege.deaths.total()} deaths at named points: {findings.summary()}"


def assert_nothing_lost(findings: Findings, siege: Siege) -> None:
    """Nothing that must not be, and enough traffic and damage for that to mean something."""
    assert findings.faults() == {}
    assert siege.fallen == []
    assert siege.missing() == set()
    assert findings.acknowledged > 100
    assert findings.delivered > 100
    assert findings.receipts > 10
