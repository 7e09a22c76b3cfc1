"""Redis carries hints only: frozen, killed, missing or empty again, everything still flows."""

import asyncio
from pathlib import Path

import pytest

from tests.failure.nursery import Nursery
from tests.failure.processes import gateways
from tests.failure.scene import Scene, in_thread, scene
from tests.failure.waiting import until
from tests.peers.ports import free_port
from tests.peers.postgres import PostgresServer
from tests.peers.redis_server import RedisServer

SOME = 30


@pytest.mark.postgres
@pytest.mark.redis
async def test_everything_flows_whatever_happens_to_redis(
    tmp_path: Path, nursery: Nursery, postgres_server: PostgresServer, own_redis: RedisServer
) -> None:
    port = free_port()
    async with scene(
        tmp_path,
        nursery,
        store_url=postgres_server.create_database(),
        ports=[port],
        redis_url=own_redis.url,
        seed=8,
    ) as stage:
        door, worker = stage.gateway(port, role="ingress"), stage.gateway(role="worker")
        with gateways(door, worker):
            town = asyncio.create_task(stage.town.live(citizens=8))
            await it_flows(stage)
            own_redis.freeze()
            await it_flows(stage)
            own_redis.thaw()
            await it_flows(stage)
            await in_thread(own_redis.kill)
            await it_flows(stage)
            await in_thread(worker.kill)
            await in_thread(worker.start)  # without any Redis
            await it_flows(stage)
            await in_thread(own_redis.start)  # which knows nothing any more
            await it_flows(stage)
            findings = await stage.the_end(town)
            assert await asyncio.to_thread(worker.end) == 0
            assert await asyncio.to_thread(door.end) == 0
    assert findings.faults() == {}
    assert stage.town.refused == 0


async def it_flows(stage: Scene) -> None:
    """Citizens are told "ok" and the backend hears of them."""
    acknowledged, received = len(stage.acknowledged.lines()), len(stage.received.lines())
    await until(
        lambda: (
            len(stage.acknowledged.lines()) > acknowledged + SOME
            and len(stage.received.lines()) > received + SOME
        )
    )
