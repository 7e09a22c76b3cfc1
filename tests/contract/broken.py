"""Channels with one thing wrong each, the way real gateways got it wrong."""

import asyncio
import dataclasses
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import parse_qs

import msgspec
from pydantic import SecretStr

from gateway.channel import (
    Account,
    ChannelKind,
    ContactState,
    HttpClient,
    HttpReply,
    Lifecycle,
    Part,
    Ports,
    RawRequest,
    Reply,
    SendError,
    SendFailure,
    Sent,
    Unverified,
    WebhookChannel,
)
from gateway.channel.outgoing import Sender
from gateway.config import ChannelSettings
from gateway.domain.intake import Event, Ignored, InboundMessage, Outcome, Receipt
from tests.contract.kit.channel_under_test import ChannelUnderTest

Handle = Callable[[WebhookChannel], WebhookChannel]


@dataclass(frozen=True)
class Sound:
    """A handler that passes everything on; each broken one overrides a step."""

    inner: WebhookChannel

    def verify(self, raw: RawRequest) -> None:
        self.inner.verify(raw)

    def handshake(self, raw: RawRequest) -> HttpReply | None:
        return self.inner.handshake(raw)

    def parse(self, raw: RawRequest) -> Sequence[Event]:
        return self.inner.parse(raw)

    def acknowledge(self, outcome: Outcome) -> HttpReply:
        return self.inner.acknowledge(outcome)

    def changed(self, raw: RawRequest, **fields: Any) -> Sequence[Event]:
        """The sound events, with fields of messages replaced."""
        return [
            msgspec.structs.replace(event, **fields) if isinstance(event, InboundMessage) else event
            for event in self.inner.parse(raw)
        ]


class VerifySkipped(Sound):
    def verify(self, raw: RawRequest) -> None:
        return None


class VerifiesOnlyTheSetUpRequest(Sound):
    """As a well-known gateway does for WeChat: the GET is checked, the messages are not."""

    def verify(self, raw: RawRequest) -> None:
        if raw.method == "GET":
            self.inner.verify(raw)


class TakesOnlyThePresenceOfASignature(Sound):
    def verify(self, raw: RawRequest) -> None:
        try:
            self.inner.verify(raw)
        except Unverified:
            if "X-Twilio-Signature" not in raw.headers:
                raise


class CrashesOnAnOddSignature(Sound):
    def verify(self, raw: RawRequest) -> None:
        raw.headers.get("X-Twilio-Signature", "").encode("ascii")
        self.inner.verify(raw)


class BelievesForwardedHeaders(Sound):
    def verify(self, raw: RawRequest) -> None:
        host = raw.headers.get("X-Forwarded-Host", "hotline.example")
        url = raw.url.replace("hotline.example", host)
        self.inner.verify(msgspec.structs.replace(raw, url=url))


class AcknowledgesWhatWasNotStored(Sound):
    def acknowledge(self, outcome: Outcome) -> HttpReply:
        return self.inner.acknowledge(Outcome(status="accepted"))


class AcknowledgesInItsOwnWords(Sound):
    def acknowledge(self, outcome: Outcome) -> HttpReply:
        reply = self.inner.acknowledge(outcome)
        return dataclasses.replace(reply, body=b"OK") if reply.status == 200 else reply


class HasNoUniqueKey(Sound):
    def parse(self, raw: RawRequest) -> Sequence[Event]:
        return self.changed(raw, dedupe_key="")


class KeysByTheTimeOfReceipt(Sound):
    def parse(self, raw: RawRequest) -> Sequence[Event]:
        return self.changed(raw, dedupe_key=datetime.now(UTC).strftime("%Y%m%d%H"))


class KeysByTheText(Sound):
    def parse(self, raw: RawRequest) -> Sequence[Event]:
        return [
            event
            for found in self.inner.parse(raw)
            for event in self.changed(raw, dedupe_key=getattr(found, "text", "") or "x")
        ]


class KeysByTheMomentOfReceipt(Sound):
    def parse(self, raw: RawRequest) -> Sequence[Event]:
        return self.changed(raw, dedupe_key=str(time.monotonic_ns()))


class ForgetsTheTime(Sound):
    def parse(self, raw: RawRequest) -> Sequence[Event]:
        return self.changed(raw, occurred_at=None)


class TakesMachinesForCitizens(Sound):
    def parse(self, raw: RawRequest) -> Sequence[Event]:
        return self.changed(raw, automated=False)


class TakesEveryReceiptForFailure(Sound):
    def parse(self, raw: RawRequest) -> Sequence[Event]:
        return [
            msgspec.structs.replace(event, delivery="failed")
            if isinstance(event, Receipt)
            else event
            for event in self.inner.parse(raw)
        ]


class TakesEverybodyForOneCitizen(Sound):
    def parse(self, raw: RawRequest) -> Sequence[Event]:
        return self.changed(raw, contact="tel:+8613800000000")


class ReadsSecondsAsMilliseconds(Sound):
    def parse(self, raw: RawRequest) -> Sequence[Event]:
        return self.changed(raw, occurred_at=datetime.fromtimestamp(1_795_255, UTC))


class CrashesOnABadTime(Sound):
    def parse(self, raw: RawRequest) -> Sequence[Event]:
        datetime.fromisoformat(json.loads(raw.body)["sent_at"])
        return self.inner.parse(raw)


class CrashesOnABadNumber(Sound):
    def parse(self, raw: RawRequest) -> Sequence[Event]:
        int(parse_qs(raw.body.decode("utf-8", "replace")).get("NumMedia", ["0"])[0])
        return self.inner.parse(raw)


class ReadsAnyDepth(Sound):
    def parse(self, raw: RawRequest) -> Sequence[Event]:
        json.loads(raw.body.decode("utf-8", "replace"))
        return self.inner.parse(raw)


class TidiesTheText(Sound):
    def parse(self, raw: RawRequest) -> Sequence[Event]:
        events = self.inner.parse(raw)
        text = getattr(events[0], "text", "")
        return self.changed(raw, text=text.strip().replace("\x00", ""))


class StoresItsOwnMessages(Sound):
    def parse(self, raw: RawRequest) -> Sequence[Event]:
        return [
            InboundMessage(contact="tel:+15005550006", entry="x", dedupe_key="x", text="own")
            if isinstance(event, Ignored)
            else event
            for event in self.inner.parse(raw)
        ]


class TellsTheSenderInItsErrors(Sound):
    def verify(self, raw: RawRequest) -> None:
        try:
            self.inner.verify(raw)
        except Unverified:
            raise Unverified(f"not from Twilio: {raw.body.decode()}") from None


class ReadsAFile(Sound):
    def parse(self, raw: RawRequest) -> Sequence[Event]:
        with open("/dev/null", "rb") as file:  # noqa: PTH123 - what a hurried author writes
            file.read()
        return self.inner.parse(raw)


@dataclass(frozen=True)
class SoundSender:
    """A sender that passes everything on."""

    inner: Sender

    def render(self, reply: Reply, state: ContactState) -> Sequence[Part]:
        return self.inner.render(reply, state)

    async def send(self, part: Part, http: HttpClient) -> Sent:
        return await self.inner.send(part, http)


class TriesAgainItself(SoundSender):
    async def send(self, part: Part, http: HttpClient) -> Sent:
        try:
            return await self.inner.send(part, http)
        except SendError as error:
            if error.kind is not SendFailure.UNKNOWN:
                raise
        return await self.inner.send(part, http)


class CallsEveryFailureUnreachable(SoundSender):
    async def send(self, part: Part, http: HttpClient) -> Sent:
        try:
            return await self.inner.send(part, http)
        except SendError:
            raise SendError(SendFailure.UNREACHABLE) from None


class CutsLongReplies(SoundSender):
    def render(self, reply: Reply, state: ContactState) -> Sequence[Part]:
        return self.inner.render(dataclasses.replace(reply, text=reply.text[:600]), state)


class WritesAgainstTheCitizensWish(SoundSender):
    def render(self, reply: Reply, state: ContactState) -> Sequence[Part]:
        return self.inner.render(reply, ContactState())


@dataclass(frozen=True)
class LeavesATaskBehind:
    """A life that starts a task and forgets it."""

    inner: Lifecycle
    forgotten: list[asyncio.Task[None]]

    async def connect(self) -> None:
        self.forgotten.append(asyncio.create_task(asyncio.sleep(3600)))

    async def close(self) -> None:
        return None

    async def probe(self) -> str | None:
        return await self.inner.probe()


@dataclass(frozen=True)
class ShrugsAtTheProbe:
    """A life that always says it is well."""

    inner: Lifecycle

    async def connect(self) -> None:
        return None

    async def close(self) -> None:
        return None

    async def probe(self) -> str | None:
        return None


def with_handler(channel: ChannelUnderTest, wrap: Handle) -> ChannelUnderTest:
    """Return a channel whose every webhook is wrapped."""

    def change(account: Account) -> Account:
        routes = tuple(
            dataclasses.replace(route, handler=wrap(cast(WebhookChannel, route.handler)))
            for route in account.routes
        )
        return dataclasses.replace(account, routes=routes)

    return _with_account(channel, change)


def with_sender(channel: ChannelUnderTest, wrap: Callable[[Sender], Sender]) -> ChannelUnderTest:
    """Return a channel whose sender is wrapped."""
    return _with_account(
        channel, lambda account: dataclasses.replace(account, sender=wrap(_some(account.sender)))
    )


def with_lifecycle(
    channel: ChannelUnderTest, wrap: Callable[[Lifecycle], Lifecycle]
) -> ChannelUnderTest:
    """Return a channel whose life is wrapped."""
    return _with_account(
        channel,
        lambda account: dataclasses.replace(account, lifecycle=wrap(_some(account.lifecycle))),
    )


def without_ids(channel: ChannelUnderTest) -> ChannelUnderTest:
    """Return a channel whose provider gives its messages no ids: nothing is wrong with it."""
    genuine = channel.conformance
    told = dataclasses.replace(
        genuine,
        deliveries=lambda simulator: {
            **genuine.deliveries(simulator),
            "without_id": simulator.message("路灯不亮", sender=genuine.senders[0]),
        },
    )
    return dataclasses.replace(with_handler(channel, HasNoUniqueKey), conformance=told)


def without_media_source(channel: ChannelUnderTest) -> ChannelUnderTest:
    """Return a channel that tells of files and does not know how to ask for them."""
    return _with_account(channel, lambda account: dataclasses.replace(account, media=None))


def open_without_a_secret(channel: ChannelUnderTest) -> ChannelUnderTest:
    """Return a channel that accepts everything when no secret is configured."""
    genuine = channel.kind

    class Optional(genuine.settings):  # type: ignore[name-defined, misc]
        auth_token: tuple[SecretStr, ...] | str | None = None

    def build(settings: ChannelSettings, ports: Ports) -> Account:
        return Account(spec=channel.account.spec)

    kind = ChannelKind(
        kind=genuine.kind, settings=Optional, build=build, simulator=genuine.simulator
    )
    return _again(channel, kind=kind)


def _with_account(
    channel: ChannelUnderTest, change: Callable[[Account], Account]
) -> ChannelUnderTest:
    genuine = channel.kind

    def build(settings: ChannelSettings, ports: Ports) -> Account:
        return change(genuine.build(settings, ports))

    return _again(channel, kind=dataclasses.replace(genuine, build=build))


def _again(channel: ChannelUnderTest, *, kind: ChannelKind) -> ChannelUnderTest:
    return ChannelUnderTest(kind=kind, conformance=channel.conformance, folder=channel.folder)


def _some(part: Any) -> Any:
    assert part is not None
    return part
