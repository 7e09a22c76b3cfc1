"""A full disk: refuse with 503, lose nothing, go on reading, recover by itself."""

import asyncio
import json
import os
from contextlib import nullcontext
from pathlib import Path

import aiohttp
import pytest

from tests.failure.disks import allow_no_growth, fill, small_disk
from tests.failure.nursery import Nursery
from tests.failure.scene import Scene, in_thread, scene
from tests.failure.waiting import until
from tests.peers.ports import free_port


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(
            "disk",
            marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk"),
        ),
        "quota",
    ],
)
async def test_a_full_disk_refuses_and_reads_and_recovers(
    kind: str, tmp_path: Path, nursery: Nursery
) -> None:
    port = free_port()
    place = small_disk(tmp_path / "disk", megabytes=48) if kind == "disk" else nullcontext(tmp_path)
    with place as disk:
        async with scene(tmp_path, nursery, ports=[port], disk=disk) as stage:
            gateway = stage.gateway(port)
            await in_thread(gateway.start)
            town = asyncio.create_task(stage.town.live(citizens=8))
            try:
                await until(lambda: len(stage.received.lines()) > 20)
                if kind == "disk":
                    give_back = fill(disk)
                else:
                    give_back = allow_no_growth(gateway, disk / "hotline.db")
                await until(lambda: stage.town.refused >= 20)
                assert await looks_up(stage, port) == 200
                give_back()
                before = len(stage.acknowledged.lines())
                await until(lambda: len(stage.acknowledged.lines()) > before + 40)
                findings = await stage.the_end(town)
                assert findings.faults() == {}
                assert await asyncio.to_thread(gateway.end) == 0
            finally:
                await in_thread(gateway.kill)


async def looks_up(stage: Scene, port: int) -> int:
    """Ask for a case as a citizen does, with the two numbers of a receipt; return the status."""
    answer = next(one["answer"] for one in stage.acknowledged.lines() if one["answer"])
    receipt = json.loads(answer)
    form = {"receipt_no": receipt["receipt_no"], "query_code": receipt["query_code"]}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"http://127.0.0.1:{port}/report/status", data=form) as reply,
    ):
        return reply.status
