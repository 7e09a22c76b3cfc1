"""What a trial needs beside the gateway, on this machine: the sample backend and the stand-ins."""

import errno
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from gateway.channel.contract import ChannelKind
from gateway.channel.simulation import StandIn
from gateway.config import ChannelSettings, Config
from gateway.config.values import is_here
from gateway.demo.backend import SampleBackend
from gateway.demo.pages import CasePages
from gateway.domain.ids import Clock

JOURNAL = "sample-backend.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A page of something that runs beside the gateway: what it shows, and where."""

    shows: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """Something to run at ``url``."""

    name: str
    shows: str | None
    url: str
    serving: AbstractAsyncContextManager[str]


@asynccontextmanager
async def beside(
    config: Config,
    kinds: Mapping[str, ChannelKind],
    *,
    clock: Clock,
    warn: Callable[[str], None],
) -> AsyncIterator[Sequence[Place]]:
    """Run what the configuration's ``demo`` asks for until left; yields what is running.

    What cannot listen is left out with a warning: a trial goes on with what already runs there.
    """
    async with AsyncExitStack() as stack:
        places = []
        for wanted in _wanted(config, kinds, clock):
            try:
                await stack.enter_async_context(wanted.serving)
            except OSError as error:
                warn(_not_started(wanted, error))
            else:
                if wanted.shows is not None:
                    places.append(Place(shows=wanted.shows, url=f"{_origin(wanted.url)}/"))
        yield places


def sample_backend(config: Config, name: str, clock: Clock) -> SampleBackend | None:
    """Return the backend behind the endpoint of this name, which keeps its cases with the data."""
    endpoint = config.endpoint(name)
    if endpoint is None:
        return None
    pages = CasePages(config.site.timezone)
    return SampleBackend(endpoint, clock=clock, journal=config.data / JOURNAL, pages=pages)


def stand_in(settings: ChannelSettings, kinds: Mapping[str, ChannelKind]) -> StandIn | None:
    """Return what takes the place of an account's provider, where its channel has one."""
    make = kinds[settings.kind].stand_in
    return None if make is None else make(settings)


def _wanted(config: Config, kinds: Mapping[str, ChannelKind], clock: Clock) -> Iterator[_Wanted]:
    if config.demo.backend and (backend := sample_backend(config, config.demo.backend, clock)):
        url = backend.endpoint.url
        serving = backend.serving(*_address(url))
        yield _Wanted(name="sample backend", shows="the cases", url=url, serving=serving)
    for settings in config.channels if config.demo.carriers else ():
        url = settings.base_url or ""
        if is_here(url) and (provider := stand_in(settings, kinds)) is not None:
            yield _Wanted(
                name=f"stand-in for the {settings.kind} provider",
                shows=provider.shows,
                url=url,
                serving=provider.serving(*_address(url)),
            )


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or 0


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _not_started(wanted: _Wanted, error: OSError) -> str:
    why = "in use" if error.errno == errno.EADDRINUSE else str(error.strerror or error)
    place = _origin(wanted.url).removeprefix("http://")
    return (
        f"the {wanted.name} is not started: {place} is {why}; "
        "stop what listens there, or give it another port in the configuration"
    )
