"""Durable appends: group commit against one commit each, and against Redis Streams.

256 callers wait for their own append and then do the next, as 256 open provider requests do. One
append is an event of about 1 KiB with its raw body, looked up for redeliveries, stored and queued;
Redis gets the same bytes as one stream entry, pipelined by whoever waits, ``appendfsync always``.
"""

import asyncio
import gc
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
from redis.asyncio import Redis

from bench.report import Options, Row, median_ratio
from gateway.domain.clock import SystemClock
from gateway.domain.ids import UlidFactory
from gateway.domain.intake import InboundMessage
from gateway.store import inbound
from gateway.store.engine import BATCH_LIMIT
from gateway.store.inbound import NewInbound
from gateway.store.sqlite import SqliteStore
from tests.peers.redis_server import running_redis

NAME = "store"

WAITERS = 256
_TEXT = "路灯坏了三天了，晚上孩子放学很危险，请尽快派人来修。" * 6
_RAW = b"&".join(b"Field%d=value+number+%d" % (n, n) for n in range(22))


def measure(options: Options) -> Iterator[Row]:
    """Yield both comparisons out of the same rounds."""
    number, rounds = (4_000, 3) if options.quick else (20_000, 5)
    grouped, single, redis = [], [], []
    for _ in range(rounds):
        grouped.append(asyncio.run(_sqlite(number, BATCH_LIMIT)))
        redis.append(asyncio.run(_redis(number)))
        single.append(asyncio.run(_sqlite(number // 10, 1)))
    ours = f"{statistics.median(grouped):,.0f}/s"
    yield Row(
        what=f"durable append at {WAITERS} waiters (SQLite)",
        measured=ours,
        yardstick=f"one commit each, {statistics.median(single):,.0f}/s",
        ratio=median_ratio(grouped, single),
        sense="≥",
        goal=5,
    )
    yield Row(
        what=f"durable append at {WAITERS} waiters (SQLite)",
        measured=ours,
        yardstick=f"Redis Streams always, pipelined, {statistics.median(redis):,.0f}/s",
        ratio=median_ratio(grouped, redis),
        sense="≥",
        goal=1.5,
    )


def arrivals(number: int) -> list[NewInbound]:
    """That many different messages of 4,000 citizens."""
    clock = SystemClock()
    ids = UlidFactory(clock)
    numbers = count(1)
    messages = (
        InboundMessage(
            contact=f"tel:+86138{n % 4_000:08}",
            entry="+861012345",
            dedupe_key=f"SM{n:032x}",
            occurred_at=clock.now(),
            text=_TEXT,
        )
        for n in (next(numbers) for _ in range(number))
    )
    return [
        NewInbound(
            inbound_id=ids.new(),
            kind="sms",
            account="main",
            event=one,
            lane=inbound.lane("sms", "main", one),
            received_at=time.time_ns() // 1_000,
            raw=_RAW,
            window_s=60,
        )
        for one in messages
    ]


async def rate(number: int, waiters: int, act: Callable[[int], Awaitable[Any]]) -> float:
    """Let waiters act on 0 … number-1, each one thing at a time; return how many a second."""
    gc.collect()
    gc.freeze()  # the prepared input is not part of what is measured
    left = iter(range(number))

    async def wait_in_turn() -> None:
        for place in left:
            await act(place)

    start = time.perf_counter()
    await asyncio.gather(*(wait_in_turn() for _ in range(waiters)))
    seconds = time.perf_counter() - start
    gc.unfreeze()
    return number / seconds


async def _sqlite(number: int, group: int) -> float:
    items = arrivals(number)
    lanes = [inbound.lane(item.kind, item.account, item.event) for item in items]
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "bench.db", group=group)
        await store.open()
        await store.migrate()
        measured = await rate(
            number,
            WAITERS,
            lambda n: store.write_batched(inbound.append, items[n], lock=lanes[n]),
        )
        await store.close()
    return measured


class _Pipeline:
    """Sends whatever waits as one pipeline, as our writer commits whatever waits."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._waiting: list[tuple[dict[Any, Any], asyncio.Future[None]]] = []
        self._news = asyncio.Event()

    async def add(self, fields: dict[Any, Any]) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((fields, future))
        self._news.set()
        await future

    async def run(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while self._waiting:
                batch = self._waiting[:BATCH_LIMIT]
                del self._waiting[:BATCH_LIMIT]
                pipeline = self._client.pipeline(transaction=False)
                for fields, _ in batch:
                    _ = pipeline.xadd("inbound", fields)  # queued, not sent
                await pipeline.execute()
                for _, future in batch:
                    future.set_result(None)


async def _redis(number: int) -> float:
    encode = msgspec.json.Encoder().encode
    entries: list[dict[Any, Any]] = [
        {"id": item.inbound_id, "event": encode(item.event), "raw": item.raw}
        for item in arrivals(number)
    ]
    with running_redis(["--appendonly", "yes", "--appendfsync", "always"]) as server:
        client: Redis = Redis.from_url(server.url)
        pipeline = _Pipeline(client)
        running = asyncio.create_task(pipeline.run())
        measured = await rate(number, WAITERS, lambda n: pipeline.add(entries[n]))
        running.cancel()
        if await client.xlen("inbound") != number:
            raise RuntimeError("Redis has lost entries")
        await client.aclose()
    return measured
