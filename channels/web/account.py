"""Puts one web account together: the form, the look-up and the intake API."""

from channels.web.api import ApiIntake
from channels.web.config import WebSettings
from channels.web.description import describe
from channels.web.form import FormIntake, FormPage
from channels.web.outbound import StatusPageSender
from channels.web.pages import Pages
from channels.web.status import StatusPage
from channels.web.words import Catalogue
from gateway.channel import Account, ChannelSpec, Ports, Route
from gateway.config import ChannelSettings, ConfigError


def build(settings: ChannelSettings, ports: Ports) -> Account:
    """Return the running account; raises ``ConfigError`` for another channel's settings."""
    if not isinstance(settings, WebSettings):
        raise ConfigError(f"account {settings.account!r} has no web settings", "set kind: web")
    catalogue = Catalogue(ports.site.language)
    pages = Pages(settings, ports, catalogue)
    form = FormIntake(settings, ports.site, pages, catalogue)
    status = StatusPage(pages, ports.cases)
    api = ApiIntake(settings, ports.site, catalogue)
    return Account(
        spec=ChannelSpec(
            kind="web",
            account=settings.account,
            body_limit=settings.body_limit,
            ack_deadline_s=10.0,
            receipt_in_answer=True,
            acknowledges=False,
            key_conflict_is_error=True,
        ),
        sender=StatusPageSender(),
        routes=(
            Route(method="GET", path="/report", handler=FormPage(pages), public=True),
            Route(method="POST", path="/report", handler=form, public=True),
            Route(method="GET", path="/report/status", handler=status, public=True),
            Route(method="POST", path="/report/status", handler=status, public=True),
            Route(
                method="POST",
                path="/api/v1/intake",
                handler=api,
                public=True,
                description=describe(settings),
            ),
        ),
    )
