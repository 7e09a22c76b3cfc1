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

_SERVE = """
import socket, sys

def _only_loopback(of, look_up=socket.getaddrinfo, connect=socket.socket.connect):
    def found(host, *more, **named):
        if host not in (None, "127.0.0.1", "::1", "localhost"):
            raise socket.gaierror(socket.EAI_NONAME, "the kit leaves loopback alone")
        return look_up(host, *more, **named)
    def connected(self, address):
        host = address[0] if isinstance(address, tuple) else "unix"
        if host not in ("127.0.0.1", "::1", "unix"):
            raise ConnectionRefusedError("the kit leaves loopback alone")
        return connect(self, address)
    of.getaddrinfo, of.socket.connect = found, connected

_only_loopback(socket)
import channels
if sys.argv[1] not in map(str, channels.__path__):
    channels.__path__.append(sys.argv[1])
exec(sys.argv[2])
from gateway.cli import main
sys.exit(main(["serve", "--config", sys.argv[3], "--data", sys.argv[4], "--port", "0"]))
"""
_PATIENCE_S = 30.0
_AT_FIRST, _LATER = "SM" + "1" * 32, "SM" + "2" * 32


async def loses_nothing_when_killed(channel: ChannelUnderTest) -> None:
    """Killed before and after commit, after the answer, in mid-forward: all arrives, once."""
    with tempfile.TemporaryDirectory() as folder:
        async with _backend() as backend:
            house = _House(channel=channel, folder=Path(folder), backend=backend)
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
    """One life of the gateway."""

    house: "_House"
    process: asyncio.subprocess.Process
    url: str

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
        async with asyncio.timeout(_PATIENCE_S):
            assert await self.process.wait() == -signal.SIGKILL


@dataclass
class _House:
    """The folder that outlives every process, and what the provider remembers."""

    channel: ChannelUnderTest
    folder: Path
    backend: _Backend
    acknowledged: set[bytes] = field(default_factory=set)

    @asynccontextmanager
    async def serving(self, *, stop_at: str = "") -> AsyncIterator[_Gateway]:
        """Run a gateway; on leaving it is killed, wherever it may be."""
        config = self.folder / "hotline.yaml"
        config.write_text(json.dumps(self._config()), "utf-8")
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-c", _SERVE, str(self.channel.folder.parent), self.channel.core.prelude),
            *(str(config), str(self.folder)),
            env={**os.environ, **self._secrets(), "HOTLINE_STOP_AT": stop_at},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            yield _Gateway(house=self, process=process, url=await _address(process))
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()

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

    def _secrets(self) -> Mapping[str, str]:
        """Secrets stand in the environment, never in the file."""
        settings, names = self.channel.conformance.settings, self.channel.conformance.secrets
        given = {f"KIT_{name.upper()}": str(settings[name]) for name in names}
        return {**given, "KIT_ENDPOINT": "whsec_ZGVtby1vbmx5LWRlbW8tb25seS1kZW1vLW9ubHkh"}

    def _config(self) -> Mapping[str, object]:
        hidden = {name: f"${{KIT_{name.upper()}}}" for name in self.channel.conformance.secrets}
        return {
            "site": {"name": "12345", "jurisdiction": "370100", "public_url": PUBLIC_URL},
            "store": {"url": f"sqlite:///{self.folder / 'kit.db'}"},
            "blobs": {"url": f"file:{self.folder / 'blobs'}"},
            "channels": [{**self.channel.conformance.settings, **hidden}],
            "endpoints": [
                {
                    "name": "casework",
                    "kind": "webhook",
                    "url": f"http://127.0.0.1:{self.backend.port}/hook",
                    "secret": "${KIT_ENDPOINT}",
                    "events": ["draft.*"],
                    "allow": ["127.0.0.0/8"],
                }
            ],
            "speech": {"model": None},
            "log": {"level": "error", "format": "text"},
        }


async def _address(process: asyncio.subprocess.Process) -> str:
    """Return where a gateway that has just started listens, "" when it has died by itself."""
    assert process.stdout
    assert process.stderr
    async with asyncio.timeout(_PATIENCE_S):
        line = (await process.stdout.readline()).decode()
        if not line and await process.wait() == -signal.SIGKILL:
            return ""
        if not line.startswith("ready "):
            raise AssertionError(f"the gateway did not start: {(await process.stderr.read())!r}")
    return line.split()[1]


RULES = (Rule(loses_nothing_when_killed),)
