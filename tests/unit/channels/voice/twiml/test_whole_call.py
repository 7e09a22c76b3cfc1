"""Simulated calls over real HTTP and WebSocket on loopback, spoken as Twilio speaks them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import cast

import pytest
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer

from channels.voice import CHANNEL
from channels.voice.config import TargetSettings, VoiceSettings
from channels.voice.simulator import TwilioSimulator
from channels.voice.twiml.caller import CallRefused
from gateway.channel import (
    AnswersAfterLookup,
    AnswersInContext,
    RawRequest,
    SocketChannel,
    WebhookChannel,
)
from gateway.channel.errors import Unverified
from gateway.channel.simulation import PlacedCall
from gateway.domain.intake import CallMoment, Ignored, Outcome
from tests.unit.channels.voice.fakes import World, tone

pytestmark = pytest.mark.slow  # calls take their time

PUBLIC_URL = "https://hotline.example"
SETTINGS = VoiceSettings.model_validate(
    {
        "kind": "voice",
        "account": "demo",
        "account_sid": "AC" + "0" * 32,
        "auth_token": "an-invented-auth-token",
    }
)
MOUNT = "/channels/voice/demo"
CITIZEN = "+8613800138000"
# Fast, and still slow enough for a busy machine to keep the two sides together.
SPEED = 20.0


class _WebSocket:
    """The core's socket, as thin as it can be."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket

    async def receive(self) -> str | bytes | None:
        message = await self._socket.receive()
        if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
            return cast(str | bytes, message.data)
        return None

    async def send(self, message: str) -> None:
        if not self._socket.closed:
            await self._socket.send_str(message)

    async def close(self, code: int = 1000) -> None:
        await self._socket.close(code=code)


@asynccontextmanager
async def gateway(world: World, settings: VoiceSettings = SETTINGS) -> AsyncIterator[str]:
    """Serve one account as the core would, and give its address."""
    account = CHANNEL.build(settings, world.ports)

    async def raw_of(request: web.Request) -> RawRequest:
        return RawRequest(
            method=request.method,
            url=PUBLIC_URL + request.path_qs,
            path=request.path.removeprefix(MOUNT),
            headers=request.headers,
            body=await request.read(),
            query=request.query_string,
        )

    def serves(webhook: WebhookChannel):  # type: ignore[no-untyped-def]
        async def serve(request: web.Request) -> web.Response:
            raw = await raw_of(request)
            try:
                webhook.verify(raw)
            except Unverified:
                return web.Response(status=403)
            stored = [event for event in webhook.parse(raw) if not isinstance(event, Ignored)]
            outcome = await world.sink.commit(stored) if stored else Outcome(status="ignored")
            if isinstance(webhook, AnswersAfterLookup):
                reply = await webhook.answer_after(raw, outcome)
            elif isinstance(webhook, AnswersInContext):
                reply = webhook.answer(raw, outcome)
            else:
                reply = webhook.acknowledge(outcome)
            return web.Response(status=reply.status, body=reply.body)

        return serve

    async def listen(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        path = request.path.removeprefix(MOUNT)
        (route,) = (route for route in account.routes if route.path == path)
        raw = await raw_of(request)
        await cast(SocketChannel, route.handler).converse(_WebSocket(socket), raw)
        return socket

    app = web.Application()
    for route in account.routes:
        sockets = ("/media", "/talk")
        handler = listen if route.path in sockets else serves(cast(WebhookChannel, route.handler))
        app.router.add_route(route.method, MOUNT + route.path, handler)
    async with TestServer(app) as server:
        yield str(server.make_url("/")).rstrip("/")


async def placed(
    world: World, settings: VoiceSettings = SETTINGS, *, keys: str = "", hang_up: int | None = None
) -> PlacedCall:
    async with gateway(world, settings) as server:
        return await TwilioSimulator(SETTINGS, PUBLIC_URL).place_call(
            tone(1500), sender=CITIZEN, server=server, speed=SPEED, keys=keys,
            hang_up_after_ms=hang_up,
        )  # fmt: skip


async def test_a_caller_speaks_and_hears_the_receipt_number_twice() -> None:
    world = World()
    call = await placed(world)
    assert call.ended_by == "gateway"
    assert call.afterwards == "hangup"
    assert call.numbers == ("2611210000018", "2611210000018", "204816")
    assert call.marks > 1
    assert world.sink.said == ["井盖丢了"]
    moments = [event.moment for event in world.sink.moments]
    told = [CallMoment.STARTED, CallMoment.PROGRESS, CallMoment.ENDED]
    assert moments == told, "the carrier's news adds nothing"
    assert world.sink.end.recording is not None


async def test_a_key_ends_the_statement() -> None:
    call = await placed(World(), keys="#")
    assert call.ended_by == "gateway"
    assert call.numbers[0] == "2611210000018"


async def test_a_caller_who_hangs_up_in_mid_sentence_still_gets_a_draft() -> None:
    world = World()
    call = await placed(world, hang_up=800)
    assert call.ended_by == "caller"
    assert call.numbers == ()
    assert call.afterwards is None
    assert "井盖丢了" in world.sink.said
    assert world.sink.end.cause == "caller_hung_up"


async def test_a_house_that_is_full_lets_the_carrier_record() -> None:
    world = World()
    settings = SETTINGS.model_copy(update={"max_calls": 0})
    call = await placed(world, settings)
    assert call.afterwards == "record"
    assert [event.cause for event in world.sink.moments] == ["carrier_completed"]


async def test_english_numbers_are_heard_too() -> None:
    call = await placed(World(), SETTINGS.model_copy(update={"language": "en"}))
    assert call.numbers == ("2611210000018", "2611210000018", "204816")


async def test_a_caller_with_another_secret_is_not_let_in() -> None:
    wrong = SETTINGS.model_copy(
        update={"auth_token": VoiceSettings.model_validate(
            {**SETTINGS.model_dump(), "auth_token": "another-token"}
        ).auth_token}
    )  # fmt: skip
    world = World()
    async with gateway(world) as server:
        with pytest.raises(CallRefused, match="403"):
            await TwilioSimulator(wrong, PUBLIC_URL).place_call(
                tone(100), sender=CITIZEN, server=server, speed=SPEED
            )
    assert world.sink.events == []


async def test_a_gateway_that_is_not_there_is_named_in_one_line() -> None:
    async with gateway(World()) as server:
        pass
    with pytest.raises(CallRefused) as refused:
        await TwilioSimulator(SETTINGS, PUBLIC_URL).place_call(
            tone(100), sender=CITIZEN, server=server, speed=SPEED
        )
    assert server in refused.value.message
    assert "hotline serve" in refused.value.cure


async def test_a_busy_store_is_apologised_for_over_the_wire() -> None:
    world = World()
    world.sink.busy = 4
    async with gateway(world) as server:
        call = await TwilioSimulator(SETTINGS, PUBLIC_URL).place_call(
            tone(100), sender=CITIZEN, server=server, speed=SPEED
        )
    assert call.numbers == ()
    assert call.ended_by == "gateway"
    assert replace(call, heard=b"").heard_ms > 3000


async def test_a_caller_is_handed_to_people_and_comes_back_to_live_audio() -> None:
    """Live audio, then the carrier's own <Dial>, then live audio again: one call, one draft."""
    world = World()
    noon = world.clock.now().replace(hour=4, minute=0) + timedelta(days=1)  # in Shanghai
    world.clock.advance((noon - world.clock.now()).total_seconds())
    settings = SETTINGS.model_copy(
        update={"targets": {"operators": TargetSettings(ring=("+8653112345001",))}}
    )
    async with gateway(world, settings) as server:
        call = await TwilioSimulator(settings, PUBLIC_URL).follow_script(
            ["0", "finished", "1"], sender=CITIZEN, server=server, speed=SPEED
        )
    assert call.ended_by == "gateway"
    moments = [event.moment for event in world.sink.moments]
    assert moments.count(CallMoment.STARTED) == 1
    assert moments[-1] is CallMoment.ENDED
    assert any(event.rating for event in world.sink.moments)
    keys = [event.dedupe_key for event in world.sink.events]
    assert len(keys) == len(set(keys)), "nothing is told under the same name twice"
    recordings = [event.recording for event in world.sink.moments if event.recording]
    assert len({one.id for one in recordings}) == 2
    assert world.sink.end.digits == "01"
