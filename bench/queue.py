"""The work queue: against procrastinate, with every lane blocked, and under a long backlog.

Worker against worker: both run no-op jobs, sixteen at a time, on one PostgreSQL; counted from the
start of the worker to the last job's end. A backlog is work of one endpoint in lanes of five, each
with its event of about 1 KiB stored beside it.
"""

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Literal

import psutil
from procrastinate import App, PsycopgConnector
from sqlalchemy import Connection, text

from bench.report import Options, Row, median_ratio, percentile
from gateway.domain.clock import SystemClock
from gateway.domain.ids import UlidFactory
from gateway.store import work
from gateway.store.engine import Store
from gateway.store.holding import Pace
from gateway.store.opening import open_store
from gateway.store.wakeup import LocalWakeup
from gateway.store.work import NewWork, Work
from gateway.store.worker import Worker
from tests.peers.postgres import PostgresServer, running_postgres

NAME = "queue"

AT_ONCE = 16
CLAIM = 100
_NOW = 1_790_000_000_000_000
_LEASE = _NOW + 60_000_000
_PAYLOAD = '{"event":"evt_01KAJ3N0000000000000000000","type":"draft.queued"}'

Engine = Literal["SQLite", "PostgreSQL"]
ENGINES: tuple[Engine, ...] = ("SQLite", "PostgreSQL")


def measure(options: Options) -> Iterator[Row]:
    """Yield every comparison."""
    with running_postgres() as server:
        yield _against_procrastinate(server, options)
        for engine in ENGINES:
            yield asyncio.run(_blocked(server, engine, options))
        for engine in ENGINES:
            yield from asyncio.run(_backlog(server, engine, options))


@contextmanager
def _database(server: PostgresServer, engine: Engine) -> Iterator[str]:
    """The address of an empty database, gone afterwards."""
    if engine == "PostgreSQL":
        yield server.create_database()
        return
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite:///{folder}/bench.db"


# --- against procrastinate


def _against_procrastinate(server: PostgresServer, options: Options) -> Row:
    jobs, rounds = (200, 3) if options.quick else (400, 7)
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(asyncio.run(_our_worker(server.create_database(), jobs * 10)))
        theirs.append(asyncio.run(_their_worker(server.create_database(), jobs)))
    return Row(
        what="claim + complete, worker of 16 (PostgreSQL)",
        measured=f"{statistics.median(ours):,.0f}/s",
        yardstick=f"procrastinate, {statistics.median(theirs):,.0f}/s",
        ratio=median_ratio(ours, theirs),
        sense="≥",
        goal=10,
    )


async def _our_worker(url: str, jobs: int) -> float:
    store = await open_store(url)
    await store.write(lambda connection: _fill(connection, 0, jobs, due=0))
    done = 0
    finished = asyncio.Event()

    async def nothing(one: Work) -> None:
        nonlocal done
        await store.write_batched(work.complete_batched, one, lock=one.lane)
        done += 1
        if done == jobs:
            finished.set()

    clock = SystemClock()
    worker = Worker(
        store=store,
        queue="bench",
        handle=nothing,
        clock=clock,
        ids=UlidFactory(clock),
        wakeup=LocalWakeup(),
        note=lambda *_, **__: None,
        pace=Pace(at_once=AT_ONCE),
    )
    start = time.perf_counter()
    running = asyncio.create_task(worker.run())
    await finished.wait()
    seconds = time.perf_counter() - start
    worker.stop()
    await running
    await store.close()
    return jobs / seconds


async def _their_worker(url: str, jobs: int) -> float:
    app = App(connector=PsycopgConnector(conninfo=url, max_size=AT_ONCE))

    @app.task(name="nothing")
    async def nothing() -> None:
        return None

    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        await nothing.batch_defer_async(*({} for _ in range(jobs)))
        start = time.perf_counter()
        await app.run_worker_async(
            wait=False, concurrency=AT_ONCE, listen_notify=False, install_signal_handlers=False
        )
        return jobs / (time.perf_counter() - start)


# --- two databases side by side: every step is made on both, so noise hits both alike


@asynccontextmanager
async def _pair(server: PostgresServer, engine: Engine) -> AsyncIterator[tuple[Store, Store]]:
    with _database(server, engine) as one, _database(server, engine) as other:
        stores = await open_store(one), await open_store(other)
        yield stores
        for store in stores:
            await store.close()


async def _settle(store: Store, engine: Engine) -> None:
    """What a server does by itself within minutes of a large change."""
    await store.write(lambda connection: connection.exec_driver_sql("ANALYZE"))
    if engine == "PostgreSQL":
        await store.write(lambda connection: connection.exec_driver_sql("CHECKPOINT"))


async def _blocked(server: PostgresServer, engine: Engine, options: Options) -> Row:
    """The backend is down: every lane's head waits for its next try, and workers keep asking."""
    items, rounds = (20_000, 100) if options.quick else (200_000, 400)
    empty, full = [], []
    async with _pair(server, engine) as (idle, blocked):
        await _fill_up(blocked, items, due=_LEASE)
        await _settle(blocked, engine)
        for _ in range(rounds):
            empty.append(await _timed_claim(idle))
            full.append(await _timed_claim(blocked))
    return Row(
        what=f"empty claim with {items // 5:,} lanes blocked ({engine})",
        measured=f"{statistics.median(full) * 1e3:.2f} ms",
        yardstick=f"on an empty table, {statistics.median(empty) * 1e3:.2f} ms",
        ratio=statistics.median(full) / statistics.median(empty),
        sense="≤",
        goal=2,
    )


async def _backlog(server: PostgresServer, engine: Engine, options: Options) -> list[Row]:
    items, rounds = (100_000, 100) if options.quick else (1_000_000, 500)
    rss = psutil.Process(os.getpid()).memory_info
    async with _pair(server, engine) as (short, long):
        before = rss().rss
        backlogs = [_Backlog(short, 1_000), _Backlog(long, items)]
        for one in backlogs:
            await one.begin()
            await _settle(one.store, engine)
        for _ in range(rounds):
            for one in backlogs:
                await one.step()
        growth = rss().rss - before
    little, much = backlogs
    p99 = [percentile(one.claims, 0.99) for one in backlogs]
    return [
        Row(
            what=f"claim of {CLAIM} at a backlog of {items:,}, p99 ({engine})",
            measured=f"{p99[1] * 1e3:.1f} ms",
            yardstick=f"at 1,000, {p99[0] * 1e3:.1f} ms",
            ratio=p99[1] / p99[0],
            sense="≤",
            goal=2,
        ),
        Row(
            what=f"drain of a backlog of {items:,} ({engine})",
            measured=f"{much.rate:,.0f}/s",
            yardstick=f"at 1,000, {little.rate:,.0f}/s",
            ratio=much.rate / little.rate,
            sense="≥",
            goal=0.8,
        ),
        Row(
            what=f"memory growth with a backlog of {items:,} ({engine})",
            measured=f"{growth / 1e6:.0f} MB",
            yardstick="before there was any",
            ratio=growth / 1e6,
            sense="≤",
            goal=50,
            unit="MB",
        ),
    ]


class _Backlog:
    """A backlog that keeps its length while its front is claimed and finished."""

    def __init__(self, store: Store, length: int) -> None:
        self.store = store
        self.claims: list[float] = []
        self._next = length
        self._spent = 0.0
        self._done = 0

    @property
    def rate(self) -> float:
        return self._done / self._spent

    async def begin(self) -> None:
        await _fill_up(self.store, self._next, due=0, events=True)

    async def step(self) -> None:
        start = time.perf_counter()
        works = await _claim(self.store)
        self.claims.append(time.perf_counter() - start)
        await asyncio.gather(
            *(self.store.write_batched(work.complete_batched, one, lock=one.lane) for one in works)
        )
        self._spent += time.perf_counter() - start
        self._done += len(works)
        if not works:
            raise RuntimeError("there was nothing to claim")
        more = _more(self._next, len(works))
        self._next += len(works)
        await self.store.write(lambda connection: work.enqueue(connection, more))


async def _fill_up(store: Store, items: int, *, due: int, events: bool = False) -> None:
    step = min(items, 20_000)
    for start in range(0, items, step):
        await store.write(
            lambda connection, start=start: _fill(connection, start, step, due=due, events=events)  # type: ignore[misc]
        )


def _fill(
    connection: Connection, start: int, number: int, *, due: int, events: bool = False
) -> None:
    """Put work into the table by the server itself: lanes of five, the first of each a head."""
    sqlite = connection.dialect.name == "sqlite"
    series = (
        "(WITH RECURSIVE s(n) AS (SELECT :start UNION ALL SELECT n + 1 FROM s"
        " WHERE n + 1 < :start + :number) SELECT n FROM s) AS series"
        if sqlite
        else "generate_series(CAST(:start AS bigint), :start + :number - 1) AS series(n)"
    )
    name = "printf('%026d', n)" if sqlite else "lpad(n::text, 26, '0')"
    values = {"start": start, "number": number, "due": due, "payload": _PAYLOAD}
    connection.execute(
        text(
            "INSERT INTO work (queue, lane, head, state, due, subject, payload, created)"  # noqa: S608
            f" SELECT 'bench', 'out:bench:' || (n / 5), n % 5 = 0, 0, CAST(:due AS bigint) + n,"
            f" {name}, :payload, 0 FROM {series}"
        ),
        values,
    )
    if events:
        connection.execute(
            text(
                "INSERT INTO inbound (inbound_id, kind, account, contact, dedupe, content, slot,"  # noqa: S608
                " flagged, received_at, event)"
                f" SELECT {name}, 'sms', 'main', 'tel:+86138' || n, n, n, 0, FALSE, n, :event"
                f" FROM {series}"
            ),
            {"start": start, "number": number, "event": "x" * 1_000},
        )


def _more(start: int, number: int) -> list[NewWork]:
    return [
        NewWork(
            queue="bench",
            lane=f"out:bench:{n // 5}",
            subject=f"{n:026}",
            payload={"event": "evt_01KAJ3N0000000000000000000", "type": "draft.queued"},
            due=n,
            created=0,
        )
        for n in range(start, start + number)
    ]


async def _claim(store: Store) -> list[Work]:
    return await store.write(
        lambda connection: work.claim(
            connection, queue="bench", limit=CLAIM, now=_NOW, lease=_LEASE, claim_id="0" * 26
        )
    )


async def _timed_claim(store: Store) -> float:
    start = time.perf_counter()
    works = await _claim(store)
    seconds = time.perf_counter() - start
    if works:
        raise RuntimeError("the claim was not empty")
    return seconds
