"""A whole call and its watcher: the words are on the live stream while the caller is still there.

Real are the webhook, the media stream, the flow, the gate and its threads, the hub and the HTTP
stream; the engine hears a script. The caller goes on speaking, or being silent, until the watcher
has seen what a test waits for, so nothing depends on how fast the machine is.
"""

import asyncio
import dataclasses
import json
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import numpy as np
import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType
from prometheus_client import CollectorRegistry

from channels.voice import CHANNEL
from channels.voice.config import VoiceSettings
from channels.voice.simulator import TwilioSimulator, call_id
from gateway.domain.g711 import pcm_to_mulaw
from gateway.domain.lifecycle import State
from gateway.intake.inbox import AccountSink
from gateway.speech.scripted import scripted_recogniser
from gateway.web.api.live import LivePace
from gateway.web.server import listening
from gateway.web.surfaces import channel_routes
from tests.contract.kit.office import Office
from tests.integration.web.conftest import Door, opened_door
from tests.integration.web.test_live import SOON, Stream, watching
from tests.unit.channels.voice.fakes import World

PUBLIC_URL = "https://hotline.example"
CITIZEN = "+8613800138000"
WORDS = "解放路的路灯坏了三天"
STEP_MS = 60
# Between two steps of the caller, so that the gate and the engine can keep up.
BREATH_S = 0.01
SETTINGS = VoiceSettings.model_validate(
    {
        "kind": "voice",
        "account": "demo",
        "account_sid": "AC" + "0" * 32,
        "auth_token": "an-invented-auth-token",
    }
)


@dataclass(slots=True)
class Caller:
    """A caller on an open media stream, at whose end every prompt is over at once."""

    call: str
    socket: ClientWebSocketResponse
    now_ms: int = 0
    messages: int = 0

    async def send(self, event: str, **detail: object) -> None:
        """Send one message of the stream."""
        self.messages += 1
        message = {
            "event": event,
            "sequenceNumber": str(self.messages),
            "streamSid": "MZ" + self.call[2:],
            event: detail,
        }
        if not self.socket.closed:
            await self.socket.send_json(message)

    async def listen(self) -> None:
        """Tell of every prompt that it was heard."""
        async for message in self.socket:
            if message.type is WSMsgType.TEXT:
                told = json.loads(message.data)
                if told["event"] == "mark":
                    await self.send("mark", name=told["mark"]["name"])

    async def sound_until(self, seen: "asyncio.Task[Any]", *, loud: bool) -> None:
        """Speak, or be silent, until a task is done."""
        samples = np.random.default_rng(self.now_ms).integers(-6000, 6000, STEP_MS * 8)
        octets = pcm_to_mulaw((samples * loud).astype("<i2").tobytes())
        async with asyncio.timeout(SOON):
            while not seen.done():
                await self.send(
                    "media",
                    track="inbound",
                    chunk=str(self.now_ms // STEP_MS + 1),
                    timestamp=str(self.now_ms),
                    payload=b64encode(octets).decode(),
                )
                self.now_ms += STEP_MS
                await asyncio.sleep(BREATH_S)


@pytest.fixture
async def door(office: Office, tmp_path: Path) -> AsyncIterator[Door]:
    """Every surface, with streams that stay open."""
    pace = LivePace(heartbeat_s=1, longest_s=3600)
    async with opened_door(office, tmp_path, live_pace=pace) as opened:
        yield opened


@asynccontextmanager
async def calling(door: Door) -> AsyncIterator[Caller]:
    """Call the hotline's telephone and hold the line."""
    sink = AccountSink()
    recogniser = scripted_recogniser(WORDS, partials=True)
    ports = dataclasses.replace(
        World(recogniser=recogniser).ports, clock=door.office.clock, sink=sink, live=door.hub
    )
    account = CHANNEL.build(SETTINGS, ports)
    sink.bind(door.office.inbox, account.spec)
    routes = channel_routes(
        door.office.inbox,
        [account],
        public_url=PUBLIC_URL,
        read_timeout_s=SOON,
        registry=CollectorRegistry(),
    )
    provider, call = TwilioSimulator(SETTINGS, PUBLIC_URL), call_id()
    async with listening(routes, "127.0.0.1", 0) as port:
        incoming = provider.incoming(CITIZEN, call=call)
        url = f"127.0.0.1:{port}"
        async with door.session.post(
            incoming.url.replace(PUBLIC_URL, f"http://{url}"),
            data=incoming.body,
            headers=dict(incoming.headers),
        ) as answer:
            (stream,) = fromstring(await answer.text()).iter("Stream")  # noqa: S314 - our own
        address = stream.get("url", "").removeprefix(PUBLIC_URL.replace("http", "ws", 1))
        async with door.session.ws_connect(f"ws://{url}{address}") as socket:
            caller = Caller(call, socket)
            await caller.send(
                "start",
                accountSid=SETTINGS.account_sid,
                callSid=call,
                streamSid="MZ" + call[2:],
                tracks=["inbound"],
                mediaFormat={"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
                customParameters={one.get("name"): one.get("value") for one in stream},
            )
            hearing = asyncio.create_task(caller.listen())
            try:
                yield caller
            finally:
                hearing.cancel()
                await asyncio.gather(hearing, return_exceptions=True)
    recogniser.close()


def coming(stream: Stream, name: str) -> "asyncio.Task[dict[str, Any]]":
    """Read until the next news of a type."""

    async def read() -> dict[str, Any]:
        while True:
            found, news = await stream.event()
            if found == name:
                return news

    return asyncio.create_task(read())


async def test_the_words_of_a_call_are_seen_before_it_ends(door: Door) -> None:
    async with watching(door) as stream, calling(door) as caller:
        await caller.sound_until(coming(stream, "call.step"), loud=False)

        began_ms = caller.now_ms
        seen = coming(stream, "transcript.partial")
        await caller.sound_until(seen, loud=True)
        partial = seen.result()
        assert partial["conversation"] == caller.call
        assert partial["data"]["speaker"] == "citizen"
        assert partial["data"]["text"] == WORDS
        assert partial["data"]["start_ms"] == pytest.approx(began_ms, abs=100)

        silent_ms = caller.now_ms
        seen = coming(stream, "transcript.final")
        await caller.sound_until(seen, loud=False)
        final = seen.result()
        assert final["data"]["speaker"] == "citizen"
        assert final["data"]["text"] == WORDS
        assert final["data"]["start_ms"] == partial["data"]["start_ms"]
        assert final["data"]["end_ms"] == pytest.approx(silent_ms, abs=100)

        await door.office.assemble()
        draft = await door.office.only_draft()
        assert draft.draft_id == final["draft_id"] == partial["draft_id"]
        assert draft.state is State.COLLECTING, "the call goes on"
        assert "call.ended" not in [one.type for one in await door.office.told()]

        await caller.send("stop", accountSid=SETTINGS.account_sid, callSid=caller.call)
        ended = coming(stream, "call.ended")
        async with asyncio.timeout(SOON):
            while not ended.done():
                await door.office.assemble()
                await asyncio.sleep(BREATH_S)
        assert ended.result()["draft_id"] == draft.draft_id
