"""The real core round a channel under test; a broken one can be put in its place."""

import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web
from sqlalchemy import text

from gateway.channel import Account, HttpReply, RawRequest
from gateway.domain.draft import WorkOrderDraft
from gateway.intake.awaited import MEDIA_QUEUE
from gateway.intake.inbox import Inbox
from gateway.intake.media import MediaFetcher
from gateway.replies.dispatch import ReplyDesk
from gateway.replies.texts import load_texts
from gateway.store.correspondence import REPLY_QUEUE
from gateway.web.surfaces import channel_routes
from tests.contract.kit.fakes import FakeHttp
from tests.contract.kit.office import KEY, Office, TurnedClock, open_office

if TYPE_CHECKING:
    from tests.contract.kit.channel_under_test import ChannelUnderTest


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What the kit takes for the core; ``store_url`` None means SQLite in a fresh folder.

    ``prelude`` is code that a gateway in a process of its own runs before it starts.
    """

    store_url: str | None = None
    make_inbox: Callable[..., Inbox] = Inbox
    make_fetcher: Callable[..., MediaFetcher] = MediaFetcher
    make_routes: Callable[..., list[web.RouteDef]] = channel_routes
    prelude: str = ""


@dataclass
class Core:
    """One account in a running core, minus the workers: the rule decides when they work."""

    channel: "ChannelUnderTest"
    account: Account
    office: Office
    http: FakeHttp

    async def receive(self, raw: RawRequest) -> HttpReply:
        """Treat a delivery as the core does once its bytes are there."""
        handler = self.channel.webhooks()[raw.method, raw.path]
        return await self.office.inbox.door(self.account, handler).receive(raw)

    async def takes(self, *deliveries: RawRequest) -> None:
        """Receive deliveries that must be acknowledged, each assembled before the next."""
        for raw in deliveries:
            reply = await self.receive(raw)
            assert is_success(reply), (raw.path, reply.status)
            await self.office.assemble()

    async def stored(self) -> int:
        """Return how many events the inbox holds."""
        return await self._count("SELECT count(*) FROM inbound")

    async def flagged(self) -> int:
        """Return how many of them came under an id that was known already."""
        return await self._count("SELECT count(*) FROM inbound WHERE flagged")

    async def drafts(self) -> Sequence[WorkOrderDraft]:
        """Return all drafts, oldest first."""
        return await self.office.drafts()

    async def fetch_files(self) -> int:
        """Ask for every file that is due; return how many there were."""
        fetcher = self.channel.core.make_fetcher(
            ledgers=self.office.ledgers,
            accounts=self._accounts(),
            http=self.http,
            uploads=self.office.files,
            clock=self.office.clock,
            note=self.office.inbox.note,
        )
        return await self.office.do(MEDIA_QUEUE, fetcher.handle)

    async def send_replies(self) -> int:
        """Send every planned message; return how many there were."""
        desk = ReplyDesk(
            ledgers=self.office.ledgers,
            accounts=self._accounts(),
            http=self.http,
            texts=load_texts(),
            site_name="12345 政务服务便民热线",
            key=KEY,
            clock=self.office.clock,
            note=self.office.inbox.note,
        )
        return await self.office.do(REPLY_QUEUE, desk.handle)

    def _accounts(self) -> dict[tuple[str, str], Account]:
        return {(self.account.spec.kind, self.account.spec.account): self.account}

    async def _count(self, query: str) -> int:
        return await self.office.store.read(lambda c: int(c.execute(text(query)).scalar_one()))


@asynccontextmanager
async def running(
    channel: "ChannelUnderTest", *, store_url: str | None = None, clock: TurnedClock | None = None
) -> AsyncIterator[Core]:
    """Put a channel's sample account into a core of its own; ``store_url`` opens one again."""
    spec = channel.account.spec
    with tempfile.TemporaryDirectory() as folder:
        url = store_url or channel.core.store_url or f"sqlite:///{Path(folder) / 'kit.db'}"
        async with open_office(
            url,
            clock=clock or TurnedClock(channel.clock.now()),
            acknowledging={(spec.kind, spec.account)} if spec.acknowledges else (),
            make_inbox=channel.core.make_inbox,
        ) as office:
            yield Core(channel=channel, account=channel.account, office=office, http=channel.http)


def is_success(reply: HttpReply) -> bool:
    """Tell whether a provider takes this for "got it"."""
    return 200 <= reply.status < 300


def with_core(channel: "ChannelUnderTest", **parts: object) -> "ChannelUnderTest":
    """Return the channel in a core some of whose parts are other ones."""
    return replace(channel, core=replace(channel.core, **parts))  # type: ignore[arg-type]
