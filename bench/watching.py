"""What it costs that somebody watches many calls: one live stream beside none.

Two gateways with the demo's configuration, recognition off, hold ten calls each at the same time,
in real time; one of them is watched. Counted is the CPU time of each process from the first ring to
the last hang-up, so a noisy neighbour hits both alike; the watched one changes from round to round.
Each round has gateways of its own, because the feed is followed for a minute after the last watcher
has gone.
"""

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil

from bench.callers import Gateway, Statement, gateway
from bench.report import Options, Row, median_ratio
from gateway.demo.reaching import line_audio

NAME = "watching"

_CALLS = 10
_GOAL = 1.1
_SAID = Path("config/demo/callers/zh1.wav")
_CANNOT_HEAR = "speech: {model: null}"


def measure(options: Options) -> Iterator[Row]:
    """Yield the row."""
    watched, alone, news = [], [], 0
    for number in range(1 if options.quick else 5):
        with (
            tempfile.TemporaryDirectory() as folder,
            gateway(Path(folder) / "a", more=_CANNOT_HEAR) as one,
            gateway(Path(folder) / "b", more=_CANNOT_HEAR) as other,
        ):
            first, second = (one, other) if number % 2 else (other, one)
            seen, unseen, count = asyncio.run(_round(first, second))
        watched.append(seen)
        alone.append(unseen)
        news += count
    ratio = median_ratio(watched, alone)
    yield Row(
        what=f"CPU of {_CALLS} calls at once, one watcher of all",
        measured=f"{watched[-1]:.2f} s, {news // len(watched)} news, {len(watched)} rounds",
        yardstick=f"nobody watches, {alone[-1]:.2f} s",
        ratio=ratio,
        sense="≤",
        goal=_GOAL,
    )


async def _round(watched: Gateway, alone: Gateway) -> tuple[float, float, int]:
    """Hold the calls; return the CPU seconds of both processes, and how much news was seen."""
    said = Statement.of([line_audio(_SAID)], pause_ms=0)
    async with watched.watched() as watching:
        before = _cpu_s(watched), _cpu_s(alone)
        await asyncio.gather(
            *(
                running.hold(said, sender=f"+86138001390{place:02}")
                for running in (watched, alone)
                for place in range(_CALLS)
            )
        )
        after = _cpu_s(watched), _cpu_s(alone)
    return after[0] - before[0], after[1] - before[1], len(watching.news)


def _cpu_s(running: Gateway) -> float:
    times = psutil.Process(running.pid).cpu_times()
    return times.user + times.system
