"""The composition root: the only place that knows every part, and how they start and stop."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TextIO

from prometheus_client import CollectorRegistry

from gateway.blobs import DirectoryBlobs, DirectoryRecorder
from gateway.channel.contract import Account, ChannelKind, SourceChannel
from gateway.channel.ports import Ports, Sink, Site
from gateway.channel.speech import Unavailable
from gateway.config import Config
from gateway.delivery.wiring import couriers, subscriptions
from gateway.domain.clock import SystemClock
from gateway.domain.draft import WorkOrderDraft
from gateway.domain.ids import Clock, Ids, UlidFactory
from gateway.egress.client import EgressClient
from gateway.intake.assembling import Assembler, Sealer
from gateway.intake.awaited import MEDIA_QUEUE
from gateway.intake.casebook import Casebook, Rules
from gateway.intake.desk import Desk
from gateway.intake.inbox import AccountSink, Inbox
from gateway.intake.lookup import Lookup
from gateway.intake.media import MediaFetcher
from gateway.intake.recognising import RECOGNISE
from gateway.intake.recovery import Salvage
from gateway.intake.transcribing import Transcriber
from gateway.replies.dispatch import ReplyDesk
from gateway.replies.texts import load_texts
from gateway.speech.lexicon import Lexicon, load_lexicon
from gateway.speech.recordings import RecordingReader
from gateway.store import work
from gateway.store.correspondence import REPLY_QUEUE
from gateway.store.engine import Store
from gateway.store.inbound import ASSEMBLE
from gateway.store.ledger import Ledgers
from gateway.store.opening import open_store, open_wakeup
from gateway.store.rounds import Rescue, Rounds
from gateway.store.site_key import site_key
from gateway.store.sqlite import SqliteStore
from gateway.store.steps import Reach, no_step
from gateway.store.wakeup import Wakeup
from gateway.store.worker import Handler, Pace, Worker
from gateway.telemetry.logs import set_up
from gateway.telemetry.notes import Notes, notes
from gateway.telemetry.speech import SpeechMeter
from gateway.understanding import Places, understand
from gateway.web.live import LiveHub, LiveMeter
from gateway.web.live_feed import FeedFollower
from gateway.web.live_relay import relayed
from gateway.web.pages import Pages

if TYPE_CHECKING:  # signal processing is loaded only where a channel carries voice
    from gateway.speech.session import GatedRecogniser

_FILES_AT_ONCE = 3
_PAUSE_S = 1.0


class Role(StrEnum):
    """What a process does: everything, only the doors, or only the work behind them."""

    ALL = "all"
    INGRESS = "ingress"
    WORKER = "worker"


class Working(Protocol):
    """Something that works in the background until it is told to stop."""

    async def run(self) -> None:
        """Work until ``stop``."""

    def stop(self) -> None:
        """Finish what is in hand and let ``run`` return."""


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


class Listening:
    """A channel that fetches or listens itself, as something that works until it is stopped."""

    def __init__(self, source: SourceChannel, sink: Sink) -> None:
        self._source = source
        self._sink = sink
        self._stopped = False
        self._task: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Let the source run; returns once it was stopped and has finished what it had in hand."""
        self._task = asyncio.create_task(self._source.run(self._sink))
        if self._stopped:
            self._task.cancel()
        try:
            await self._task
        except asyncio.CancelledError:
            if not self._stopped:
                raise

    def stop(self) -> None:
        """Cancel the source."""
        self._stopped = True
        if self._task is not None:
            self._task.cancel()


async def kept_running(
    worker: Working, *, note: Callable[..., None], pause_s: float = _PAUSE_S
) -> None:
    """Run a worker until it is told to stop; one that ends by a fault begins again."""
    while True:
        try:
            await worker.run()
        except Exception as error:  # without it, its queue would stand still and nobody would know
            note("worker.died", why=type(error).__name__, error=error)
        else:
            return
        await asyncio.sleep(pause_s)


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
    key = _key(config)
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
        speech = await _recogniser(config, lexicon, note, registry)
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
        casebook = Casebook(_rules(config, accounts, key, city, note))
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
            parts = _Parts(config, key, store, wakeup, http, blobs, speech, note, reach, ledgers)
            workers = await _workers(parts, casebook, accounts)
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


@dataclass(frozen=True, slots=True)
class _Parts:
    """What the workers are made of."""

    config: Config
    key: bytes
    store: Store
    wakeup: Wakeup
    http: EgressClient
    blobs: DirectoryBlobs
    speech: "GatedRecogniser | Unavailable"
    note: Notes
    reach: Reach
    ledgers: Ledgers


async def _workers(
    parts: _Parts, casebook: Casebook, accounts: Sequence[Account]
) -> tuple[Working, ...]:
    """Return everything that works behind the doors."""
    config, ledgers, note, reach = parts.config, parts.ledgers, parts.note, parts.reach
    clock = ledgers.clock
    pace = Pace(
        lease_s=config.work.lease,
        at_once=config.work.at_once,
        poll_s=min(1.0, config.work.lease / 10),
    )
    by_name = {(one.spec.kind, one.spec.account): one for one in accounts}
    replies = ReplyDesk(
        ledgers=ledgers,
        accounts=by_name,
        http=parts.http,
        texts=load_texts(usual=config.site.language),
        site_name=config.site.name,
        key=parts.key,
        clock=clock,
        note=note,
        reach=reach,
    )
    media = MediaFetcher(
        ledgers=ledgers,
        accounts=by_name,
        http=parts.http,
        uploads=parts.blobs,
        clock=clock,
        note=note,
        reach=reach,
    )
    reader = RecordingReader(parts.speech, config.speech.language, parts.blobs.path)
    jobs: Mapping[str, Handler] = {
        ASSEMBLE: Assembler(ledgers=ledgers, casebook=casebook, reach=reach).handle,
        REPLY_QUEUE: replies.handle,
        MEDIA_QUEUE: media.handle,
        RECOGNISE: Transcriber(
            ledgers=ledgers, casebook=casebook, transcribe=reader.transcribe
        ).handle,
    }
    paces = {
        # Each of them may hold a whole file in memory.
        MEDIA_QUEUE: replace(pace, at_once=min(pace.at_once, _FILES_AT_ONCE)),
        # More at once would only wait for each other, and live calls for all of them.
        RECOGNISE: replace(pace, at_once=min(pace.at_once, config.speech.workers)),
    }
    rescue = Rescue(
        store=parts.store,
        clock=clock,
        wakeup=parts.wakeup,
        note=note,
        max_claims=pace.max_claims,
        apart_s=2 * pace.poll_s,  # what is due in one look is done together
    )
    sealer = Sealer(ledgers=ledgers, casebook=casebook, clock=clock)
    return (
        *(
            Worker(
                store=parts.store,
                queue=queue,
                handle=handle,
                clock=clock,
                ids=ledgers.ids,
                wakeup=parts.wakeup,
                note=note,
                pace=paces.get(queue, pace),
            )
            for queue, handle in jobs.items()
        ),
        *await couriers(
            config.endpoints,
            ledgers=ledgers,
            http=parts.http,
            note=note,
            pace=pace,
            reach=reach,
            source=str(config.site.public_url),
        ),
        Rounds("sealing", sealer.seal_due, 1.0, note),
        Rounds("rescue", rescue, pace.lease_s / 3, note),
    )


def _key(config: Config) -> bytes:
    if config.site.secret_key is not None:
        return config.site.secret_key.get_secret_value().encode()
    return site_key(config.secret_key_file)


async def _recogniser(
    config: Config, lexicon: Lexicon, note: Notes, registry: CollectorRegistry
) -> "GatedRecogniser | Unavailable":
    """Load the speech model when a channel carries voice; without one, calls are still recorded."""
    if not any(one.kind == "voice" for one in config.channels):
        return Unavailable(reason="no channel carries voice", cure="configure a voice account")
    from gateway.speech.loading import connect_recogniser, load_recogniser

    if config.speech.server is not None:
        return await asyncio.to_thread(
            connect_recogniser,
            config.speech.server,
            language=config.speech.language,
            workers=config.speech.workers,
            lexicon=lexicon,
            partials=config.speech.partials,
            watch=SpeechMeter.of(note, registry),
        )
    speech = await asyncio.to_thread(
        load_recogniser,
        config.speech.model,
        workers=config.speech.workers,
        lexicon=lexicon,
        isolated=config.speech.isolation == "process",
        partials=config.speech.partials,
        watch=SpeechMeter.of(note, registry),
    )
    if isinstance(speech, Unavailable):
        note.warning("speech.unavailable", why=speech.reason, cure=speech.cure)
    return speech


def site_of(config: Config, key: bytes) -> Site:
    """Return what a channel may know of the site."""
    return Site(
        name=config.site.name,
        public_url=str(config.site.public_url).rstrip("/"),
        language=config.site.language,
        timezone=config.site.timezone.key,
        region="CN",
        key=key,
        entries=frozenset(config.entries),
    )


def folder_of(kind: ChannelKind) -> Path:
    """Return the folder of the package that offers a channel kind."""
    package = import_module(kind.settings.__module__.rsplit(".", 1)[0])
    return Path(str(package.__file__)).parent


def unfailing(
    suggest: Callable[[WorkOrderDraft], WorkOrderDraft], note: Callable[..., None]
) -> Callable[[WorkOrderDraft], WorkOrderDraft]:
    """Return ``suggest`` as it is, but for faults: a draft without suggestions goes on as well."""

    def suggested(draft: WorkOrderDraft) -> WorkOrderDraft:
        try:
            return suggest(draft)
        except Exception as error:  # else it would stay out of the operators' queue for good
            note("understanding.failed", why=type(error).__name__, error=error)
            return draft

    return suggested


def _rules(
    config: Config, accounts: Sequence[Account], key: bytes, city: Places, note: Notes
) -> Rules:
    policy = config.policy.auto_forward

    def forward(draft: WorkOrderDraft) -> bool:
        urgent = draft.priority is not None and draft.priority.level != "normal"
        return policy == "all" or (policy == "urgent" and urgent)

    return Rules(
        jurisdiction=config.site.jurisdiction,
        timezone=config.site.timezone,
        language=config.site.language,
        key=key,
        quiet_s=config.conversation.quiet,
        cap_s=config.conversation.cap,
        reopen_within_s=config.conversation.reopen_within,
        sources={number: entry.source for number, entry in config.entries.items()},
        acknowledging=frozenset(
            (one.spec.kind, one.spec.account) for one in accounts if one.spec.acknowledges
        ),
        suggest=unfailing(lambda draft: understand(draft, config.entries, city=city), note),
        forward=forward,
        forwarding=any(endpoint.forwards for endpoint in config.endpoints),
        resuming=frozenset(
            (one.spec.kind, one.spec.account) for one in accounts if one.spec.resumes_calls
        ),
        listens_again=config.speech.second_pass,
    )


async def _open_accounts(accounts: Sequence[Account], stack: AsyncExitStack) -> None:
    for account in accounts:
        if account.lifecycle is not None:
            await account.lifecycle.connect()
            stack.push_async_callback(account.lifecycle.close)
