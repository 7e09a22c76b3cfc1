"""One channel as the kit handles it: built from sample settings over fakes, then delivered to."""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, cast

import msgspec
from multidict import CIMultiDict

from gateway.channel import (
    Account,
    ChannelKind,
    HttpReply,
    Malformed,
    RawRequest,
    Unverified,
    WebhookChannel,
)
from gateway.channel.conformance import Conformance, Provider
from gateway.domain.intake import Event
from tests.contract.kit.core import Parts
from tests.contract.kit.fakes import PUBLIC_URL, FakeClock, FakeHttp, FakeLog, ports


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How far a request came: refused (403), malformed (400), answered at once, or parsed."""

    status: Literal["refused", "malformed", "answered", "parsed"]
    events: Sequence[Event] = ()
    reply: HttpReply | None = None
    error: Exception | None = None


@dataclass(frozen=True)
class ChannelUnderTest:
    """A channel, the folder it lives in, and what it told the kit of itself."""

    kind: ChannelKind
    conformance: Conformance
    folder: Path
    clock: FakeClock = field(default_factory=FakeClock)
    http: FakeHttp = field(default_factory=FakeHttp)
    log: FakeLog = field(default_factory=FakeLog)
    core: Parts = field(default_factory=Parts)

    @classmethod
    def of(cls, kind: ChannelKind) -> "ChannelUnderTest":
        """Find what belongs to ``kind``: its settings live in its folder's ``config.py``."""
        package = kind.settings.__module__.rpartition(".")[0]
        conformance = _conformance(importlib.import_module(f"{package}.conformance"))
        return cls(kind=kind, conformance=conformance, folder=folder_of(kind))

    @classmethod
    def variants_of(cls, kind: ChannelKind) -> Mapping[str, "ChannelUnderTest"]:
        """Return further accounts a channel wants to be tried with, by name."""
        package = kind.settings.__module__.rpartition(".")[0]
        module = importlib.import_module(f"{package}.conformance")
        found: Mapping[str, Conformance] = getattr(module, "VARIANTS", {})
        folder = folder_of(kind)
        return {name: cls(kind=kind, conformance=one, folder=folder) for name, one in found.items()}

    def build(self, settings: Mapping[str, Any] | None = None) -> Account:
        """Build an account; raises what the settings or the channel raise."""
        chosen = self.kind.settings.model_validate(dict(settings or self.conformance.settings))
        return self.kind.build(chosen, ports(clock=self.clock, http=self.http, log=self.log))

    @cached_property
    def account(self) -> Account:
        """The sample account."""
        return self.build()

    @cached_property
    def provider(self) -> Provider:
        """The provider's side of the sample account."""
        return self.provider_at(PUBLIC_URL)

    def provider_at(self, public_url: str) -> Provider:
        """Return a provider that believes the gateway to be at another address."""
        assert self.kind.simulator, "CHANNEL has no simulator"
        settings = self.kind.settings.model_validate(dict(self.conformance.settings))
        return cast(Provider, self.kind.simulator(settings, public_url))

    @property
    def deliveries(self) -> Mapping[str, RawRequest]:
        """A text and what else the channel knows how to make."""
        return {"text": self.text(), **self.conformance.deliveries(self.provider)}

    def text(self, text: str = "路灯不亮", *, message_id: str | None = None) -> RawRequest:
        """Return a text message of the first citizen."""
        return self.provider.message(
            text, sender=self.conformance.senders[0], message_id=message_id
        )

    def webhooks(self) -> Mapping[tuple[str, str], WebhookChannel]:
        """The handlers that take deliveries, by method and path."""
        return {
            (route.method, route.path): cast(WebhookChannel, route.handler)
            for route in self.account.routes
            if hasattr(route.handler, "parse")
        }

    def deliver(self, raw: RawRequest) -> Verdict:
        """Take the steps before the commit as the core does; what it would not catch escapes."""
        handler = self.webhooks()[raw.method, raw.path]
        try:
            handler.verify(raw)
        except Unverified as error:
            return Verdict(status="refused", error=error)
        if reply := handler.handshake(raw):
            return Verdict(status="answered", reply=reply)
        try:
            return Verdict(status="parsed", events=handler.parse(raw))
        except Malformed as error:
            return Verdict(status="malformed", error=error)

    def secrets(self) -> Sequence[str]:
        """Every secret text in the sample settings."""
        given = self.conformance.settings
        return [str(given[name]) for name in self.conformance.secrets]


def with_body(raw: RawRequest, body: bytes) -> RawRequest:
    """Return ``raw`` with another body and the old proof."""
    return msgspec.structs.replace(raw, body=body)


def with_headers(raw: RawRequest, headers: Mapping[str, str]) -> RawRequest:
    """Return ``raw`` with some headers set anew; an empty value removes the header."""
    changed = CIMultiDict(raw.headers)
    for name, value in headers.items():
        changed.popall(name, None)
        if value:
            changed[name] = value
    return msgspec.structs.replace(raw, headers=changed)


def _conformance(module: ModuleType) -> Conformance:
    conformance = getattr(module, "CONFORMANCE", None)
    assert isinstance(conformance, Conformance), f"{module.__name__} exposes no CONFORMANCE"
    return conformance


def folder_of(kind: ChannelKind) -> Path:
    """Return the folder a channel lives in."""
    file = importlib.import_module(kind.settings.__module__).__file__
    assert file
    return Path(file).parent
