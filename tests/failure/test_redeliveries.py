"""Many processes told of one message at the same moment: one draft, and everybody gets his yes."""

import asyncio
from pathlib import Path

import aiohttp
import pytest

from tests.failure.citizens import FORM, SMS, TEXTER, signed_by, text_message
from tests.failure.nursery import Nursery
from tests.failure.processes import gateways
from tests.failure.scene import Scene, scene
from tests.peers.ports import free_port
from tests.peers.postgres import PostgresServer

COPIES = 20
MESSAGES = 8


@pytest.mark.postgres
async def test_twenty_simultaneous_copies_at_four_processes_make_one_draft(
    tmp_path: Path, nursery: Nursery, postgres_server: PostgresServer
) -> None:
    ports = [free_port() for _ in range(4)]
    async with scene(
        tmp_path, nursery, store_url=postgres_server.create_database(), ports=ports, seed=4
    ) as stage:
        doors = [stage.gateway(port, role="ingress") for port in ports]
        with gateways(*doors, stage.gateway(role="worker")):
            async with aiohttp.ClientSession() as session:
                for number in range(MESSAGES):
                    texts = [_text(stage, session, number, copy) for copy in range(COPIES)]
                    forms = [_form(stage, session, number, copy) for copy in range(COPIES)]
                    answers = await asyncio.gather(*texts, *forms)
                    assert set(answers[:COPIES]) == {200}
                    assert set(answers[COPIES:]) == {201}
            findings = await stage.reckoning()
    assert findings.faults() == {}
    assert findings.acknowledged == 2 * COPIES * MESSAGES
    assert findings.drafts == 2 * MESSAGES


async def _text(stage: Scene, session: aiohttp.ClientSession, number: int, copy: int) -> int:
    token = f"m-{stage.town.name}s{number}-0"
    raw = text_message(token, f"{TEXTER}{number:04d}")
    return await _send(stage, session, SMS, raw.body, signed_by(raw), token, copy)


async def _form(stage: Scene, session: aiohttp.ClientSession, number: int, copy: int) -> int:
    token = f"m-{stage.town.name}w{number}-0"
    headers = {"Content-Type": "application/json", "Idempotency-Key": token}
    body = f'{{"content": "{token}"}}'.encode()
    return await _send(stage, session, FORM, body, headers, token, copy)


async def _send(
    stage: Scene,
    session: aiohttp.ClientSession,
    path: str,
    body: bytes,
    headers: dict[str, str],
    token: str,
    copy: int,
) -> int:
    stage.town.sent.add(token)
    port = stage.town.ports[copy % len(stage.town.ports)]
    url = f"http://127.0.0.1:{port}{path}"
    async with session.post(url, data=body, headers=headers) as reply:
        answer = await reply.text()
        if reply.ok:
            stage.acknowledged.note(token=token, answer=answer if path == FORM else None)
        return reply.status
