"""How a gateway is built of its parts, and how they start and stop."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TextIO

from prometheus_client import CollectorRegistry

from gateway.app.hearing import recogniser_of
from gateway.app.running import Listening, Working, kept_running
from gateway.app.site import folder_of, key_of, rules_of, site_of
from gateway.app.workers import Parts, workers_of
from gateway.blobs import DirectoryBlobs, DirectoryRecorder
from gateway.channel.contract import Account, ChannelKind
from gateway.channel.ports import Ports
from gateway.channel.speech import Unavailable
from gateway.config import Config
from gateway.delivery.wiring import subscriptions
from gateway.domain.clock import SystemClock
from gateway.domain.ids import Clock, Ids, UlidFactory
from gateway.egress.client import EgressClient
from gateway.intake.casebook import Casebook
from gateway.intake.desk import Desk
from gateway.intake.inbox import AccountSink, Inbox
from gateway.intake.lookup import Lookup
from gateway.intake.recovery import Salvage
from gateway.speech.lexicon import load_lexicon
from gateway.store import work
from gateway.store.engine import Store
from gateway.store.ledger import Ledgers
from gateway.store.opening import open_store, open_wakeup
from gateway.store.sqlite import SqliteStore
from gateway.store.steps import Reach, no_step
from gateway.telemetry.logs import set_up
from gateway.telemetry.notes import Notes, notes
from gateway.understanding import Places
from gateway.web.live import LiveHub, LiveMeter
from gateway.web.live_feed import FeedFollower
from gateway.web.live_relay import relayed
from gateway.web.pages import Pages

if TYPE_CHECKING:  # signal processing is loaded only where a channel carries voice
    from gateway.speech.session import GatedRecogniser


class Role(StrEnum):
    """What a process does: everything, only the doors, or only the work behind them."""

    ALL = "all"
    INGRESS = "ingress"
    WORKER = "worker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """A built gateway, for the web floor to show and for ``work`` to run."""

    config: Config
    role: Role
    clock: Clock
    ids: Ids
    key: bytes
    store: Store
    ledgers: Ledgers
    inbox: Inbox
    desk: Desk
    blobs: DirectoryBlobs
    accounts: tuple[Account, ...]
    workers: tuple[Working, ...]
    speech: "GatedRecogniser | Unavailable"
    live: LiveHub
    note: Notes
    registry: CollectorRegistry

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Run this process's workers; on leaving, let them finish what they have in hand."""
        tasks = [
            asyncio.create_task(kept_running(worker, note=self.note)) for worker in self.workers
        ]
        try:
            yield
        finally:
            for worker in self.workers:
                worker.stop()
            await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def built(
    config: Config,
    kinds: Mapping[str, ChannelKind],
    *,
    role: Role = Role.ALL,
    reach: Reach = no_step,
    log_to: TextIO = sys.stderr,
) -> AsyncIterator[Gateway]:
    """Build a gateway from its configuration and close every part of it on leaving.

    Raises ``GatewayError`` with the cure when the store, a secret or a channel is not as it must
    be: then nothing has been accepted yet.
    """
    registry = CollectorRegistry()
    note = notes(set_up(config.log.level, config.log.format, log_to), registry)
    clock = SystemClock()
    ids = UlidFactory(clock)
    key = key_of(config)
    async with AsyncExitStack() as stack:
        store = await open_store(config.store.url, reach=reach)
        stack.push_async_callback(store.close)
        if isinstance(store, SqliteStore) and role is not Role.INGRESS:
            # This is the only process of its file, so whoever held a lease is gone.
            await store.write(work.abandon_all_leases)
        wakeup = await stack.enter_async_context(open_wakeup(config.redis.url, note))
        live = LiveHub(epoch=ids.new(), meter=LiveMeter(registry))
        await stack.enter_async_context(relayed(live, config.redis.url, note))
        http = await stack.enter_async_context(EgressClient())
        blobs = DirectoryBlobs(config.blobs.directory)
        await blobs.open()
        recorder = DirectoryRecorder(blobs)
        lexicon = await asyncio.to_thread(
            load_lexicon, config.speech.lexicon, jurisdiction=config.site.jurisdiction
        )
        speech = await recogniser_of(config, lexicon, note, registry)
        if not isinstance(speech, Unavailable):
            stack.callback(speech.close)

        cases = Lookup(store=store, key=key, clock=clock)
        sinks: list[AccountSink] = []
        accounts: list[Account] = []
        for settings in config.channels:
            sink = AccountSink()
            kind = kinds[settings.kind]
            ports = Ports(
                site=site_of(config, key),
                clock=clock,
                ids=ids,
                http=http,
                sink=sink,
                uploads=blobs,
                cases=cases,
                pages=Pages(folder_of(kind) / "templates", config.site.name),
                recogniser=speech,
                recorder=recorder,
                log=note,
                live=live,
            )
            sinks.append(sink)
            accounts.append(kind.build(settings, ports))

        ledgers = Ledgers(
            store=store,
            clock=clock,
            ids=ids,
            wakeup=wakeup,
            subscriptions=subscriptions(config.endpoints),
        )
        city = await asyncio.to_thread(Places, lexicon.places)
        casebook = Casebook(rules_of(config, accounts, key, city, note))
        inbox = Inbox(
            ledgers=ledgers,
            casebook=casebook,
            uploads=blobs,
            clock=clock,
            ids=ids,
            note=note,
            forget_recording=recorder.forget,
            reach=reach,
        )
        for sink, account in zip(sinks, accounts, strict=True):
            sink.bind(inbox, account.spec)
        await _open_accounts(accounts, stack)
        if role is not Role.WORKER:
            salvage = Salvage(inbox=inbox, clock=clock, forget=recorder.forget, note=note)
            for found in await recorder.recover():
                await salvage.keep(found.name, found.recording)

        workers: tuple[Working, ...] = ()
        if role is not Role.INGRESS:
            parts = Parts(config, key, store, wakeup, http, blobs, speech, note, reach, ledgers)
            workers = await workers_of(parts, casebook, accounts)
        if role is not Role.WORKER:
            workers += (FeedFollower(store=store, hub=live),)
            # What is taken in must find the work behind it: sources start last and stop first.
            workers += tuple(
                Listening(account.source, sink)
                for sink, account in zip(sinks, accounts, strict=True)
                if account.source is not None
            )
        yield Gateway(
            config=config,
            role=role,
            clock=clock,
            ids=ids,
            key=key,
            store=store,
            ledgers=ledgers,
            inbox=inbox,
            desk=Desk(ledgers=ledgers, casebook=casebook),
            blobs=blobs,
            accounts=tuple(accounts),
            workers=workers,
            speech=speech,
            live=live,
            note=note,
            registry=registry,
        )


async def _open_accounts(accounts: Sequence[Account], stack: AsyncExitStack) -> None:
    for account in accounts:
        if account.lifecycle is not None:
            await account.lifecycle.connect()
            stack.push_async_callback(account.lifecycle.close)
