"""A worker that freezes past its lease and wakes up finds that its work is somebody else's."""

import asyncio
import signal
from pathlib import Path

import pytest

from tests.failure.nursery import Nursery
from tests.failure.processes import gateways
from tests.failure.scene import scene
from tests.failure.waiting import until
from tests.peers.ports import free_port
from tests.peers.postgres import PostgresServer

LEASE_S = 1.0
TRIES = 6


@pytest.mark.postgres
async def test_a_worker_frozen_past_its_lease_is_fenced_out(
    tmp_path: Path, nursery: Nursery, postgres_server: PostgresServer
) -> None:
    port = free_port()
    async with scene(
        tmp_path,
        nursery,
        store_url=postgres_server.create_database(),
        ports=[port],
        seed=5,
        lease_s=LEASE_S,
        backend_pause_s=0.2,  # so that there is always something in hand to be frozen with
    ) as stage:
        frozen, other = stage.gateway(role="worker"), stage.gateway(role="worker")
        with gateways(stage.gateway(port, role="ingress"), frozen, other):
            town = asyncio.create_task(stage.town.live(citizens=8))
            await until(lambda: len(stage.received.lines()) > 10)
            for _ in range(TRIES):
                frozen.send(signal.SIGSTOP)
                await asyncio.sleep(LEASE_S * 2.5)
                frozen.send(signal.SIGCONT)
                await asyncio.sleep(LEASE_S)
                if "worker.fenced" in frozen.log.read_text():
                    break
            findings = await stage.the_end(town)
            assert "worker.rescued" in other.log.read_text()
            assert "worker.fenced" in frozen.log.read_text()
    assert findings.faults() == {}
