"""The media WebSocket: nothing is dropped by Asterisk's queue, everything can be taken back."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from channels.voice.asterisk.websocket import WebSocketLine, WrongMedia
from tests.contract.kit.fakes import FakeLog
from tests.unit.channels.voice.asterisk.media_server import START, MediaServer, connected
from tests.unit.channels.voice.asterisk.owner import Owner

SECOND = 16_000


@asynccontextmanager
async def line(
    server: MediaServer, log: FakeLog | None = None
) -> AsyncIterator[tuple[WebSocketLine, Owner]]:
    async with connected(server) as socket:
        owner = Owner()
        one = WebSocketLine(socket, owner, log or FakeLog())
        await one.begin()
        try:
            yield one, owner
        finally:
            one.close()
            await one.closed()


async def so(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


async def test_a_minute_of_prompt_arrives_whole_and_never_fills_the_queue() -> None:
    server = MediaServer()
    pcm = bytes(range(256)) * (60 * SECOND // 256)
    async with line(server) as (one, owner):
        one.play("p1", pcm)
        while not owner.over:
            await server.hear(100)
            await asyncio.sleep(0.01)
    assert bytes(server.heard[: len(pcm)]) == pcm
    assert not bytes(server.heard[len(pcm) :]).strip(b"\0")
    assert server.longest <= 500
    assert server.dropped == 0
    assert owner.over == ["p1"]


async def test_the_end_of_a_prompt_is_told_when_it_was_heard_and_not_before() -> None:
    server = MediaServer()
    async with line(server) as (one, owner):
        one.play("p1", bytes(SECOND))
        one.play("p2", b"")
        await so(lambda: len(server.queue) == 52)
        await server.hear(49)
        await server.tell(event="nothing of interest")
        await server.tell(event="DTMF_END", digit="1")
        await owner.until("keys")
        assert owner.over == []
        await server.hear(1)
        await so(lambda: owner.over == ["p1", "p2"])


async def test_taking_back_empties_the_queue_and_what_was_to_follow() -> None:
    server = MediaServer()
    async with line(server) as (one, owner):
        one.play("p1", bytes(30 * SECOND))
        one.play("p2", bytes(SECOND))
        await so(lambda: server.frames == 500)
        one.clear()
        assert owner.over == ["p1", "p2"]
        one.play("p3", bytes(SECOND))
        await so(lambda: server.flushed == 1 and server.frames == 50)
        await server.hear(50)
        await so(lambda: owner.over == ["p1", "p2", "p3"])


async def test_xoff_is_obeyed() -> None:
    server = MediaServer()
    async with line(server) as (one, owner):
        await server.tell(event="MEDIA_XOFF")
        await server.tell(event="DTMF_END", digit="1")
        await owner.until("keys")
        one.play("p1", bytes(SECOND))
        await asyncio.sleep(0.05)
        assert server.frames == 0
        await server.tell(event="MEDIA_XON")
        await so(lambda: server.frames == 50)


async def test_audio_and_keys_come_in() -> None:
    server = MediaServer()
    async with line(server) as (_, owner):
        assert server.socket is not None
        await server.socket.send_bytes(b"\1" * 320)
        await server.tell(event="DTMF_END", digit="#")
        await owner.until("keys")
        assert (bytes(owner.audio), owner.keys) == (b"\1" * 320, "#")


@pytest.mark.parametrize(
    "greeting",
    [
        {**START, "format": "ulaw"},
        {**START, "optimal_frame_size": 640},
        {"event": "STATUS"},
        ["no", "object"],
    ],
)
async def test_another_codec_or_no_greeting_is_refused(greeting: object) -> None:
    async with connected(MediaServer(greeting=greeting)) as socket:
        with pytest.raises(WrongMedia):
            await WebSocketLine(socket, Owner(), FakeLog()).begin()
        assert socket.closed


async def test_a_socket_that_ends_is_told_once_however_it_ends() -> None:
    server = MediaServer()
    async with line(server) as (one, owner):
        assert server.socket is not None
        await server.socket.close()
        await owner.until("lost")
        one.close()
        assert owner.lost == 1


async def test_a_message_that_is_too_long_ends_the_line() -> None:
    server = MediaServer()
    async with line(server) as (_, owner):
        assert server.socket is not None
        await server.socket.send_bytes(bytes(100_000))
        await owner.until("lost")
        assert owner.audio == b""


async def test_nonsense_is_borne_for_a_while_and_then_ends_the_line() -> None:
    server, log = MediaServer(), FakeLog()
    async with line(server, log) as (_, owner):
        assert server.socket is not None
        for _ in range(51):
            await server.socket.send_bytes(b"odd")
        await owner.until("lost")
        assert "too many senseless messages" in log.lines[0]
