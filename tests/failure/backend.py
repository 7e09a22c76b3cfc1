"""A case-management backend that writes down every delivery before it acknowledges it."""

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from aiohttp import web

from gateway.delivery.signing import Secret, secret_key, verify
from tests.failure.record import Journal

SECRET = "whsec_ZmFpbHVyZS1oYXJuZXNzLXNlY3JldC0wMDAwMDAwMQ=="
TOKEN = re.compile(r"\bm-[0-9a-z]+-[0-9]+\b")


@asynccontextmanager
async def recording_backend(
    journal: Journal, port: int, pause_s: float = 0.0
) -> AsyncIterator[None]:
    """Serve ``/hook`` on a loopback port; ``pause_s`` is how long it takes to answer."""
    keys = [Secret(key=secret_key(SECRET))]

    async def hook(request: web.Request) -> web.Response:
        body = await request.read()
        vouched = verify(keys, request.headers, body, now=datetime.now(UTC))
        document = json.loads(body)
        draft = document["data"]["draft"]
        texts = [one["text"] for one in draft.get("messages", []) if one["direction"] == "in"]
        journal.note(
            id=vouched.message_id,
            type=document["type"],
            draft_id=draft["draft_id"],
            receipt_no=draft["receipt_no"],
            revision=draft["revision"],
            state=draft["state"],
            tokens=TOKEN.findall("\n".join(texts)),
            digest=hashlib.sha256(body).hexdigest(),
        )
        await asyncio.sleep(pause_s)
        return web.json_response({"external_id": f"WO-{draft['receipt_no']}"})

    application = web.Application(client_max_size=4 * 1024 * 1024)
    application.router.add_post("/hook", hook)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield
    finally:
        await runner.cleanup()
