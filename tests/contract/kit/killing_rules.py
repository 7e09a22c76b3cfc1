"""A gateway in a process of its own, killed at named points while the provider keeps trying."""

import asyncio
import json
import os
import signal
import sqlite3
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import ClientConnectionError, ClientSession, ClientTimeout, web

from gateway.channel import RawRequest
from gateway.web.server import listening
from tests.contract.kit.channel_under_test import ChannelUnderTest
from tests.contract.kit.fakes import PUBLIC_URL
from tests.contract.kit.rule import Rule

_MOTHER = Path(__file__).with_name("mother.py")
_PATIENCE_S = 30.0
_SECRET = "whsec_ZGVtby1vbmx5LWRlbW8tb25seS1kZW1vLW9ubHkh"
_AT_FIRST, _LATER = "SM" + "1" * 32, "SM" + "2" * 32


async def loses_nothing_when_killed(channel: ChannelUnderTest) -> None:
    """Killed before and after commit, after the answer, in mid-forward: all arrives, once."""
    with tempfile.TemporaryDirectory() as folder:
        async with _backend() as backend, _house(channel, Path(folder), backend) as house:
            first = channel.text(message_id=_AT_FIRST)
            later = channel.text("还没有修好", message_id=_LATER)
            # Dies with the first just acknowledged and the later one not yet committed.
            async with house.serving(stop_at="inbox.before_commit:2") as gateway:
                await gateway.tries(first)
                assert first.body in house.acknowledged
                await gateway.tries(later)
                await gateway.is_dead()
            assert later.body not in house.acknowledged, "acknowledged before its commit"
            # Dies with the later one committed, but not acknowledged.
            async with house.serving(stop_at="inbox.after_commit:1") as gateway:
                await gateway.tries(later)
                await gateway.is_dead()
            # Dies when the backend has an event and the gateway has not noted that.
            async with house.serving(stop_at="delivery.after_post:1") as gateway:
                await gateway.tries(later)
                await gateway.is_dead()
            async with house.serving() as gateway:
                await gateway.tries(later)
                assert later.body in house.acknowledged, "a redelivery was not acknowledged"
                await house.is_told_everything()
            assert house.count("SELECT count(*) FROM inbound") == 2, "lost or stored twice"
            assert house.count("SELECT count(*) FROM inbound WHERE draft_id IS NULL") == 0
            assert house.count("SELECT count(*) FROM draft") == len(backend.drafts())


@dataclass
class _Backend:
    """What a case-management system was told: each event once by its id, whatever came twice."""

    port: int = 0
    told: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    async def take(self, request: web.Request) -> web.Response:
        """Take an event; its second telling must say the same."""
        event = await request.json()
        known = self.told.setdefault(request.headers["webhook-id"], event)
        assert known == event, "one event id, two meanings"
        return web.Response(status=204)

    def drafts(self) -> set[str]:
        """Return the ids of all drafts it heard of."""
        return {str(event["data"]["draft"]["draft_id"]) for event in self.told.values()}


@asynccontextmanager
async def _backend() -> AsyncIterator[_Backend]:
    backend = _Backend()
    routes = [web.post("/hook", backend.take)]
    async with listening(routes, "127.0.0.1", 0) as port:
        backend.port = port
        yield backend


@dataclass
class _Gateway:
    """One life of the gateway; ``url`` is "" when it died before it could say where it is."""

    house: "_House"
    pid: int
    url: str
    dead: bool = False

    async def tries(self, raw: RawRequest) -> None:
        """Deliver as a provider does: nothing that was acknowledged is sent again."""
        if raw.body in self.house.acknowledged or not self.url:
            return
        raw = self.house.channel.provider.signed(raw)
        headers = {"Content-Type": raw.content_type, **raw.headers}
        url = self.url + raw.url.removeprefix(PUBLIC_URL)
        try:
            async with (
                ClientSession(timeout=ClientTimeout(total=_PATIENCE_S)) as session,
                session.request(raw.method, url, headers=headers, data=raw.body) as answer,
            ):
                if 200 <= answer.status < 300:
                    self.house.acknowledged.add(raw.body)
        except ClientConnectionError:
            return

    async def is_dead(self) -> None:
        """Wait until the process has died at its named point."""
        if not self.dead:
            assert await self.house.hears("died") == str(-signal.SIGKILL)
            self.dead = True


@dataclass
class _House:
    """The folder that outlives every gateway, the mother of them, and what the provider knows."""

    channel: ChannelUnderTest
    folder: Path
    backend: _Backend
    mother: asyncio.subprocess.Process
    acknowledged: set[bytes] = field(default_factory=set)

    @asynccontextmanager
    async def serving(self, *, stop_at: str = "") -> AsyncIterator[_Gateway]:
        """Run a gateway; on leaving it is killed, wherever it may be."""
        assert self.mother.stdin
        self.mother.stdin.write(f"{stop_at}\n".encode())
        gateway = _Gateway(house=self, pid=int(await self.hears("born")), url="")
        try:
            word, told = await self._hears_one_of("ready", "died")
            gateway.url, gateway.dead = (told, False) if word == "ready" else ("", True)
            assert not gateway.dead or told == str(-signal.SIGKILL), "the gateway did not start"
            yield gateway
        finally:
            if not gateway.dead:
                os.kill(gateway.pid, signal.SIGKILL)
                await gateway.is_dead()

    async def hears(self, word: str) -> str:
        """Wait for one word of the mother's and return what comes with it."""
        _, told = await self._hears_one_of(word)
        return told

    async def _hears_one_of(self, *words: str) -> tuple[str, str]:
        assert self.mother.stdout
        async with asyncio.timeout(_PATIENCE_S):
            line = (await self.mother.stdout.readline()).decode()
        word, _, told = line.strip().partition(" ")
        assert word in words, f"expected {words}, heard {line!r}"
        return word, told

    async def is_told_everything(self) -> None:
        """Wait until the backend has heard every event and the queues it comes from are empty."""
        async with asyncio.timeout(_PATIENCE_S):
            while True:
                assembled = self.count("SELECT count(*) FROM inbound WHERE draft_id IS NULL") == 0
                events = self.count("SELECT count(*) FROM event WHERE type LIKE 'draft.%'")
                if assembled and events == len(self.backend.told):
                    return
                await asyncio.sleep(0.05)

    def count(self, query: str) -> int:
        """Ask the database beside the gateway."""
        with closing(sqlite3.connect(self.folder / "kit.db")) as connection:
            (number,) = connection.execute(query).fetchone()
            return int(number)


@asynccontextmanager
async def _house(
    channel: ChannelUnderTest, folder: Path, backend: _Backend
) -> AsyncIterator[_House]:
    config = folder / "hotline.yaml"
    config.write_text(json.dumps(_config(channel, folder, backend)), "utf-8")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *(_MOTHER, channel.folder.parent, config, folder, channel.core.prelude),
        env={**os.environ, **_secrets(channel), "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield _House(channel=channel, folder=folder, backend=backend, mother=process)
    finally:
        assert process.stdin
        process.stdin.close()
        await process.wait()


def _secrets(channel: ChannelUnderTest) -> Mapping[str, str]:
    """Secrets stand in the environment, never in the file."""
    settings, names = channel.conformance.settings, channel.conformance.secrets
    return {"KIT_ENDPOINT": _SECRET, **{f"KIT_{name.upper()}": settings[name] for name in names}}


def _config(channel: ChannelUnderTest, folder: Path, backend: _Backend) -> Mapping[str, object]:
    hidden = {name: f"${{KIT_{name.upper()}}}" for name in channel.conformance.secrets}
    return {
        "site": {"name": "12345", "jurisdiction": "370100", "public_url": PUBLIC_URL},
        "store": {"url": f"sqlite:///{folder / 'kit.db'}"},
        "blobs": {"url": f"file:{folder / 'blobs'}"},
        "channels": [{**channel.conformance.settings, **hidden}],
        "endpoints": [
            {
                "name": "casework",
                "kind": "webhook",
                "url": f"http://127.0.0.1:{backend.port}/hook",
                "secret": "${KIT_ENDPOINT}",
                "events": ["draft.*"],
                "allow": ["127.0.0.0/8"],
            }
        ],
        "speech": {"model": None},
        "log": {"level": "error", "format": "text"},
    }


RULES = (Rule(loses_nothing_when_killed),)
