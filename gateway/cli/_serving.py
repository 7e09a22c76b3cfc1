"""Puts a built gateway on its port and sets its workers to work."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from gateway.app import Gateway, Role
from gateway.channel import Drains
from gateway.web.health import METRICS
from gateway.web.server import listening
from gateway.web.surfaces import api, channel_routes, health_routes


@asynccontextmanager
async def serving(gateway: Gateway, host: str, port: int) -> AsyncIterator[int]:
    """Serve all surfaces of the process's role; yields the port.

    On leaving, the doors close first and the workers finish what they have in hand.
    """
    config = gateway.config
    watching = health_routes(
        gateway.store,
        gateway.accounts,
        data=config.data,
        registry=gateway.registry,
        allow=config.admin.allow,
    )
    apart = config.admin.listen is not None
    routes = [one for one in watching if not apart or one.path != METRICS]
    if gateway.role is not Role.WORKER:
        routes += channel_routes(
            gateway.inbox,
            gateway.accounts,
            public_url=str(config.site.public_url).rstrip("/"),
            read_timeout_s=config.limits.read_timeout,
            registry=gateway.registry,
        )
        routes += api(
            gateway.ledgers,
            gateway.desk,
            gateway.accounts,
            endpoints=config.endpoints,
            blobs=gateway.blobs,
            note=gateway.note,
            read_timeout_s=config.limits.read_timeout,
            live=gateway.live,
        ).routes()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(gateway.at_work())
        if config.admin.listen is not None:
            await stack.enter_async_context(listening(watching, *_address(config.admin.listen)))
        yield await stack.enter_async_context(
            listening(
                routes,
                host,
                port,
                at_stop=gateway.live.close,
                drains=[
                    route.handler.drain
                    for account in gateway.accounts
                    for route in account.routes
                    if isinstance(route.handler, Drains)
                ],
            )
        )


def _address(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    return host.strip("[]"), int(port)
