"""A message that kills whatever handles it ends in the dead letters, and nothing else does."""

import asyncio
import time
from pathlib import Path

import aiohttp
import pytest

from gateway.store import work
from gateway.store.opening import open_store
from gateway.store.work import Work
from tests.failure.broken import POISON
from tests.failure.citizens import SMS, TEXTER, signed_by, text_message
from tests.failure.nursery import Nursery
from tests.failure.processes import gateways
from tests.failure.scene import Scene, in_thread, scene
from tests.peers.ports import free_port
from tests.peers.postgres import PostgresServer

NEIGHBOURS = 12
LIMIT_S = 60.0


@pytest.mark.postgres
async def test_poison_ends_in_the_dead_letters_while_its_lane_and_its_neighbours_go_on(
    tmp_path: Path, nursery: Nursery, postgres_server: PostgresServer
) -> None:
    port = free_port()
    url = postgres_server.create_database()
    async with scene(tmp_path, nursery, store_url=url, ports=[port], seed=10, lease_s=0.5) as stage:
        worker = stage.gateway(role="worker", broken="dies of poison")
        with gateways(stage.gateway(port, role="ingress")):
            # Everybody's message waits before the first worker comes: it takes them all at once.
            poison = await text(stage, 0, 0, POISON)
            for number in range(1, NEIGHBOURS):
                await acknowledged_text(stage, number, 0)
            await acknowledged_text(stage, 0, 1)
            until = time.monotonic() + LIMIT_S
            while not (dead := await stopped(url)):
                assert time.monotonic() < until, "the poison never ended in the dead letters"
                if not worker.alive:
                    await in_thread(worker.start)
                await asyncio.to_thread(worker.wait_until_dead, 1)
            if not worker.alive:
                await in_thread(worker.start)
            findings = await stage.reckoning()
            dead = await stopped(url)
            await in_thread(worker.kill)
            assert [(one.queue, one.error) for one in dead] == [
                ("assemble", "given up: 10 workers stopped while doing it")
            ]
            assert findings.faults() == {}

            # A version without the fault takes it up when a person says so: not even it is lost.
            stage.acknowledged.note(token=poison, answer=None)
            await revive(url, dead)
            with gateways(stage.gateway(role="worker")):
                findings = await stage.reckoning()
    assert findings.faults() == {}


async def text(stage: Scene, citizen: int, number: int, words: str = "") -> str:
    """Send one message and return its token."""
    token = f"m-{stage.town.name}s{citizen}-{number}"
    stage.town.sent.add(token)
    raw = text_message(token, f"{TEXTER}{citizen:04d}", words=words)
    url = f"http://127.0.0.1:{stage.town.ports[0]}{SMS}"
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=raw.body, headers=signed_by(raw)) as reply,
    ):
        assert reply.status == 200
    return token


async def acknowledged_text(stage: Scene, citizen: int, number: int) -> None:
    """Send one message that has to arrive."""
    token = await text(stage, citizen, number)
    stage.acknowledged.note(token=token, answer=None)


async def stopped(url: str) -> list[Work]:
    """What waits for a person."""
    store = await open_store(url)
    try:
        return await store.read(work.stopped)
    finally:
        await store.close()


async def revive(url: str, dead: list[Work]) -> None:
    """Give it another life."""
    store = await open_store(url)
    try:
        seqs = [one.seq for one in dead]
        await store.write(lambda connection: work.revive(connection, seqs, now=0))
    finally:
        await store.close()
