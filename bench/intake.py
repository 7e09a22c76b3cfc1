"""What one text message costs to take in: the whole of it beside a handler that does nothing.

``hotline serve --role ingress`` on SQLite checks Twilio's signature, translates, commits durably
and answers; an aiohttp server reads the same bytes and gives the same answer. Both are processes of
their own, log no requests, collect garbage alike and get the same kind of signed requests, none
twice, over 64 open connections in short rounds that alternate, so that a busy spell of the machine
meets both; counted is the CPU time of the server's process with all its threads. The gateway runs
on uvloop, the yardstick on the loop that aiohttp gets when nobody chooses one.
"""

import asyncio
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path

from aiohttp import web
from pydantic import SecretStr

from bench.report import Options, Row, median_ratio
from channels.sms.config import SmsSettings
from channels.sms.simulator import TwilioSimulator
from channels.sms.twilio.webhook import ACCEPTED
from gateway.channel import RawRequest
from gateway.cli._garbage import collect_rarely

NAME = "intake"

CONNECTIONS = 64
_CITIZENS = 500
_TEXT = "路灯坏了三天没人修,请尽快处理,谢谢"
_PUBLIC_URL = "https://hotline.example"
_SETTINGS = SmsSettings(
    kind="sms",
    account="main",
    account_sid="AC" + "0" * 32,
    auth_token=(SecretStr("a token for the benchmark"),),
    number="+15005550006",
)
_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length:"


def measure(options: Options) -> Iterator[Row]:
    """Yield the row."""
    number, rounds = (1000, 7) if options.quick else (2000, 15)
    simulator = TwilioSimulator(_SETTINGS, _PUBLIC_URL)
    numbers = count(1)

    def signed(how_many: int) -> list[bytes]:
        return [_message(simulator, next(numbers)) for _ in range(how_many)]

    ours, empty = [], []
    with (
        tempfile.TemporaryDirectory(dir=options.folder) as folder,
        _gateway(Path(folder)) as gateway,
        _empty_server() as nothing,
    ):
        for server in (gateway, nothing):
            server.cost(signed(500))  # warm: statements, connections, caches
        for _ in range(rounds):
            ours.append(gateway.cost(signed(number)))
            empty.append(nothing.cost(signed(number)))
    yield Row(
        what=f"signed durable SMS, CPU of one at {CONNECTIONS} connections (SQLite)",
        measured=f"{statistics.median(ours) * 1e6:.0f} µs",
        yardstick=f"an empty aiohttp handler, {statistics.median(empty) * 1e6:.0f} µs",
        ratio=median_ratio(ours, empty),
        sense="≤",
        goal=2,
    )


class _Server:
    """A server in a process of its own, and the open connections to it."""

    def __init__(self, process_id: int, runner: asyncio.Runner, lines: Sequence["_Line"]) -> None:
        # The kernel's clock of another process's CPU time, as clock_getcpuclockid(3) makes its
        # number; the usual counters tick every 10 ms, a tenth of a round.
        self._clock = ~process_id << 3 | 2
        self._runner = runner
        self._lines = lines

    def cost(self, requests: Sequence[bytes]) -> float:
        """Send these requests; return the CPU seconds that one of them cost the server."""
        began = time.clock_gettime(self._clock)
        self._runner.run(_send(self._lines, requests))
        return (time.clock_gettime(self._clock) - began) / len(requests)


_Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@contextmanager
def _connected(process_id: int, port: int) -> Iterator[_Server]:
    async def dial() -> list[_Line]:
        return [await asyncio.open_connection("127.0.0.1", port) for _ in range(CONNECTIONS)]

    async def hang_up(lines: Sequence[_Line]) -> None:
        for _, writer in lines:
            writer.close()
            await writer.wait_closed()

    with asyncio.Runner() as runner:
        lines = runner.run(dial())
        yield _Server(process_id, runner, lines)
        runner.run(hang_up(lines))


@contextmanager
def _gateway(folder: Path) -> Iterator[_Server]:
    """Run ``hotline serve --role ingress`` with one SMS account."""
    channel = _SETTINGS.model_dump(include={"kind", "account", "account_sid", "number"})
    config = folder / "bench.yaml"
    config.write_text(
        json.dumps(
            {
                "site": {"name": "bench", "jurisdiction": "370100", "public_url": _PUBLIC_URL},
                "speech": {"model": None},
                "channels": [{**channel, "auth_token": "${HOTLINE_BENCH_TOKEN}"}],
            }
        )
    )
    command = [sys.executable, "-m", "gateway.cli", "serve", "--role", "ingress", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--config", str(config), "--data", str(folder)],
        env={**os.environ, "HOTLINE_BENCH_TOKEN": _SETTINGS.auth_token[0].get_secret_value()},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        ready = process.stdout.readline()
        if not ready.startswith("ready "):
            raise RuntimeError("hotline serve did not start")
        with _connected(process.pid, int(ready.rpartition(":")[2])) as server:
            yield server
    finally:
        process.terminate()
        process.communicate()


@contextmanager
def _empty_server() -> Iterator[_Server]:
    """Run the aiohttp server whose handler reads the body and answers."""
    near, far = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_do_nothing, args=(far,), daemon=True)
    process.start()
    far.close()
    try:
        port = int(near.recv())
        assert process.pid is not None
        with _connected(process.pid, port) as server:
            yield server
    finally:
        process.terminate()
        process.join()


def _do_nothing(far: Connection) -> None:
    async def handle(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=ACCEPTED.body, content_type=ACCEPTED.content_type)

    async def serve() -> None:
        application = web.Application()
        application.router.add_post("/channels/sms/main", handle)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        collect_rarely()
        far.send(runner.addresses[0][1])
        await asyncio.Event().wait()

    asyncio.run(serve())


def _message(simulator: TwilioSimulator, number: int) -> bytes:
    """One message as the bytes of its HTTP request."""
    sender = f"+86138{number % _CITIZENS:08}"
    raw = simulator.message(_TEXT, sender=sender, message_id=f"SM{number:032x}")
    return _on_the_wire(raw)


def _on_the_wire(raw: RawRequest) -> bytes:
    # HTTP by hand: a client library would cost more than the servers and slow them down.
    headers = {
        "Host": "hotline.example",
        "Content-Type": raw.content_type,
        **raw.headers,
        "Content-Length": str(len(raw.body)),
    }
    lines = [f"{raw.method} {raw.url.removeprefix(_PUBLIC_URL)} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + _HEAD_END + raw.body


async def _send(lines: Sequence[_Line], requests: Sequence[bytes]) -> None:
    """Send every request, as many at a time as there are connections; all must be accepted."""
    left = iter(requests)

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for request in left:
            writer.write(request)
            head = (await reader.readuntil(_HEAD_END)).lower()
            length = int(head.partition(_LENGTH)[2].split(b"\r\n")[0])
            await reader.readexactly(length)
            if not head.startswith(b"http/1.1 200 "):
                raise RuntimeError(head.partition(b"\r\n")[0].decode())

    await asyncio.gather(*(converse(*line) for line in lines))
