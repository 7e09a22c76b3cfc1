"""A scene: a gateway's configuration, its backend, its citizens, and the final reckoning."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.failure.backend import SECRET, recording_backend
from tests.failure.citizens import ACCOUNT_SID, AUTH_TOKEN, PUBLIC_URL, Town
from tests.failure.record import Findings, Journal, judge
from tests.peers.ports import free_port

SETTLE_S = 120.0


@dataclass
class Scene:
    """Everything around the processes under test."""

    folder: Path
    config: Path
    town: Town
    acknowledged: Journal
    received: Journal

    async def reckoning(self) -> Findings:
        """Wait until everything acknowledged has been forwarded, then judge; bounded in time."""
        until = time.monotonic() + SETTLE_S
        findings = self._judge()
        while findings.faults() and time.monotonic() < until:
            await asyncio.sleep(0.5)
            findings = self._judge()
        return findings

    def _judge(self) -> Findings:
        return judge(self.acknowledged.lines(), self.received.lines(), self.town.sent)


@asynccontextmanager
async def scene(
    folder: Path, store_url: str, *, ports: list[int], redis_url: str | None, seed: int
) -> AsyncIterator[Scene]:
    """Set a scene in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    hook = free_port()
    config = folder / "hotline.yaml"
    config.write_text(
        f"""
site:
  name: 测试热线
  jurisdiction: "370100"
  public_url: {PUBLIC_URL}
  secret_key: "${{HARNESS_KEY:-0123456789abcdef0123456789abcdef}}"
store: {{url: "{store_url}"}}
redis: {{url: {f'"{redis_url}"' if redis_url else "null"}}}
blobs: {{url: "file:{folder}/blobs"}}
channels:
  - kind: sms
    account: main
    account_sid: {ACCOUNT_SID}
    auth_token: "${{HARNESS_TOKEN:-{AUTH_TOKEN}}}"
    number: "+15005550006"
    base_url: http://127.0.0.1:9
  - {{kind: web, account: site}}
endpoints:
  - name: casework
    url: http://127.0.0.1:{hook}/hook
    secret: "${{HARNESS_SECRET:-{SECRET}}}"
    events: ["draft.*"]
    allow: ["127.0.0.0/8"]
policy: {{auto_forward: all}}
conversation: {{quiet: 0.3 s, cap: 2 s}}
work: {{lease: 2 s, at_once: 16}}
speech: {{model: null}}
""",
        encoding="utf-8",
    )
    acknowledged = Journal(folder / "acknowledged.jsonl")
    received = Journal(folder / "received.jsonl")
    try:
        async with recording_backend(received, hook):
            town = Town(
                journal=acknowledged, ports=ports, chance=random.Random(seed), name=f"{seed}x"
            )
            yield Scene(folder, config, town, acknowledged, received)
    finally:
        acknowledged.close()
        received.close()


async def in_thread(action: Callable[[], object]) -> None:
    """Do something that blocks without stopping the citizens and the backend."""
    await asyncio.to_thread(action)
