"""Recordings of an outage become drafts once; what is broken harms nobody."""

import os
import struct
from pathlib import Path

import pytest

from channels.voice.asterisk.outage import OutageRecordings
from gateway.domain.intake import CallEvent, CallMoment
from tests.contract.kit.fakes import FakeClock, FakeHttp, FakeLog, ports
from tests.unit.channels.voice.fakes import FakeSink

NAME = "hotline_1795298240.7_1795298241_13800138000_12345.wav"
SECOND = b"\1\2" * 8000


def wav(pcm: bytes, length: int | None = None) -> bytes:
    """A WAV file as Asterisk writes it: the length comes last."""
    size = len(pcm) if length is None else length
    form = struct.pack("<HHIIHH", 1, 1, 8000, 16000, 2, 16)
    head = b"RIFF" + struct.pack("<I", size + 36) + b"WAVEfmt " + struct.pack("<I", 16) + form
    return head + b"data" + struct.pack("<I", size) + pcm


class World:
    """A folder, and what came of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = FakeLog()
        self.clock = FakeClock()
        self.sink = FakeSink()
        given = ports(clock=self.clock, http=FakeHttp(), log=self.log)
        self.recordings = OutageRecordings(folder=folder, ports=given)

    def put(self, content: bytes, name: str = NAME) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path

    @property
    def events(self) -> list[CallEvent]:
        return [one for one in self.sink.events if isinstance(one, CallEvent)]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_a_recording_says_whose_call_it_was(world: World) -> None:
    world.put(wav(SECOND))
    assert await world.recordings.take_all(world.sink) == 1
    began, ended = world.events
    assert (began.moment, ended.moment) == (CallMoment.STARTED, CallMoment.ENDED)
    assert began.contact == "tel:+8613800138000"
    assert began.entry == "12345"
    assert began.occurred_at is not None
    assert began.occurred_at.timestamp() == 1795298241
    assert ended.recording is not None
    assert (ended.duration_ms, ended.cause) == (1000, "recorded_by_pbx")
    assert (world.folder / "done" / NAME).exists()


async def test_it_is_taken_once_even_when_it_could_not_be_moved(world: World) -> None:
    path = world.put(wav(SECOND))
    await world.recordings.take_all(world.sink)
    (world.folder / "done" / NAME).rename(path)
    await world.recordings.take_all(world.sink)
    assert len(world.events) == 2


async def test_a_withheld_number_makes_an_anonymous_reporter(world: World) -> None:
    world.put(wav(SECOND), "hotline_17.1_1795298241__12345.wav")
    await world.recordings.take_all(world.sink)
    assert world.events[0].contact == "unknown:17.1-pbx"


async def test_what_is_still_being_recorded_is_left_alone_until_it_is_clear_that_it_broke_off(
    world: World,
) -> None:
    path = world.put(wav(SECOND, length=0))
    now = world.clock.now().timestamp()
    os.utime(path, (now, now))
    assert await world.recordings.take_all(world.sink) == 0
    world.clock.advance(3600)
    assert await world.recordings.take_all(world.sink) == 1
    assert world.events[-1].duration_ms == 1000


async def test_while_the_store_is_busy_everything_stays_where_it_is(world: World) -> None:
    path = world.put(wav(SECOND))
    world.sink.busy = 1
    assert await world.recordings.take_all(world.sink) == 0
    assert path.exists()
    assert await world.recordings.take_all(world.sink) == 1


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (wav(b"\0\0" * 100), NAME),
        (b"RIFF and nothing more that makes sense, but long enough to be looked at", NAME),
        (wav(SECOND), "hotline_1_2_3.wav"),
        (wav(SECOND), "greeting.wav"),
        (wav(SECOND), "hotline_1_99999999999999_3_4.wav"),
        (wav(SECOND), "hotline_1_999999999999_3_4.wav"),
    ],
)
async def test_what_no_draft_can_be_made_of_is_put_apart(
    world: World, content: bytes, name: str
) -> None:
    world.put(content, name)
    world.put(wav(SECOND), "hotline_9.9_1795298241__12345.wav")
    assert await world.recordings.take_all(world.sink) == 1
    assert (world.folder / "refused" / name).exists()
    assert any("outage_recording_refused" in line for line in world.log.lines)
    assert not any("3_4" in line for line in world.log.lines)


async def test_a_folder_that_is_not_there_is_no_fault(world: World) -> None:
    gone = OutageRecordings(folder=world.folder / "gone", ports=world.recordings.ports)
    assert await gone.take_all(world.sink) == 0
