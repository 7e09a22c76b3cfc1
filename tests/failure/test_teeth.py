"""The harness has teeth: a gateway that is broken in one step is caught."""

import asyncio
from pathlib import Path

import pytest

from tests.failure.nursery import Nursery
from tests.failure.scene import in_thread, scene
from tests.peers.ports import free_port


@pytest.mark.parametrize(
    ("broken", "faults"),
    [
        ("acknowledges before it commits", {"acknowledged and lost"}),
        ("takes redeliveries for news", {"in a draft twice or in two drafts"}),
        ("finishes deliveries before it sends", {"acknowledged and lost", "never forwarded"}),
    ],
)
async def test_a_gateway_is_caught_that(
    broken: str, faults: set[str], tmp_path: Path, nursery: Nursery
) -> None:
    port = free_port()
    async with scene(tmp_path, nursery, ports=[port]) as stage:
        gateway = stage.gateway(port, broken=broken)
        await in_thread(gateway.start)
        town = asyncio.create_task(stage.town.live(citizens=8))
        await asyncio.sleep(1.5)
        await in_thread(gateway.kill)
        stage.town.rest()
        await in_thread(gateway.start)
        await town
        findings = await stage.reckoning(settle_s=3)
        await in_thread(gateway.kill)
        assert findings.faults().keys() & faults, findings.summary()
