"""AudioSocket connections: who is let in, what is refused, and that others do not notice."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.voice.asterisk.audiosocket import (
    AudioSocketLine,
    AudioSocketServer,
    BadStream,
    Frames,
    Kind,
)
from channels.voice.asterisk.pacing import Ticker
from tests.contract.kit.fakes import FakeLog
from tests.unit.channels.voice.asterisk.owner import Owner

SOUND = bytes(range(160)) * 2


def frame(kind: int, content: bytes = b"") -> bytes:
    return bytes((kind,)) + len(content).to_bytes(2, "big") + content


@given(st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=400)), max_size=20), st.data())
def test_frames_survive_any_cutting_of_the_stream(
    sent: list[tuple[int, bytes]], data: st.DataObject
) -> None:
    stream = b"".join(frame(kind, content) for kind, content in sent)
    frames, found, place = Frames(), [], 0
    while place < len(stream):
        size = data.draw(st.integers(1, 300))
        found += frames.feed(stream[place : place + size])
        place += size
    assert found == sent


@given(st.binary(max_size=2000))
def test_any_bytes_are_frames_or_refused(content: bytes) -> None:
    try:
        found = Frames().feed(content)
    except BadStream:
        return
    assert sum(3 + len(one) for _, one in found) <= len(content)


class World:
    """A server with a ticker, and connections to it."""

    def __init__(self) -> None:
        self.log = FakeLog()
        self.ticker = Ticker()
        self.server = AudioSocketServer(self.ticker, self.log)
        self.port = 0

    async def connect(self, *content: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(b"".join(content))
        return reader, writer

    async def line(
        self,
    ) -> tuple[Owner, AudioSocketLine, asyncio.StreamReader, asyncio.StreamWriter]:
        owner, name = Owner(), uuid4()
        waiting = self.server.expect(name, owner)
        reader, writer = await self.connect(frame(Kind.NAME, name.bytes))
        async with asyncio.timeout(5):
            return owner, await waiting, reader, writer


@pytest.fixture
async def world() -> AsyncIterator[World]:
    one = World()
    one.port = await one.server.start("127.0.0.1", 0)
    ticking = asyncio.create_task(one.ticker.run())
    yield one
    ticking.cancel()
    await asyncio.gather(ticking, return_exceptions=True)
    await one.server.stop()


async def _read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    async with asyncio.timeout(5):
        head = await reader.readexactly(3)
        return head[0], await reader.readexactly(int.from_bytes(head[1:], "big"))


async def test_audio_and_keys_are_told(world: World) -> None:
    owner, _, _, writer = await world.line()
    writer.write(frame(Kind.AUDIO, SOUND) + frame(Kind.KEY, b"5") + frame(Kind.AUDIO, SOUND))
    async with asyncio.timeout(5):
        while len(owner.audio) < 2 * len(SOUND):
            await asyncio.sleep(0.01)
    assert bytes(owner.audio) == SOUND * 2
    assert owner.keys == "5"
    writer.close()


async def test_silence_is_sent_when_there_is_nothing_to_say(world: World) -> None:
    _, _, reader, writer = await world.line()
    assert [await _read_frame(reader) for _ in range(3)] == [(Kind.AUDIO, bytes(320))] * 3
    writer.close()


async def test_what_is_played_comes_out_in_frames_and_its_end_is_told(world: World) -> None:
    owner, line, reader, writer = await world.line()
    line.play("p1", b"\1" * 700)
    line.play("empty", b"")
    heard = b""
    while len(heard.strip(b"\0")) < 700:
        heard += (await _read_frame(reader))[1]
    await owner.until("over")
    async with asyncio.timeout(5):
        while owner.over != ["p1", "empty"]:
            await asyncio.sleep(0.01)
    assert len(heard) % 320 == 0
    writer.close()


async def test_what_was_not_sent_yet_is_taken_back(world: World) -> None:
    owner, line, reader, writer = await world.line()
    line.play("p1", b"\1" * 160_000)
    line.play("p2", b"\2" * 160_000)
    line.clear()
    assert owner.over == ["p1", "p2"]
    async with asyncio.timeout(5):
        while (await _read_frame(reader))[1] != bytes(320):
            pass
    writer.close()


async def test_a_closed_line_says_goodbye_and_is_not_lost(world: World) -> None:
    owner, line, reader, writer = await world.line()
    line.close()
    frames: list[tuple[int, bytes]] = []
    async with asyncio.timeout(5):
        while not frames or frames[-1][0] != Kind.HANGUP:
            frames.append(await _read_frame(reader))
    assert owner.lost == 0
    writer.close()


async def test_a_line_that_breaks_is_told(world: World) -> None:
    owner, _, _, writer = await world.line()
    writer.transport.abort()
    await owner.until("lost")


HOSTILE = {
    "the name of no call": frame(Kind.NAME, uuid4().bytes),
    "a name that is no UUID": frame(Kind.NAME, b"short"),
    "audio before a name": frame(Kind.AUDIO, SOUND),
    "a frame that is too long": frame(Kind.AUDIO, bytes(60_000)),
    "audio before a name ": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
}


@pytest.mark.parametrize("why", HOSTILE)
async def test_strangers_are_refused_and_calls_go_on(world: World, why: str) -> None:
    owner, _, _, writer = await world.line()
    reader, hostile = await world.connect(HOSTILE[why])
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    (line,) = [one for one in world.log.lines if one.startswith("media_line_refused")]
    assert why.startswith(("audio before", "GET")) or why in line
    writer.write(frame(Kind.AUDIO, SOUND))
    await owner.until("audio")
    assert owner.lost == 0
    for one in (writer, hostile):
        one.close()


async def test_a_name_works_once(world: World) -> None:
    owner, name = Owner(), uuid4()
    waiting = world.server.expect(name, owner)
    _, writer = await world.connect(frame(Kind.NAME, name.bytes))
    await waiting
    reader, second = await world.connect(frame(Kind.NAME, name.bytes))
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    assert owner.lost == 0
    for one in (writer, second):
        one.close()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (frame(0x12, SOUND), "audio in another coding"),
        (frame(0x44, b"x") * 60, "too many senseless frames"),
        (frame(Kind.AUDIO, b"odd") * 60, "too many senseless frames"),
    ],
)
async def test_a_line_that_talks_nonsense_is_closed(world: World, content: bytes, why: str) -> None:
    owner, _, _, writer = await world.line()
    writer.write(content)
    await owner.until("lost")
    assert any(why in line for line in world.log.lines)
    writer.close()


async def test_who_gives_no_name_is_let_go(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("channels.voice.asterisk.audiosocket.NAME_WITHIN_S", 0.05)
    reader, writer = await world.connect()
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    assert "no name in time" in world.log.lines[0]
    writer.close()


async def test_who_waits_no_more_lets_nobody_in(world: World) -> None:
    name = UUID(int=7)
    world.server.expect(name, Owner()).cancel()
    await asyncio.sleep(0)
    reader, writer = await world.connect(frame(Kind.NAME, name.bytes))
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()
