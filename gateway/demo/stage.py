"""A gateway on show: on free loopback ports, over a store of its own, with nothing real behind it.

Every account's provider is replaced, so that no demonstration ever reaches a real citizen.
"""

import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

from pydantic import SecretStr

from gateway.app import Gateway, built
from gateway.channel.contract import ChannelKind
from gateway.channel.simulation import StandIn
from gateway.config import (
    Blobs,
    ChannelSettings,
    Config,
    Conversation,
    Demo,
    Endpoint,
    Log,
    Policy,
    Redis,
    Store,
)
from gateway.demo.backend import SampleBackend
from gateway.demo.reaching import Reach
from gateway.demo.trial import Place, sample_backend, stand_in
from gateway.domain.clock import SystemClock
from gateway.web.server import free_port

HOST = "127.0.0.1"
ENDPOINT = "casework"

Serving = Callable[[Gateway, str, int], AbstractAsyncContextManager[int]]
"""Puts a gateway on a port."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Everything that takes part: the gateway, the backend, and the providers by account."""

    gateway: Gateway
    backend: SampleBackend
    providers: Mapping[tuple[str, str], StandIn]
    reach: Reach
    places: tuple[Place, ...]


@asynccontextmanager
async def staged(
    config: Config,
    kinds: Mapping[str, ChannelKind],
    *,
    data: Path,
    serving: Serving,
) -> AsyncIterator[Stage]:
    """Build the stage for the accounts of ``config`` and take it down on leaving."""
    async with AsyncExitStack() as stack:
        port = free_port(HOST)
        config = _apart(config, data=data)
        backend = sample_backend(config, ENDPOINT, SystemClock())
        assert backend is not None, "the endpoint was put there above"  # noqa: S101
        origin = await stack.enter_async_context(backend.serving(HOST, 0))
        places = [Place(shows="the cases", url=f"{origin}/")]
        accounts: list[ChannelSettings] = []
        providers: dict[tuple[str, str], StandIn] = {}
        for settings in config.channels:
            # An address that answers 404, for providers without a stand-in.
            base_url = f"{origin}/nobody"
            if (provider := stand_in(settings, kinds)) is not None:
                base_url = await stack.enter_async_context(provider.serving(HOST, 0))
                providers[settings.kind, settings.account] = provider
                if provider.shows is not None:
                    places.append(Place(shows=provider.shows, url=f"{base_url}/"))
            accounts.append(settings.model_copy(update={"base_url": base_url}))
        endpoint = backend.endpoint.model_copy(update={"url": f"{origin}/hook"})
        config = config.model_copy(update={"channels": tuple(accounts), "endpoints": (endpoint,)})
        gateway = await stack.enter_async_context(built(config, kinds))
        await stack.enter_async_context(serving(gateway, HOST, port))
        yield Stage(
            gateway=gateway,
            backend=backend,
            providers=providers,
            reach=Reach(server=f"http://{HOST}:{port}", public_url=config.site.public_url),
            places=tuple(places),
        )


def _apart(config: Config, *, data: Path) -> Config:
    """Return the configuration with its own store, and nothing of it that leads elsewhere."""
    endpoint = Endpoint(
        name=ENDPOINT,
        url=f"http://{HOST}:1/hook",
        secret=SecretStr(secrets.token_urlsafe(32)),
        allow=(ip_network("127.0.0.0/8"),),
    )
    return config.model_copy(
        update={
            "store": Store(),
            "redis": Redis(),
            "blobs": Blobs(),
            "endpoints": (endpoint,),
            "policy": Policy(auto_forward="all"),
            # Short, so that nobody waits; long enough for two messages on a slow machine.
            "conversation": Conversation(quiet=3, cap=30),
            "log": Log(level="warning", format="text"),
            "demo": Demo(),
        }
    ).with_data(data)
