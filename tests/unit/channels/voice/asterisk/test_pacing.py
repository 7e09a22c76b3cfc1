"""Counting audio is counting time: silence takes the place of what the network lost."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from channels.voice.asterisk.pacing import BYTES_PER_S, Gapless, Ticker

FRAME_S = 0.02
FRAME = int(FRAME_S * BYTES_PER_S)


def test_audio_that_comes_in_time_is_left_alone() -> None:
    audio = Gapless(0.0)
    for n in range(1, 500):
        audio.take(FRAME, n * FRAME_S)
        assert audio.lacking(n * FRAME_S) == 0


def test_a_short_stumble_is_waited_for() -> None:
    audio = Gapless(0.0)
    assert audio.lacking(0.35) == 0


@given(st.lists(st.tuples(st.booleans(), st.floats(0.001, 3.0)), max_size=60))
def test_what_was_told_never_falls_far_behind_the_clock(steps: list[tuple[bool, float]]) -> None:
    audio, now, told = Gapless(0.0), 0.0, 0
    for speaks, seconds in steps:
        now += seconds
        if speaks:
            size = int(seconds / FRAME_S) * FRAME
            audio.take(size, now)
            told += size
        filled = audio.lacking(now)
        assert filled % FRAME == 0
        told += filled
        assert now - told / BYTES_PER_S < 0.4 + FRAME_S


def test_late_audio_is_never_thrown_away() -> None:
    audio = Gapless(0.0)
    filled = audio.lacking(2.0)
    audio.take(2 * BYTES_PER_S, 2.1)
    assert filled > 0
    assert audio.lacking(2.2) == 0


async def test_a_ticker_calls_until_it_is_told_not_to() -> None:
    ticker, calls = Ticker(), []

    def called(now: float) -> None:
        calls.append(now)
        if len(calls) == 3:
            ticker.remove(called)
            done.set()

    done = asyncio.Event()
    ticker.add(called)
    running = asyncio.create_task(ticker.run())
    async with asyncio.timeout(10):
        await done.wait()
    await asyncio.sleep(0.1)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert len(calls) == 3
