"""A channel at the real door: which address counts, and what may be acknowledged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar
from urllib.parse import urlsplit

from aiohttp import ClientSession
from prometheus_client import CollectorRegistry

from gateway.channel import RawRequest
from gateway.store.engine import BatchOperation, Operation, Store
from gateway.store.errors import StoreDown
from gateway.web.server import listening
from tests.contract.kit.channel_under_test import ChannelUnderTest, with_headers
from tests.contract.kit.core import Core, is_success, running
from tests.contract.kit.fakes import PUBLIC_URL
from tests.contract.kit.rule import Rule

A = TypeVar("A")
R = TypeVar("R")

_LIES = {
    "Host": "evil.example",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Port": "1",
    "X-Forwarded-For": "10.0.0.1",
    "X-Forwarded-Prefix": "/elsewhere",
    "X-Original-URL": "/elsewhere",
    "Forwarded": "host=evil.example;proto=http",
}


async def believes_no_forwarded_address(channel: ChannelUnderTest) -> None:
    """At the real server, behind a proxy or a liar, only the configured address is signed for."""
    async with running(channel) as core:
        plain, lied_to = channel.text(), with_headers(channel.text(), _LIES)
        assert await _post(core, plain) == await _post(core, lied_to)
        assert await core.stored() == 2
        foreign = channel.provider_at("https://evil.example").signed(lied_to)
        proofs = {name: foreign.headers[name] for name in channel.conformance.proof}
        if any(lied_to.headers[name] != proof for name, proof in proofs.items()):
            status, _ = await _post(core, with_headers(lied_to, proofs))
            assert status == 403, "signed for another address"
            assert await core.stored() == 2


async def acknowledges_only_what_is_stored(channel: ChannelUnderTest) -> None:
    """While the store fails, early or late, nobody hears "got it"; then it is stored once."""
    for late in (False, True):
        async with running(channel) as core:
            inbox = core.office.inbox
            failing = FailingStore(inner=core.office.store, late=late)
            core.office.inbox = replace(inbox, ledgers=replace(inbox.ledgers, store=failing))
            raw = channel.text()
            reply = await core.receive(raw)
            assert not is_success(reply), "acknowledged, but the store said nothing of the kind"
            assert reply.status != 400, "a provider does not repeat what it is told is malformed"
            core.office.inbox = inbox
            await core.takes(channel.provider.signed(raw))
            assert await core.stored() == 1


@dataclass(frozen=True)
class FailingStore:
    """A store that fails every write: before doing anything, or ``late``, when it was durable."""

    inner: Store
    late: bool

    async def write(
        self, operation: Operation[R], *, locks: Sequence[str] = (), durable: bool = True
    ) -> R:
        if self.late:
            await self.inner.write(operation, locks=locks, durable=durable)
        raise StoreDown("the disk does not answer", "look at it")

    async def write_batched(
        self, operation: BatchOperation[A, R], item: A, *, lock: str | None = None
    ) -> R:
        if self.late:
            await self.inner.write_batched(operation, item, lock=lock)
        raise StoreDown("the disk does not answer", "look at it")

    async def read(self, operation: Operation[R]) -> R:
        return await self.inner.read(operation)

    async def migrate(self) -> None:
        await self.inner.migrate()

    async def close(self) -> None:
        await self.inner.close()


async def _post(core: Core, raw: RawRequest) -> tuple[int, Mapping[str, str]]:
    """Send a request through the real server; return status and the headers a provider reads."""
    routes = core.channel.core.make_routes(
        core.office.inbox,
        [core.account],
        public_url=PUBLIC_URL,
        read_timeout_s=5.0,
        registry=CollectorRegistry(),
    )
    target = raw.url.removeprefix(PUBLIC_URL)
    assert urlsplit(raw.url).netloc == urlsplit(PUBLIC_URL).netloc
    async with listening(routes, "127.0.0.1", 0) as port, ClientSession() as session:
        headers = {"Content-Type": raw.content_type, **raw.headers}
        url = f"http://127.0.0.1:{port}{target}"
        async with session.request(raw.method, url, headers=headers, data=raw.body) as answer:
            await answer.read()
            return answer.status, {"Content-Type": answer.headers.get("Content-Type", "")}


RULES = tuple(map(Rule, (believes_no_forwarded_address, acknowledges_only_what_is_stored)))
