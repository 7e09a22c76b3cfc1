"""What one delivery costs: sign, send, log and promote against a bare aiohttp POST.

Run ``python -m bench delivery``. Both send the same bodies, sixteen at a time, to the same bare
sink in a process of its own, in alternating rounds; counted is the CPU time of this process with
all its threads. Ours claims from a SQLite store, signs, sends through the guarded client, logs the
attempt, finishes the work and lets the lane go on, all durable.
"""

import asyncio
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from ipaddress import IPv4Network
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import aiohttp
from pydantic import SecretStr

from bench.report import Options, Row, median_ratio
from gateway.cli._garbage import collect_rarely
from gateway.config import Endpoint
from gateway.delivery.courier import Courier
from gateway.delivery.office import DeliveryOffice
from gateway.delivery.wiring import couriers, subscriptions
from gateway.domain.clock import SystemClock
from gateway.domain.draft import Reporter, Request, WorkOrderDraft
from gateway.domain.ids import UlidFactory
from gateway.domain.lifecycle import State
from gateway.domain.receipt import receipt_no
from gateway.egress.client import EgressClient
from gateway.store import feed
from gateway.store.drafts import Filing
from gateway.store.engine import Store
from gateway.store.ledger import Ledger, Ledgers
from gateway.store.opening import open_store
from gateway.store.wakeup import LocalWakeup

NAME = "delivery"
AT_ONCE = 16
_STEP = 500
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def measure(options: Options) -> Iterable[Row]:
    """Measure and return the row."""
    deliveries, rounds = (1000, 2) if options.quick else (3000, 5)
    with sink() as port, tempfile.TemporaryDirectory(dir=options.folder) as folder:
        ours, bare = asyncio.run(_measure(Path(folder), port, deliveries, rounds))
    yield Row(
        what="sign + send + log + promote, CPU of one delivery",
        measured=f"{statistics.median(ours) * 1e6:.0f} µs",
        yardstick=f"a bare aiohttp POST, {statistics.median(bare) * 1e6:.0f} µs",
        ratio=median_ratio(ours, bare),
        sense="≤",
        goal=2,
    )


async def _measure(
    folder: Path, port: int, deliveries: int, rounds: int
) -> tuple[list[float], list[float]]:
    """Return the CPU seconds of one delivery and of one bare POST, round by round."""
    url = f"http://127.0.0.1:{port}/hook"
    endpoint = Endpoint(
        name="sink",
        url=url,
        secret=SecretStr("a secret for the benchmark"),
        events=("draft.created",),
        allow=(IPv4Network("127.0.0.0/8"),),
        forwards=False,
    )
    store = await open_store(f"sqlite:///{folder}/bench.db")
    clock = SystemClock()
    ledgers = Ledgers(
        store=store,
        clock=clock,
        ids=UlidFactory(clock),
        wakeup=LocalWakeup(),
        subscriptions=subscriptions([endpoint]),
    )
    ours, bare = [], []
    async with EgressClient() as http:
        (courier,) = await couriers([endpoint], ledgers=ledgers, http=http, note=_unnoted)
        running = asyncio.create_task(courier.run())
        await _deliver(ledgers, courier, 500)  # warm: statements, connections, the window
        collect_rarely()  # as hotline serve does before it accepts
        bodies = await _bodies(store, 500)
        for _ in range(rounds):
            ours.append(await _deliver(ledgers, courier, deliveries) / deliveries)
            bare.append(await _post(url, bodies, deliveries) / deliveries)
        courier.stop()
        await running
    office = DeliveryOffice(store=store, clock=clock, wakeup=ledgers.wakeup, endpoints=(endpoint,))
    (summary,) = await office.summary()
    await store.close()
    if summary.pending or summary.dead:
        raise RuntimeError("the benchmark did not deliver everything")
    return ours, bare


async def _deliver(ledgers: Ledgers, courier: Courier, number: int) -> float:
    """Publish while nothing is sent, then deliver everything; return the CPU seconds of that."""
    gate = courier.gate
    gate.standing, open_ = type(gate.standing)(paused="loading"), gate.standing
    for _ in range(0, number, _STEP):
        await ledgers.write("bench", _file)
    gate.standing = open_
    began = time.process_time()
    ledgers.wake()
    while await _pending(ledgers.store):
        await asyncio.sleep(0.05)
    return time.process_time() - began


async def _pending(store: Store) -> int:
    return await store.read(
        lambda one: int(one.exec_driver_sql("SELECT EXISTS (SELECT 1 FROM work)").scalar_one())
    )


def _unnoted(*_: object, **__: object) -> None:
    """Nobody reads along."""


def _file(ledger: Ledger) -> None:
    at = datetime.now(UTC)
    for _ in range(_STEP):
        draft_id = ledger.new_id()
        ledger.create(
            WorkOrderDraft(
                schema_version="1.0",
                draft_id=draft_id,
                receipt_no=receipt_no(at.date(), _next()),
                jurisdiction="370100",
                revision=1,
                state=State.COLLECTING,
                channel="sms",
                received_at=at,
                updated_at=at,
                reporter=Reporter(kind="person", phone="+8613800000001"),
                request=Request(type="complaint", title="路灯不亮", content="路灯不亮了。" * 20),
                confidential=False,
            ),
            Filing(
                kind="sms",
                account="main",
                contact="tel:+8613800000001",
                entry="12345",
                conversation=None,
                query_hash="0" * 64,
                seal_at=None,
            ),
        )


def _numbers() -> Iterator[int]:
    yield from range(1, 1_000_000)


_next = _numbers().__next__


async def _bodies(store: Store, number: int) -> list[bytes]:
    told, _, _ = await store.read(lambda one: feed.after(one, 0, limit=number))
    return [one.body for one in told]


async def _post(url: str, bodies: list[bytes], number: int) -> float:
    """Post with a bare aiohttp session; return the CPU seconds."""
    left = iter(range(number))

    async def poster(session: aiohttp.ClientSession) -> None:
        for place in left:
            body = bodies[place % len(bodies)]
            headers = {"Content-Type": "application/json"}
            async with session.post(url, data=body, headers=headers) as response:
                await response.read()

    async with aiohttp.ClientSession() as session:
        began = time.process_time()
        await asyncio.gather(*(poster(session) for _ in range(AT_ONCE)))
        return time.process_time() - began


class _Sink(asyncio.Protocol):
    """Answers each complete request with 200 and does nothing else."""

    def __init__(self) -> None:
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
            if len(self._buffer) < end + 4 + length:
                return
            self._buffer = self._buffer[end + 4 + length :]
            self._transport.write(_ANSWER)


@contextmanager
def sink() -> Iterator[int]:
    """Run the sink in a process of its own and give its port."""
    near, far = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(far,), daemon=True)
    process.start()
    far.close()
    try:
        yield near.recv()
    finally:
        process.terminate()
        process.join()


def _serve(far: Connection) -> None:
    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(_Sink, "127.0.0.1", 0)
        far.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())
