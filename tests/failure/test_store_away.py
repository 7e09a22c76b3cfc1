"""The store is not there: at the start one clear line, later 503 until it is back."""

import asyncio
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from tests.failure.nursery import ROOT, Nursery
from tests.failure.processes import gateways
from tests.failure.scene import in_thread, scene
from tests.failure.waiting import until
from tests.peers.ports import free_port
from tests.peers.postgres import PostgresServer

AWAY_S = 5.0


@pytest.mark.parametrize("kind", ["postgres", "sqlite"])
async def test_a_gateway_whose_store_is_not_there_says_so_in_one_line(
    kind: str, tmp_path: Path, nursery: Nursery
) -> None:
    (tmp_path / "file").write_text("not a folder")
    url = {
        "postgres": f"postgresql://hotline@127.0.0.1:{free_port()}/hotline",
        "sqlite": f"sqlite:///{tmp_path}/file/hotline.db",
    }[kind]
    async with scene(tmp_path, nursery, store_url=url) as stage:
        ended = await asyncio.to_thread(
            subprocess.run,
            [
                *(sys.executable, "-m", "gateway.cli", "serve", "--port", str(free_port())),
                *("--config", str(stage.config), "--data", str(tmp_path)),
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert ended.returncode == 2
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert line.startswith("hotline: the ")


@pytest.mark.postgres
async def test_citizens_are_put_off_while_postgres_is_away_and_nobody_restarts_anything(
    tmp_path: Path, nursery: Nursery, own_postgres: PostgresServer
) -> None:
    port = free_port()
    async with scene(
        tmp_path, nursery, store_url=own_postgres.create_database(), ports=[port], seed=9
    ) as stage:
        door, worker = stage.gateway(port, role="ingress"), stage.gateway(role="worker")
        with gateways(door, worker):
            town = asyncio.create_task(stage.town.live(citizens=8))
            await until(lambda: len(stage.received.lines()) > 20)
            await in_thread(own_postgres.kill)
            await until(lambda: stage.town.refused > 20)
            assert await status(port, "/readyz") == 503
            assert await status(port, "/healthz") == 200
            await asyncio.sleep(AWAY_S)
            before = len(stage.acknowledged.lines())
            await in_thread(own_postgres.start)
            await until(lambda: len(stage.acknowledged.lines()) > before + 40)
            findings = await stage.the_end(town)
            assert await status(port, "/readyz") == 200
            assert await asyncio.to_thread(worker.end) == 0
            assert await asyncio.to_thread(door.end) == 0
    assert findings.faults() == {}


async def status(port: int, path: str) -> int:
    """What the gateway answers."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}{path}") as reply,
    ):
        return reply.status
