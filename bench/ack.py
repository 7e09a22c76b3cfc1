"""How long a provider waits for its acknowledgement, beside the time it is willing to wait.

Each channel of the conformance kit gets 100 signed deliveries a second through the real server into
SQLite, while its messages are assembled beside it. Deliveries leave when they are due, whatever the
earlier ones do, and their time counts from then. Sender and gateway share one process and its core.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence

from aiohttp import ClientSession, TCPConnector
from prometheus_client import CollectorRegistry

from bench.report import Options, Row, percentile
from gateway.channel import RawRequest
from gateway.channel.discovery import discover
from gateway.web.server import listening
from gateway.web.surfaces import channel_routes
from tests.contract.kit.channel_under_test import ChannelUnderTest
from tests.contract.kit.core import Core, running
from tests.contract.kit.fakes import PUBLIC_URL

NAME = "ack"

A_SECOND = 100
_SHARE = 20


def measure(options: Options) -> Iterator[Row]:
    """Yield one row for every channel."""
    seconds = 5 if options.quick else 30
    for kind, channel in sorted(discover().items()):
        under_test = ChannelUnderTest.of(channel)
        deadline_s = under_test.account.spec.ack_deadline_s
        p99 = percentile(asyncio.run(_waits(under_test, seconds * A_SECOND)), 0.99)
        yield Row(
            what=f"{kind}: acknowledgement at {A_SECOND} messages a second, p99",
            measured=f"{p99 * 1000:.0f} ms",
            yardstick=f"the provider waits {deadline_s:g} s",
            ratio=100 * p99 / deadline_s,
            sense="≤",
            goal=_SHARE,
            unit="%",
        )


async def _waits(channel: ChannelUnderTest, number: int) -> Sequence[float]:
    """Send ``number`` deliveries, evenly spread; return how long each waited, in seconds."""
    provider = channel.provider
    deliveries = [
        provider.message("路灯坏了", sender=_citizen(channel, place)) for place in range(number)
    ]
    async with running(channel) as core:
        routes = channel_routes(
            core.office.inbox,
            [core.account],
            public_url=PUBLIC_URL,
            read_timeout_s=30.0,
            registry=CollectorRegistry(),
        )
        async with listening(routes, "127.0.0.1", 0) as port:
            assembling = asyncio.create_task(_assemble(core))
            try:
                waits = await _send(f"http://127.0.0.1:{port}", deliveries)
            finally:
                assembling.cancel()
                await asyncio.gather(assembling, return_exceptions=True)
        assert await core.stored() == number
    return waits


async def _send(server: str, deliveries: Sequence[RawRequest]) -> Sequence[float]:
    async with ClientSession(connector=TCPConnector(limit=0)) as session:
        begin = time.perf_counter() + 0.1

        async def deliver(place: int, raw: RawRequest) -> float:
            due = begin + place / A_SECOND
            await asyncio.sleep(due - time.perf_counter())
            headers = {"Content-Type": raw.content_type, **raw.headers}
            url = server + raw.url.removeprefix(PUBLIC_URL)
            async with session.request(raw.method, url, headers=headers, data=raw.body) as answer:
                await answer.read()
                assert 200 <= answer.status < 300, answer.status
            return time.perf_counter() - due

        return await asyncio.gather(*(deliver(*one) for one in enumerate(deliveries)))


def _citizen(channel: ChannelUnderTest, place: int) -> str:
    """Return one of many citizens, in the notation of the channel's sample citizens."""
    sample = channel.conformance.senders[0]
    return f"+86138{place:08d}" if sample.startswith("+86138") else f"{sample}-{place}"


async def _assemble(core: Core) -> None:
    while True:
        await core.office.assemble()
        await asyncio.sleep(0.01)
