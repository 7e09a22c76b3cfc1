"""A scene: a gateway's configuration, its backend, its carrier, its citizens, and the reckoning."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from channels.sms.stand_in import TwilioStandIn
from tests.failure.backend import SECRET, recording_backend
from tests.failure.citizens import (
    ACCOUNT_SID,
    AUTH_TOKEN,
    CALLER,
    COMPLAINTS,
    PUBLIC_URL,
    TEXTER,
    Town,
    carrier,
)
from tests.failure.nursery import Nursery
from tests.failure.processes import GatewayProcess
from tests.failure.record import Findings, Journal, judge
from tests.peers.ports import free_port

SETTLE_S = 90.0
KEY = "0123456789abcdef0123456789abcdef"
_PERSONAL = (AUTH_TOKEN, SECRET, KEY, TEXTER, TEXTER.removeprefix("+86"), CALLER, *COMPLAINTS)


@dataclass
class Scene:
    """Everything around the processes under test. ``lease_s`` is the gateway's, in seconds."""

    folder: Path
    nursery: Nursery
    config: Path
    town: Town
    carrier: TwilioStandIn
    acknowledged: Journal
    received: Journal
    lease_s: float
    _processes: list[GatewayProcess] = field(default_factory=list)

    def gateway(
        self, port: int | None = None, role: str = "all", broken: str | None = None
    ) -> GatewayProcess:
        """A gateway of this scene, not started yet."""
        process = GatewayProcess(
            self.nursery, self.config, self.folder, port or free_port(), role=role, broken=broken
        )
        self._processes.append(process)
        return process

    async def the_end(self, living: "asyncio.Task[None]") -> Findings:
        """Let the citizens come to rest and everything settle; then judge."""
        self.town.rest()
        await living
        return await self.reckoning()

    async def reckoning(self, settle_s: float = SETTLE_S) -> Findings:
        """Wait until everything acknowledged has been forwarded, then judge; bounded in time."""
        until = time.monotonic() + settle_s
        while self._judge(()).faults() and time.monotonic() < until:
            await asyncio.sleep(0.3)
        return self._judge(one.text for one in self.carrier.sent())

    def _judge(self, told: Iterable[str]) -> Findings:
        return judge(self.acknowledged.lines(), self.received.lines(), self.town.sent, told)

    def logs(self) -> str:
        """Everything the processes wrote to standard error."""
        return "\n".join(one.log.read_text() for one in self._processes if one.log.exists())

    def leaks(self) -> list[str]:
        """Return the lines of the logs that hold what nobody may read there."""
        tokens = f"m-{self.town.name}"
        return [
            line
            for line in self.logs().splitlines()
            if tokens in line or any(secret in line for secret in _PERSONAL)
        ]


@asynccontextmanager
async def scene(
    folder: Path,
    nursery: Nursery,
    *,
    store_url: str | None = None,
    ports: list[int] | None = None,
    redis_url: str | None = None,
    seed: int = 1,
    lease_s: float = 2.0,
    disk: Path | None = None,
    backend_pause_s: float = 0.0,
) -> AsyncIterator[Scene]:
    """Set a scene in ``folder`` and check at its end that no log holds anything personal.

    ``disk`` is where the gateway keeps its data, ``folder`` unless given.
    """
    folder.mkdir(parents=True, exist_ok=True)
    disk = disk or folder
    hook = free_port()
    provider = carrier()
    config = folder / "hotline.yaml"
    acknowledged = Journal(folder / "acknowledged.jsonl")
    received = Journal(folder / "received.jsonl")
    try:
        async with (
            recording_backend(received, hook, backend_pause_s),
            provider.serving("127.0.0.1", 0) as carrier_url,
        ):
            config.write_text(
                _configuration(
                    store_url or f"sqlite:///{disk}/hotline.db",
                    redis_url=redis_url,
                    blobs=disk / "blobs",
                    carrier_url=carrier_url,
                    hook=f"http://127.0.0.1:{hook}/hook",
                    lease_s=lease_s,
                ),
                encoding="utf-8",
            )
            town = Town(
                journal=acknowledged,
                ports=ports or [],
                chance=random.Random(seed),
                name=f"{seed}x",
            )
            stage = Scene(folder, nursery, config, town, provider, acknowledged, received, lease_s)
            yield stage
            assert stage.leaks() == []
            assert "Traceback" not in stage.logs()
    finally:
        acknowledged.close()
        received.close()


def _configuration(
    store_url: str,
    *,
    redis_url: str | None,
    blobs: Path,
    carrier_url: str,
    hook: str,
    lease_s: float,
) -> str:
    return f"""
site:
  name: 测试热线
  jurisdiction: "370100"
  public_url: {PUBLIC_URL}
  secret_key: "${{HARNESS_KEY:-{KEY}}}"
store: {{url: "{store_url}"}}
redis: {{url: {f'"{redis_url}"' if redis_url else "null"}}}
blobs: {{url: "file:{blobs}"}}
channels:
  - kind: sms
    account: main
    account_sid: {ACCOUNT_SID}
    auth_token: "${{HARNESS_TOKEN:-{AUTH_TOKEN}}}"
    number: "+15005550006"
    base_url: {carrier_url}
  - {{kind: web, account: site}}
endpoints:
  - name: casework
    url: {hook}
    secret: "${{HARNESS_SECRET:-{SECRET}}}"
    events: ["draft.*"]
    allow: ["127.0.0.0/8"]
policy: {{auto_forward: all}}
conversation: {{quiet: 0.3 s, cap: 2 s, reopen_within: 0 s}}
work: {{lease: {lease_s} s, at_once: 16}}
speech: {{model: null}}
log: {{level: debug}}
"""


async def in_thread(action: Callable[[], object]) -> None:
    """Do something that blocks without stopping the citizens and the backend."""
    await asyncio.to_thread(action)
