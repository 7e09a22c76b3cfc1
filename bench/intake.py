"""What taking in one signed text message costs, beside the emptiest aiohttp handler there is.

The same requests, signed by the provider's own code, go over the same 64 connections to the real
``hotline serve`` (durable in SQLite, answered only then) and to an aiohttp server whose handler
returns nothing; counted is the CPU time of each server's process with all its threads.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
from aiohttp import web
from pydantic import SecretStr

from bench.report import Options, Row, median_ratio
from channels.sms.config import SmsSettings
from channels.sms.simulator import TwilioSimulator
from gateway.web.server import IDLE_S, free_port

NAME = "intake"

CONNECTIONS = 64
_SID = "AC" + "0" * 32
_TOKEN = "a token for the benchmark"
_NUMBER = "+15005550006"
_PUBLIC_URL = "http://127.0.0.1:12345"
_TEXT = "路灯坏了三天了，晚上孩子放学很危险，请尽快派人来修。"
_CONFIG = f"""
site:
  name: benchmark
  jurisdiction: "370100"
  timezone: Asia/Shanghai
  public_url: {_PUBLIC_URL}
  language: zh-CN
store: {{url: "sqlite:///@folder@/hotline.db"}}
blobs: {{url: "file:@folder@/blobs"}}
entries: {{"12345": {{source: 市民热线}}}}
channels:
  - {{kind: sms, account: main, provider: twilio, account_sid: {_SID},
      auth_token: "${{HOTLINE_BENCH_TOKEN}}", number: "{_NUMBER}"}}
log: {{level: warning, format: json}}
"""


def measure(options: Options) -> Iterator[Row]:
    """Yield the one comparison."""
    number, rounds = (2_000, 3) if options.quick else (6_000, 5)
    ours, empty = [], []
    with (
        tempfile.TemporaryDirectory() as folder,
        _gateway(Path(folder)) as gateway,
        _emptiness() as emptiness,
    ):
        simulator = TwilioSimulator(
            SmsSettings(
                kind="sms",
                account="main",
                account_sid=_SID,
                auth_token=(SecretStr(_TOKEN),),
                number=_NUMBER,
            ),
            _PUBLIC_URL,
        )
        for place in range(-1, rounds):  # one round to warm both up
            requests = _requests(simulator, number, place)
            spent = [_spent(server, requests) / number for server in (gateway, emptiness)]
            if place >= 0:
                ours.append(spent[0])
                empty.append(spent[1])
    yield Row(
        what="signed durable SMS, CPU of one request",
        measured=f"{statistics.median(ours) * 1e6:.0f} µs",
        yardstick=f"an empty aiohttp handler, {statistics.median(empty) * 1e6:.0f} µs",
        ratio=median_ratio(ours, empty),
        sense="≤",
        goal=2,
    )


def _requests(simulator: TwilioSimulator, number: int, place: int) -> list[bytes]:
    """That many different messages of 1,000 citizens, as bytes on the wire."""
    made = []
    for n in range(number):
        raw = simulator.message(f"{_TEXT} {place} {n}", sender=f"+86138{n % 1000:08}")
        headers = {**raw.headers, "Content-Type": raw.content_type, "Host": "127.0.0.1"}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        path = raw.url.removeprefix(_PUBLIC_URL)
        head = f"POST {path} HTTP/1.1\r\n{lines}Content-Length: {len(raw.body)}\r\n\r\n"
        made.append(head.encode() + raw.body)
    return made


class _Server:
    """A server process and the port it listens on."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.port = port
        self._process = psutil.Process(process.pid)

    def cpu_s(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)


@contextmanager
def _started(command: Sequence[str], port: int, environment: dict[str, str]) -> Iterator[_Server]:
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("ready"):
                break
        else:
            raise RuntimeError(f"{command} did not start")
        yield _Server(process, port)
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def _gateway(folder: Path) -> Iterator[_Server]:
    config = folder / "hotline.yaml"
    config.write_text(_CONFIG.replace("@folder@", str(folder)), "utf-8")
    port = free_port()
    command = [
        *(sys.executable, "-m", "gateway.cli", "serve", "--config", str(config)),
        *("--role", "ingress", "--port", str(port)),
    ]
    with _started(command, port, {"HOTLINE_BENCH_TOKEN": _TOKEN}) as server:
        yield server


@contextmanager
def _emptiness() -> Iterator[_Server]:
    port = free_port()
    with _started([sys.executable, "-m", "bench.intake", str(port)], port, {}) as server:
        yield server


def _spent(server: _Server, requests: Sequence[bytes]) -> float:
    """Send every request and return the CPU seconds the server used for them."""
    before = server.cpu_s()
    asyncio.run(_send(server.port, requests))
    return server.cpu_s() - before


async def _send(port: int, requests: Sequence[bytes]) -> None:
    left = iter(requests)

    async def talk() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in left:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            status = head.split(b" ", 2)[1]
            if not status.startswith(b"2"):
                raise RuntimeError(f"answered {status.decode()}")
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or 0)
            await reader.readexactly(length)
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(talk() for _ in range(CONNECTIONS)))


async def _serve_nothing(port: int) -> None:
    """The yardstick: no verifying, no parsing, no storing, not even reading the body."""

    async def nothing(_: web.Request) -> web.Response:
        return web.Response()

    application = web.Application()
    application.add_routes([web.post("/channels/sms/main", nothing)])
    runner = web.AppRunner(application, access_log=None, keepalive_timeout=IDLE_S)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve_nothing(int(sys.argv[1])))
