"""SIGTERM under load: what is in hand is finished, nothing is left to be rescued, exit code 0."""

import asyncio
import signal
from pathlib import Path

from tests.failure.citizens import SMS, TEXTER, text_message
from tests.failure.nursery import Nursery
from tests.failure.scene import in_thread, scene
from tests.failure.waiting import until
from tests.peers.ports import free_port


async def test_a_gateway_that_is_told_to_stop_finishes_what_is_in_hand(
    tmp_path: Path, nursery: Nursery
) -> None:
    port = free_port()
    async with scene(tmp_path, nursery, ports=[port], seed=6, backend_pause_s=0.1) as stage:
        gateway = stage.gateway(port)
        await in_thread(gateway.start)
        try:
            town = asyncio.create_task(stage.town.live(citizens=8))
            for times in range(1, 4):
                await until(lambda times=times: len(stage.received.lines()) > 20 * times)  # type: ignore[misc]
                assert await asyncio.to_thread(gateway.end) == 0
                await in_thread(gateway.start)
            findings = await stage.the_end(town)
            assert await asyncio.to_thread(gateway.end) == 0
        finally:
            await in_thread(gateway.kill)
        assert "worker.rescued" not in stage.logs()
        assert '"where"' not in stage.logs()
    assert findings.faults() == {}


async def test_a_request_that_is_half_sent_when_the_gateway_is_told_to_stop_is_answered(
    tmp_path: Path, nursery: Nursery
) -> None:
    port = free_port()
    async with scene(tmp_path, nursery, ports=[port], seed=7) as stage:
        gateway = stage.gateway(port)
        await in_thread(gateway.start)
        try:
            token = f"m-{stage.town.name}s0-0"
            raw = text_message(token, f"{TEXTER}0000")
            head = "".join(f"{name}: {value}\r\n" for name, value in raw.headers.items())
            length = f"Host: localhost\r\nContent-Length: {len(raw.body)}\r\n\r\n"
            reading, writing = await asyncio.open_connection("127.0.0.1", port)
            writing.write(f"POST {SMS} HTTP/1.1\r\n{head}{length}".encode() + raw.body[:10])
            await writing.drain()
            await asyncio.sleep(0.2)
            gateway.send(signal.SIGTERM)
            await until(lambda: "stopping" in gateway.log.read_text())
            await asyncio.sleep(0.2)
            writing.write(raw.body[10:])
            await writing.drain()
            status = await asyncio.wait_for(reading.readline(), 10)
            writing.close()
            assert status.startswith(b"HTTP/1.1 200")
            stage.town.sent.add(token)
            stage.acknowledged.note(token=token, answer=None)
            assert await asyncio.to_thread(gateway.end) == 0
            await in_thread(gateway.start)
            findings = await stage.reckoning()
        finally:
            await in_thread(gateway.kill)
    assert findings.faults() == {}
    assert findings.drafts == 1
