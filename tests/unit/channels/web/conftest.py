"""A web account with everything around it faked: ports, a page renderer, a simulator."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

import channels.web
from channels.web.account import build
from channels.web.config import WebSettings
from channels.web.simulator import WebSimulator
from gateway.channel import Account, Page, Ports, Site, WebhookChannel
from gateway.channel.speech import Unavailable
from gateway.domain.draft import Message
from gateway.domain.intake import CaseStatus
from gateway.web.pages import Pages

PUBLIC_URL = "https://hotline.example"
TEMPLATES = Path(channels.web.__file__).parent / "templates"


class Ids:
    """Ids that count."""

    def __init__(self) -> None:
        self._count = 0

    def new(self) -> str:
        self._count += 1
        return f"01JD7Z8Q4N5T6V7W8X9Y0{self._count:05d}"


class Cases:
    """One known case."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    async def status(self, receipt_no: str, query_code: str) -> CaseStatus | None:
        self.asked.append((receipt_no, query_code))
        if (receipt_no, query_code) != ("2611210000016", "204816"):
            return None
        return CaseStatus(
            receipt_no=receipt_no,
            state="forwarded",
            received_at=datetime(2026, 11, 21, 0, 30, tzinfo=UTC),
            updated_at=datetime(2026, 11, 21, 16, 5, tzinfo=UTC),
            title="路灯不亮 <b>",
            backend_status="办理中",
            answers=(
                Message(
                    id="m1",
                    at=datetime(2026, 11, 21, 16, 5, tzinfo=UTC),
                    direction="out",
                    text="已派人维修。\n请留意。",
                ),
            ),
        )


class Web:
    """A built account and the ways into it."""

    def __init__(self, settings: WebSettings, ports: Ports) -> None:
        self.settings = settings
        self.ports = ports
        self.account: Account = build(settings, ports)
        self.simulator = WebSimulator(settings, ports.site.public_url)

    def handler(self, method: str, path: str) -> Any:
        for route in self.account.routes:
            if (route.method, route.path) == (method, path):
                return route.handler
        raise AssertionError(f"no route {method} {path}")

    @property
    def form(self) -> Any:
        return cast(WebhookChannel, self.handler("POST", "/report"))

    @property
    def api(self) -> Any:
        return cast(WebhookChannel, self.handler("POST", "/api/v1/intake"))

    @property
    def status(self) -> Page:
        return cast(Page, self.handler("POST", "/report/status"))


@pytest.fixture
def cases() -> Cases:
    return Cases()


@pytest.fixture
def make_web(cases: Cases) -> Callable[..., Web]:
    def make(*, public_url: str = PUBLIC_URL, **settings: Any) -> Web:
        site = Site(
            name="12345 政务服务便民热线",
            public_url=public_url,
            language="zh-CN",
            timezone="Asia/Shanghai",
            region="CN",
            key=b"k" * 32,
        )
        nothing = cast(Any, None)
        ports = Ports(
            site=site,
            clock=nothing,
            ids=Ids(),
            http=nothing,
            sink=nothing,
            uploads=nothing,
            cases=cases,
            pages=Pages(TEMPLATES, site.name),
            recogniser=Unavailable(reason="none", cure="none"),
            recorder=nothing,
            log=nothing,
        )
        return Web(WebSettings(kind="web", account="site", **settings), ports)

    return make


@pytest.fixture
def web(make_web: Callable[..., Web]) -> Web:
    return make_web()
