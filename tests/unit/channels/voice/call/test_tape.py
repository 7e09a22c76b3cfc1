"""The recording: two voices on one time line, whatever comes late, early, or not at all."""

import asyncio
from contextlib import suppress
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.voice.call.tape import Tape
from tests.contract.kit.fakes import FakeLog
from tests.unit.channels.voice.fakes import FakeRecorder, quiet, tone

Samples = npt.NDArray[np.int16]


async def recorded(*doing: tuple[str, int]) -> tuple[Samples, Samples]:
    """Record caller ``hear``, gateway ``say``, agent ``agent`` for so many milliseconds each."""
    recorder = FakeRecorder()
    tape = Tape(recorder, FakeLog(), "call")
    await tape.open()
    writing = asyncio.create_task(tape.run())
    for what, length in doing:
        match what:
            case "hear":
                for _ in range(length // 20):
                    tape.hear(quiet(20))
                    await asyncio.sleep(0)
            case "say":
                tape.say(tone(length, level=3000))
            case "hush":
                tape.hush()
            case "join":
                tape.joined()
            case _:
                tape.hear_agent(tone(length, level=5000))
    writing.cancel()
    with suppress(asyncio.CancelledError):
        await writing
    assert await tape.finish() is not None
    both = np.frombuffer(bytes(recorder.tapes["call"]), "<i2").reshape(-1, 2)
    return both[:, 0], both[:, 1]


def sounding(samples: Samples) -> list[tuple[int, int]]:
    """Stretches of sound in whole frames of 20 ms, as (from, to) in milliseconds."""
    loud = [
        bool(np.abs(part).max(initial=0) > 100) for part in np.split(samples, len(samples) // 160)
    ]
    edges = [0, *(at for at in range(1, len(loud)) if loud[at] != loud[at - 1]), len(loud)]
    return [(begin * 20, end * 20) for begin, end in pairwise(edges) if loud[begin]]


async def test_what_is_said_lies_where_it_was_heard() -> None:
    _, right = await recorded(("hear", 400), ("say", 200), ("hear", 1000))
    assert sounding(right) == [(400, 600)]


async def test_what_is_said_follows_what_is_still_being_said() -> None:
    _, right = await recorded(
        ("hear", 100), ("say", 200), ("say", 200), ("hear", 1000), ("say", 100), ("hear", 400)
    )
    assert sounding(right) == [(100, 500), (1100, 1200)]


async def test_what_is_taken_back_ends_there() -> None:
    _, right = await recorded(
        ("say", 1000), ("hear", 300), ("hush", 0), ("hear", 300), ("say", 100), ("hear", 200)
    )
    assert sounding(right) == [(0, 300), (600, 700)]


async def test_a_persons_voice_begins_where_he_joins() -> None:
    frames = [pair for _ in range(25) for pair in (("agent", 20), ("hear", 20))]
    _, right = await recorded(("hear", 1000), ("join", 0), *frames, ("hear", 500))
    assert sounding(right) == [(1000, 1500)]


async def test_a_person_who_is_late_by_a_moment_keeps_his_place() -> None:
    frames = [pair for _ in range(25) for pair in (("hear", 20), ("agent", 20))]
    _, right = await recorded(("hear", 980), ("join", 0), ("hear", 200), *frames, ("hear", 500))
    assert sounding(right) == [(980, 1480)]


async def test_both_voices_are_heard_when_they_meet() -> None:
    _, right = await recorded(("join", 0), ("say", 200), ("agent", 200), ("hear", 400))
    assert np.abs(right[:1600]).max() > 7000


async def test_an_agent_who_floods_the_line_fills_no_memory() -> None:
    left, right = await recorded(("join", 0), *[("agent", 1000)] * 60, ("hear", 200))
    assert len(left) == len(right) == 1600


async def test_a_recorder_that_breaks_is_noted_once_and_forgotten() -> None:
    recorder, log = FakeRecorder(), FakeLog()
    tape = Tape(recorder, log, "call")
    await tape.open()

    async def fails(pcm: bytes) -> None:
        raise OSError

    assert tape._recording is not None
    tape._recording.write = fails  # type: ignore[method-assign]
    writing = asyncio.create_task(tape.run())
    for _ in range(100):
        tape.hear(quiet(20))
        await asyncio.sleep(0)
    writing.cancel()
    assert tape.broken
    assert len(log.lines) == 1


async def test_a_disk_that_hangs_fills_no_memory() -> None:
    recorder = FakeRecorder(hangs=True)
    tape = Tape(recorder, FakeLog(), "call")
    await tape.open()
    writing = asyncio.create_task(tape.run())
    for _ in range(100 * 50):
        tape.hear(quiet(20))
        if not tape.broken:
            await asyncio.sleep(0)
    writing.cancel()
    assert tape.broken
    assert len(tape._left) < 10_000 * 16


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["hear", "say", "hush", "join", "agent"]),
            st.sampled_from([20, 40, 200, 1000]),
        ),
        max_size=30,
    )
)
@settings(deadline=None, max_examples=60)
def test_the_recording_is_as_long_as_what_was_heard(doing: list[tuple[str, int]]) -> None:
    heard = sum(length for what, length in doing if what == "hear")
    if not heard:
        return
    left, right = asyncio.run(recorded(*doing))
    assert len(left) == len(right) == heard * 8
    assert not left.any()
