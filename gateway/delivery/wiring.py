"""Puts the delivery room together from the configuration: one courier for every endpoint."""

from collections.abc import Callable, Iterable, Sequence

from gateway.channel.http import HttpClient
from gateway.config import Endpoint
from gateway.delivery.courier import Courier, Terms
from gateway.store.feed import Subscription
from gateway.store.holding import Pace
from gateway.store.ledger import Ledgers
from gateway.store.steps import Reach, no_step


def subscription(endpoint: Endpoint) -> Subscription:
    """Return what an endpoint wants from the feed."""
    return Subscription(endpoint=endpoint.name, events=endpoint.events, order=endpoint.order)


def subscriptions(endpoints: Iterable[Endpoint]) -> tuple[Subscription, ...]:
    """Return what each endpoint wants from the feed."""
    return tuple(subscription(endpoint) for endpoint in endpoints)


def forwarding_names(endpoints: Iterable[Endpoint]) -> frozenset[str]:
    """Return the endpoints that must all acknowledge a draft before it counts as forwarded."""
    return frozenset(endpoint.name for endpoint in endpoints if endpoint.forwards)


async def couriers(
    endpoints: Sequence[Endpoint],
    *,
    ledgers: Ledgers,
    http: HttpClient,
    note: Callable[..., None],
    pace: Pace | None = None,
    reach: Reach = no_step,
    terms: Terms | None = None,
    source: str = "hotline-gateway",
) -> tuple[Courier, ...]:
    """Return a courier for every endpoint; each delivers once its ``run`` is called.

    Raises ``BadSecret`` when a configured secret cannot be a key.
    """
    terms = terms or Terms(forwarding=forwarding_names(endpoints), source=source)
    return tuple(
        Courier(
            endpoint,
            subscription(endpoint),
            terms=terms,
            ledgers=ledgers,
            http=http,
            note=note,
            pace=pace or Pace(),
            reach=reach,
        )
        for endpoint in endpoints
    )
