"""Which surfaces a process shows on its port, put together from the built gateway's parts."""

from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from aiohttp import web
from prometheus_client import CollectorRegistry

from gateway import __version__
from gateway.blobs import DirectoryBlobs
from gateway.channel.contract import Account
from gateway.channel.errors import StoreBusy
from gateway.config import Endpoint
from gateway.delivery.office import DeliveryOffice
from gateway.delivery.status import StatusDesk
from gateway.intake.desk import Desk
from gateway.intake.inbox import Inbox
from gateway.store import schema
from gateway.store.engine import Store
from gateway.store.ledger import Ledgers
from gateway.web.api.access import Access
from gateway.web.api.answering import Answering
from gateway.web.api.application import Api
from gateway.web.api.backends import BackendsApi
from gateway.web.api.channels import foreign_operations, in_problems
from gateway.web.api.deliveries import DeliveriesApi
from gateway.web.api.drafts import DraftsApi
from gateway.web.api.feed import FeedApi
from gateway.web.api.live import LiveApi, LivePace
from gateway.web.api.work import WorkApi
from gateway.web.gauges import gauges
from gateway.web.guesses import Guesses
from gateway.web.health import Health, Probe
from gateway.web.ingress import Ingress
from gateway.web.live import LiveHub
from gateway.web.timing import AckTimes


def channel_routes(
    inbox: Inbox,
    accounts: Sequence[Account],
    *,
    public_url: str,
    read_timeout_s: float,
    registry: CollectorRegistry,
) -> list[web.RouteDef]:
    """Return the addresses on which providers and citizens reach the accounts."""
    ingress = Ingress(
        inbox=inbox,
        public_url=public_url,
        read_timeout_s=read_timeout_s,
        times=AckTimes(registry),
        guesses=Guesses.counted_by(inbox.clock),
    )
    return in_problems(ingress.routes(accounts), ids=inbox.ids, note=inbox.note)


def api(
    ledgers: Ledgers,
    desk: Desk,
    accounts: Sequence[Account],
    *,
    endpoints: tuple[Endpoint, ...],
    blobs: DirectoryBlobs,
    note: Callable[..., None],
    read_timeout_s: float,
    live: LiveHub,
    live_pace: LivePace | None = None,
) -> Api:
    """Return the REST API; what the accounts serve of it is described there as well."""
    store, clock = ledgers.store, ledgers.clock
    office = DeliveryOffice(store=store, clock=clock, wakeup=ledgers.wakeup, endpoints=endpoints)
    access = Access(store, clock)
    watching = LiveApi(hub=live, access=access, pace=live_pace or LivePace())
    parts = (
        DraftsApi(store=store, blobs=blobs),
        WorkApi(desk),
        FeedApi(store),
        watching,
        DeliveriesApi(office),
        BackendsApi(StatusDesk(ledgers=ledgers, endpoints=endpoints)),
    )
    return Api(
        [operation for part in parts for operation in part.operations()],
        foreign_operations(accounts),
        Answering(access=access, ids=ledgers.ids, note=note, read_timeout_s=read_timeout_s),
        version=__version__,
    )


def health_routes(
    store: Store,
    accounts: Sequence[Account],
    *,
    data: Path,
    registry: CollectorRegistry,
    allow: Sequence[IPv4Network | IPv6Network],
) -> list[web.RouteDef]:
    """Return health and metrics."""

    async def store_answers() -> str | None:
        try:
            await store.read(schema.require_current)
        except StoreBusy as error:
            return error.message
        return None

    probes: dict[str, Probe] = {"store": store_answers}
    return Health(
        probes=_with_accounts(probes, accounts),
        registry=registry,
        collect=gauges(store, data, registry).collect,
        allow=allow,
    ).routes()


def _with_accounts(probes: Mapping[str, Probe], accounts: Sequence[Account]) -> dict[str, Probe]:
    return {
        **probes,
        **{
            f"{one.spec.kind}/{one.spec.account}": one.lifecycle.probe
            for one in accounts
            if one.lifecycle is not None
        },
    }
