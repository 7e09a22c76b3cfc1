"""The whole web floor on a port of its own, over a real office: API, web channel, health."""

import asyncio
import json
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from channels.web import CHANNEL
from channels.web.config import WebSettings
from gateway.blobs import DirectoryBlobs
from gateway.channel.contract import Account
from gateway.channel.ports import Ports, Site
from gateway.channel.speech import Unavailable
from gateway.config import Endpoint
from gateway.domain.clock import SystemClock
from gateway.domain.ids import UlidFactory
from gateway.intake.inbox import AccountSink
from gateway.intake.lookup import Lookup
from gateway.store import tokens
from gateway.store.times import to_us
from gateway.store.tokens import Scope
from gateway.web.api.live import LivePace
from gateway.web.live import LiveHub, LiveMeter
from gateway.web.live_feed import FeedFollower
from gateway.web.pages import Pages
from gateway.web.server import listening
from gateway.web.surfaces import api, channel_routes, health_routes
from tests.contract.kit.office import Office
from tests.integration.intake.conftest import forwards, office

__all__ = ["forwards", "office"]

BOTH_ENGINES = pytest.mark.parametrize(
    "store_url", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)
"""For tests of what reaches the store's SQL; the others need only one engine."""

SHORT = LivePace(heartbeat_s=0.05, longest_s=0.1)
"""Streams that end by themselves, for whoever reads answers whole."""

KEY = b"k" * 32
CASEWORK = Endpoint(
    name="casework",
    url="http://127.0.0.1:9/hook",
    secret=SecretStr("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
)


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The problem's code; the answer must be a problem document."""
        assert self.headers["Content-Type"] == "application/problem+json", self.body
        assert self.json["status"] == self.status
        return str(self.json["code"])


@dataclass(repr=False)
class Door:
    """The gateway as a client sees it."""

    office: Office
    blobs: DirectoryBlobs
    session: ClientSession
    url: str
    noted: list[tuple[str, dict[str, object]]]
    token: str
    hub: LiveHub
    registry: CollectorRegistry

    async def ask(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        token: str | None = "",
        headers: Mapping[str, str] | None = None,
        data: Any = None,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request; ``token`` "" is an administrator's, None is none."""
        sent = dict(headers or {})
        if token is not None:
            sent.setdefault("Authorization", f"Bearer {token or self.token}")
        if body is not None:
            data = json.dumps(body)
            patch = method == "PATCH"
            kind = "application/merge-patch+json" if patch else "application/json"
            sent.setdefault("Content-Type", kind)
        async with self.session.request(
            method, self.url + path, headers=sent, data=data, params=query, allow_redirects=False
        ) as response:
            return Answer(response.status, response.headers, await response.read())

    async def make_token(self, scopes: Collection[Scope], label: str = "test") -> str:
        """Return a fresh token."""
        return await make_token(self.office, scopes, label)


async def make_token(office: Office, scopes: Collection[Scope], label: str) -> str:
    token_id, secret = office.ledgers.ids.new(), tokens.new_secret()
    await office.store.write(
        lambda connection: tokens.create(
            connection,
            token_id=token_id,
            secret=secret,
            label=label,
            scopes=scopes,
            now=to_us(office.clock.now()),
            actor="test",
        )
    )
    return tokens.text_of(token_id, secret)


def web_account(
    sink: Any = None, uploads: Any = None, cases: Any = None, intake_keys: Sequence[SecretStr] = ()
) -> Account:
    """The web channel's account; what it is not given it must not need."""
    nothing: Any = None
    folder = Path(CHANNEL.build.__code__.co_filename).parent
    clock = SystemClock()
    return CHANNEL.build(
        WebSettings(kind="web", account="site", intake_keys=tuple(intake_keys)),
        Ports(
            site=Site(
                name="市民热线",
                public_url="https://hotline.example",
                language="zh-CN",
                timezone="Asia/Shanghai",
                region="CN",
                key=KEY,
            ),
            clock=clock,
            ids=UlidFactory(clock),
            http=nothing,
            sink=sink,
            uploads=uploads,
            cases=cases,
            pages=Pages(folder / "templates", "市民热线"),
            recogniser=Unavailable(reason="no model", cure="none needed"),
            recorder=nothing,
            log=nothing,
        ),
    )


@pytest.fixture
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of an empty database."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return f"sqlite:///{tmp_path}/hotline.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def intake_keys() -> tuple[SecretStr, ...]:
    """Keys of the intake API; a test may override this."""
    return ()


@pytest.fixture
async def door(
    office: Office, tmp_path: Path, intake_keys: tuple[SecretStr, ...]
) -> AsyncIterator[Door]:
    """Every surface, listening."""
    async with opened_door(office, tmp_path, intake_keys) as opened:
        yield opened


@asynccontextmanager
async def opened_door(
    office: Office,
    tmp_path: Path,
    intake_keys: tuple[SecretStr, ...] = (),
    live_pace: LivePace | None = None,
) -> AsyncIterator[Door]:
    """Every surface, listening."""
    blobs = DirectoryBlobs(tmp_path / "blobs")
    await blobs.open()
    noted: list[tuple[str, dict[str, object]]] = []

    def note(name: str, **values: object) -> None:
        noted.append((name, values))

    sink = AccountSink()
    cases = Lookup(store=office.store, key=KEY, clock=office.clock)
    account = web_account(sink, blobs, cases, intake_keys)
    sink.bind(office.inbox, account.spec)
    registry = CollectorRegistry()
    hub = LiveHub(epoch="e", meter=LiveMeter(registry))
    follower = FeedFollower(store=office.store, hub=hub, pause_s=0.01, linger_s=0.5)
    routes = [
        *health_routes(
            office.store,
            [account],
            data=tmp_path,
            registry=registry,
            allow=[ip_network("127.0.0.0/8")],
        ),
        *channel_routes(
            office.inbox,
            [account],
            public_url="https://hotline.example",
            read_timeout_s=0.5,
            registry=registry,
        ),
        *api(
            office.ledgers,
            office.desk,
            [account],
            endpoints=(CASEWORK,),
            blobs=blobs,
            note=note,
            read_timeout_s=0.5,
            live=hub,
            live_pace=live_pace or SHORT,
        ).routes(),
    ]
    token = await make_token(office, {Scope.ADMIN}, "admin")
    following = asyncio.create_task(follower.run())
    try:
        async with (
            ClientSession() as session,
            listening(routes, "127.0.0.1", 0, at_stop=hub.close) as port,
        ):
            url = f"http://127.0.0.1:{port}"
            yield Door(office, blobs, session, url, noted, token, hub, registry)
    finally:
        follower.stop()
        await following
