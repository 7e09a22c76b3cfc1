"""What one delivery costs: sign, send, log and promote against a bare aiohttp POST.

Run ``python -m bench.delivery``. Both send the same bodies, sixteen at a time, to the same bare
sink in a process of its own, in alternating rounds; counted is the CPU time of this process with
all its threads. Ours claims from a SQLite store, signs, sends through the guarded client, logs the
attempt, finishes the work and lets the lane go on, all durable.
"""

import argparse
import asyncio
import gc
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import aiohttp

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

TARGET = 2.0
AT_ONCE = 16
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """CPU microseconds for one delivery and for one bare POST, medians of the rounds."""

    deliveries: int
    rounds: int
    ours_us: float
    bare_us: float

    @property
    def ratio(self) -> float:
        """How many bare POSTs one delivery costs."""
        return self.ours_us / self.bare_us

    @property
    def met(self) -> bool:
        """Whether the ratio is within its target."""
        return self.ratio <= TARGET

    def __str__(self) -> str:
        return (
            f"delivery sign+send+log+promote {self.ours_us:>5.0f} µs CPU, bare aiohttp POST "
            f"{self.bare_us:>5.0f} µs: {self.ratio:.2f} x  target <= {TARGET:.0f} x "
            f"{'met' if self.met else 'MISSED'}  ({self.rounds} rounds of {self.deliveries})"
        )


def run(*, deliveries: int = 3000, rounds: int = 3) -> Row:
    """Measure and return the row."""
    with sink() as port, tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(Path(folder), port, deliveries, rounds))


async def _measure(folder: Path, port: int, deliveries: int, rounds: int) -> Row:
    url = f"http://127.0.0.1:{port}/hook"
    endpoint = Endpoint(
        name="sink",
        url=url,
        secret="a secret for the benchmark",  # type: ignore[arg-type]
        events=("draft.created",),
        allow=("127.0.0.0/8",),  # type: ignore[arg-type]
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
        (courier,) = await couriers([endpoint], ledgers=ledgers, http=http, note=lambda *_, **__: 0)
        running = asyncio.create_task(courier.run())
        await _deliver(ledgers, courier, 500)  # warm: statements, connections, the window
        gc.freeze()  # as hotline serve does before it accepts
        bodies = await _bodies(store, 500)
        for _ in range(rounds):
            ours.append(await _deliver(ledgers, courier, deliveries) / deliveries)
            bare.append(await _post(url, bodies, deliveries) / deliveries)
        courier.stop()
        await running
    office = DeliveryOffice(
        store=store, clock=clock, wakeup=ledgers.wakeup, endpoints=(endpoint,)
    )
    (summary,) = await office.summary()
    await store.close()
    if summary.pending or summary.dead:
        raise RuntimeError("the benchmark did not deliver everything")
    return Row(
        deliveries=deliveries,
        rounds=rounds,
        ours_us=statistics.median(ours) * 1e6,
        bare_us=statistics.median(bare) * 1e6,
    )


async def _deliver(ledgers: Ledgers, courier: Courier, number: int) -> float:
    """Publish while nothing is sent, then deliver everything; return the CPU seconds of that."""
    gate = courier.gate
    gate.standing, open_ = type(gate.standing)(paused="loading"), gate.standing
    for start in range(0, number, 500):
        await ledgers.write("bench", lambda ledger, start=start: _file(ledger, 500, start))  # type: ignore[misc]
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


def _file(ledger: Ledger, number: int, _start: int) -> None:
    at = datetime.now(UTC)
    for _ in range(number):
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


def main() -> int:
    """Print the row; exit 1 when the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--deliveries", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    row = run(deliveries=args.deliveries, rounds=args.rounds)
    print(row)
    return 0 if row.met else 1


if __name__ == "__main__":
    raise SystemExit(main())
