"""Which surfaces a process shows on its port, put together from the built gateway's parts."""

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from aiohttp import web
from prometheus_client import CollectorRegistry

from gateway.channel.contract import Account
from gateway.channel.errors import StoreBusy
from gateway.intake.inbox import Inbox
from gateway.store import schema
from gateway.store.engine import Store
from gateway.web.gauges import gauges
from gateway.web.health import Health, Probe
from gateway.web.ingress import Ingress


def channel_routes(
    inbox: Inbox, accounts: Sequence[Account], *, public_url: str, read_timeout_s: float
) -> list[web.RouteDef]:
    """Return the addresses on which providers and citizens reach the accounts."""
    ingress = Ingress(inbox=inbox, public_url=public_url, read_timeout_s=read_timeout_s)
    return ingress.routes(accounts)


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
