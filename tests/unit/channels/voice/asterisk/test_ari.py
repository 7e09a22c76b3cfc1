"""ARI: what is asked fits Asterisk's own schemas, and a lost connection comes back, never hot."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from channels.voice.asterisk import ari as ari_module
from channels.voice.asterisk.ari import AriError, reaching
from channels.voice.asterisk.health import Health
from channels.voice.asterisk.messages import (
    EVENTS,
    BadEvent,
    Bridge,
    CallerId,
    Channel,
    ChannelDtmfReceived,
    Dialplan,
    Event,
    event,
)
from channels.voice.config import PbxSettings
from tests.contract.kit.fakes import FakeLog
from tests.peers.asterisk import installed

SCHEMAS = Path("usr/share/asterisk/rest-api")


class Pbx:
    """A few answers of ARI."""

    def __init__(self) -> None:
        self.connections = 0
        self.events: list[str] = []
        self.status = 200
        self.modules: list[str] = ["chan_websocket.so"]

    async def listen(self, request: web.Request) -> web.WebSocketResponse:
        self.connections += 1
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        for content in self.events:
            await socket.send_str(content)
        await socket.close()
        return socket

    async def answer(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != "Basic Z3c6c2VjcmV0":
            return web.Response(status=401)
        name = request.path.rpartition("/")[2]
        if "/modules/" in request.path:
            found = name in self.modules
            return web.json_response({"status": "Running"}, status=200 if found else 404)
        return web.json_response({}, status=self.status)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_get("/ari/events", self.listen)
        app.router.add_route("*", "/ari/{rest:.*}", self.answer)
        runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        await runner.cleanup()


def settings(url: str, **more: str) -> PbxSettings:
    return PbxSettings.model_validate({"url": url, "user": "gw", "password": "secret", **more})


async def _nothing() -> None:
    pass


async def test_a_politely_closed_event_socket_is_opened_again_after_a_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ari_module, "_PAUSES_S", (0.05,))
    pbx, seen = Pbx(), list[Event]()
    pbx.events = [
        json.dumps({"type": "ChannelDtmfReceived", "channel": {"id": "1"}, "digit": "5"}),
        json.dumps({"type": "SomethingNew"}),
        "nonsense",
    ]
    log = FakeLog()
    async with pbx.serving() as url, reaching(settings(url), log) as ari:
        listening = asyncio.create_task(ari.listen(_nothing, seen.append))
        await asyncio.sleep(0.5)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    # A hot loop would have come to hundreds.
    assert 2 <= pbx.connections <= 12
    assert len([one for one in seen if isinstance(one, ChannelDtmfReceived)]) == len(seen) > 0
    assert any("pbx_event_not_understood" in line for line in log.lines)


async def test_a_command_that_fails_names_no_secret_and_no_number() -> None:
    pbx = Pbx()
    pbx.status = 500
    async with pbx.serving() as url, reaching(settings(url), FakeLog()) as ari:
        with pytest.raises(AriError) as failed:
            await ari.command("POST", "channels/1/dial", caller="13800138000")
    assert failed.value.status == 500
    assert str(failed.value) == "POST channels: 500"


@pytest.mark.parametrize(
    ("user", "media", "status", "words"),
    [
        ("gw", "websocket", 200, None),
        ("gw", "audiosocket", 200, "load chan_audiosocket"),
        ("stranger", "websocket", 200, "refuses our credentials"),
        ("gw", "websocket", 503, "still starting"),
        ("gw", "websocket", 404, "ari.conf"),
    ],
)
async def test_the_account_says_in_words_what_is_wrong(
    user: str, media: str, status: int, words: str | None
) -> None:
    pbx = Pbx()
    pbx.status = status
    async with pbx.serving() as url:
        said = await Health(settings(url, user=user, media=media), FakeLog()).probe()
    assert said is None if words is None else words in (said or "")


async def test_a_pbx_that_is_not_there_is_told_in_words() -> None:
    said = await Health(settings("http://127.0.0.1:9"), FakeLog()).probe()
    assert said is not None
    assert "does not answer" in said


def schema(name: str) -> Any:
    return json.loads((installed() / SCHEMAS / f"{name}.json").read_text())


def test_every_event_that_is_read_is_one_that_asterisk_sends() -> None:
    models = schema("events")["models"]
    for name, ours in EVENTS.items():
        theirs = models[name]["properties"]
        for field in ours.__struct_fields__:
            inherited = models["Event"]["properties"] | models["Message"]["properties"]
            assert field in theirs | inherited, f"{name}.{field}"


def test_every_field_of_a_channel_that_is_read_exists() -> None:
    models = schema("channels")["models"]
    for ours, name in (
        (Channel, "Channel"),
        (CallerId, "CallerID"),
        (Dialplan, "DialplanCEP"),
        (Bridge, "Bridge"),
    ):
        where = schema("bridges")["models"] if name == "Bridge" else models
        for field in ours.__struct_fields__:
            assert field in where[name]["properties"], f"{name}.{field}"


# Every command of ``channels/voice/asterisk``: method, path and parameters.
COMMANDS = (
    ("POST", "/channels/{channelId}/answer", ()),
    ("POST", "/channels/{channelId}/variable", ("variable", "value")),
    ("GET", "/channels/{channelId}/variable", ("variable",)),
    ("POST", "/channels/{channelId}/continue", ()),
    ("DELETE", "/channels/{channelId}", ()),
    (
        "POST",
        "/channels/{channelId}",
        ("endpoint", "app", "appArgs", "callerId", "timeout", "originator"),
    ),
    ("POST", "/channels/{channelId}/snoop/{snoopId}", ("spy", "app")),
    (
        "POST",
        "/channels/externalMedia",
        (
            *("channelId", "app", "external_host", "encapsulation", "transport"),
            *("connection_type", "format", "transport_data", "data"),
        ),
    ),
    ("POST", "/bridges/{bridgeId}", ("type",)),
    ("POST", "/bridges/{bridgeId}/addChannel", ("channel",)),
    ("DELETE", "/bridges/{bridgeId}", ()),
    ("GET", "/channels", ()),
    ("GET", "/bridges", ()),
    ("GET", "/asterisk/ping", ()),
    ("GET", "/asterisk/modules/{moduleName}", ()),
    ("PUT", "/applications/{applicationName}/eventFilter", ("filter",)),
    ("GET", "/events", ("app",)),
)


@pytest.mark.parametrize(("method", "path", "given"), COMMANDS)
def test_every_command_is_one_that_asterisk_has(
    method: str, path: str, given: tuple[str, ...]
) -> None:
    resource = path.split("/")[1]
    apis = {api["path"]: api["operations"] for api in schema(resource)["apis"]}
    (operation,) = [one for one in apis[path] if one["httpMethod"] == method]
    known = {one["name"] for one in operation.get("parameters", [])}
    assert set(given) <= known
    required = {one["name"] for one in operation.get("parameters", []) if one.get("required")}
    in_path = {part[1:-1] for part in path.split("/") if part.startswith("{")}
    assert required - in_path <= set(given)


@pytest.mark.parametrize(
    "content", ["", "null", "[]", '{"type": 1}', '{"type":"StasisStart"}', "\ud800"]
)
def test_what_is_no_event_is_refused(content: str) -> None:
    with pytest.raises(BadEvent):
        event(content)
