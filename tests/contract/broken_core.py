"""Cores with one thing wrong each: what the kit's rules about the whole gateway must catch."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from aiohttp import web
from prometheus_client import CollectorRegistry

from gateway.channel import Account, Malformed, RawRequest
from gateway.channel.contract import ChannelSpec
from gateway.channel.errors import StoreBusy
from gateway.domain.errors import GatewayError
from gateway.domain.intake import Event, Ignored, InboundMessage, Outcome
from gateway.intake.awaited import EXPIRED
from gateway.intake.inbox import Inbox
from gateway.intake.media import MediaFetcher
from gateway.web.guesses import Guesses
from gateway.web.ingress import Ingress
from gateway.web.timing import AckTimes


class AcknowledgesDespiteStoreFailure(Inbox):
    """What could not be stored is called accepted all the same."""

    async def commit(self, spec: ChannelSpec, events: Sequence[Event], raw: bytes) -> Outcome:
        try:
            return await super().commit(spec, events, raw)
        except StoreBusy:
            return Outcome(status="accepted")


class BlamesTheProvider(Inbox):
    """A store that is down makes a request malformed, and the provider never comes again."""

    async def commit(self, spec: ChannelSpec, events: Sequence[Event], raw: bytes) -> Outcome:
        try:
            return await super().commit(spec, events, raw)
        except StoreBusy:
            raise Malformed("it could not be stored") from None


class StoresWithoutAUniqueKey(Inbox):
    """Every delivery is stored under a key of its own."""

    async def commit(self, spec: ChannelSpec, events: Sequence[Event], raw: bytes) -> Outcome:
        return await super().commit(spec, keyed(events, lambda _: self.ids.new()), raw)


class ForgetsAfterFiveMinutes(Inbox):
    """The memory of ids is a short window, and what comes after it is new."""

    async def commit(self, spec: ChannelSpec, events: Sequence[Event], raw: bytes) -> Outcome:
        window = int(self.clock.monotonic() // 300)
        return await super().commit(spec, keyed(events, lambda key: f"{key}@{window}"), raw)


class KnowsIdsAlone(Inbox):
    """An id that was seen is a duplicate, whoever sends it and whatever they say."""

    async def commit(self, spec: ChannelSpec, events: Sequence[Event], raw: bytes) -> Outcome:
        blurred = [
            one
            if isinstance(one, Ignored)
            else msgspec.structs.replace(one, contact="x:x", text="", reporter=None)
            for one in events
        ]
        return await super().commit(spec, blurred, raw)


class KnowsNobodyWithoutAnId(Inbox):
    """Without a provider's id every delivery is new, however fast it is repeated."""

    async def commit(self, spec: ChannelSpec, events: Sequence[Event], raw: bytes) -> Outcome:
        hasty = dataclasses.replace(spec, redelivery_window_s=-1.0)
        return await super().commit(hasty, events, raw)


class NeverHearsTheSameTwice(Inbox):
    """Without a provider's id equal content is the same message for ever."""

    async def commit(self, spec: ChannelSpec, events: Sequence[Event], raw: bytes) -> Outcome:
        stubborn = dataclasses.replace(spec, redelivery_window_s=1e9)
        return await super().commit(stubborn, events, raw)


class OpensACaseForEveryMessage(Inbox):
    """No two messages belong together."""

    async def commit(self, spec: ChannelSpec, events: Sequence[Event], raw: bytes) -> Outcome:
        alone = [
            one
            if isinstance(one, Ignored)
            else msgspec.structs.replace(one, conversation=self.ids.new())
            for one in events
        ]
        return await super().commit(spec, alone, raw)


class StoresWhatIsIgnored(Inbox):
    """Whatever was verified is stored, even what the channel has no use for."""

    async def commit(self, spec: ChannelSpec, events: Sequence[Event], raw: bytes) -> Outcome:
        kept = [
            InboundMessage(contact="x:x", entry="x", dedupe_key=one.reason)
            if isinstance(one, Ignored)
            else one
            for one in events
        ]
        return await super().commit(spec, kept, raw)


class FetchesFilesFirst(Inbox):
    """Files come before the commit, so a file that fails takes the words with it."""

    async def commit(self, spec: ChannelSpec, events: Sequence[Event], raw: bytes) -> Outcome:
        if any(isinstance(one, InboundMessage) and one.media for one in events):
            raise StoreBusy("a file cannot be fetched")
        return await super().commit(spec, events, raw)


class GivesFilesUpAtOnce(MediaFetcher):
    """The first failure is the last word on a file."""

    async def _later(self, wanted: Any, error: GatewayError, asked: float | None) -> None:
        await self._lose(wanted, EXPIRED)


class SaysNothingOfLostFiles(MediaFetcher):
    """A file that is gone is waited for for ever."""

    async def _lose(self, wanted: Any, state: str) -> None:
        await self._settle(wanted, lambda ledger, filed: None)


class BelievesTheProxy(Ingress):
    """The signed address is rebuilt from what a request says of itself."""

    def _raw(
        self, request: web.Request, body: bytes, prefix: str, path: str | None = None
    ) -> RawRequest:
        host = request.headers.get("X-Forwarded-Host", "hotline.example")
        url = f"https://{host}{request.raw_path}"
        return msgspec.structs.replace(super()._raw(request, body, prefix, path), url=url)


def gullible_routes(
    inbox: Inbox,
    accounts: Sequence[Account],
    *,
    public_url: str,
    read_timeout_s: float,
    registry: CollectorRegistry,
) -> list[web.RouteDef]:
    """Mount the accounts behind a door that believes the proxy."""
    return BelievesTheProxy(
        inbox=inbox,
        public_url=public_url,
        read_timeout_s=read_timeout_s,
        times=AckTimes(registry),
        guesses=Guesses.counted_by(inbox.clock),
    ).routes(accounts)


def keyed(events: Sequence[Event], key: Callable[[str], str]) -> Sequence[Event]:
    """Return events with other keys."""
    return [
        one
        if isinstance(one, Ignored)
        else msgspec.structs.replace(one, dedupe_key=key(one.dedupe_key))
        for one in events
    ]


ACKNOWLEDGES_FIRST = """
import asyncio
from gateway.domain.intake import Outcome
from gateway.intake.inbox import Door

genuine, tasks = Door.receive, set()

async def later(door, raw):
    await asyncio.sleep(0.1)
    await genuine(door, raw)

async def receive(door, raw):
    tasks.add(asyncio.create_task(later(door, raw)))
    return door.answer(raw, Outcome(status="accepted"))

Door.receive = receive
"""
"""A gateway that acknowledges at once and stores when it finds the time."""

TAKES_EVERYTHING_FOR_NEW = """
from gateway.intake.inbox import Inbox
from tests.contract.broken_core import keyed

genuine = Inbox.commit

async def commit(inbox, spec, events, raw):
    return await genuine(inbox, spec, keyed(events, lambda key: inbox.ids.new()), raw)

Inbox.commit = commit
"""
"""A gateway without a unique key: a redelivery after a crash is another message."""
