"""What Asterisk tells over ARI, as far as the gateway listens; everything else is ignored.

Source: the ARI schemas that come with Asterisk (``rest-api/events.json``, ``channels.json``).
"""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec import Struct


class CallerId(Struct, frozen=True, kw_only=True):
    """Who is at the other end, as far as the network says so."""

    name: str = ""
    number: str = ""


class Dialplan(Struct, frozen=True, kw_only=True):
    """Where a channel is in the dialplan."""

    exten: str = ""
    app_name: str = ""
    app_data: str = ""


class Channel(Struct, frozen=True, kw_only=True):
    """One leg of a call inside Asterisk."""

    id: str
    name: str = ""
    state: str = ""
    caller: CallerId = CallerId()
    dialplan: Dialplan = Dialplan()
    creationtime: str = ""
    channelvars: Mapping[str, str] = msgspec.field(default_factory=dict)

    @property
    def began_at(self) -> datetime | None:
        """When the network announced it."""
        return _time(self.creationtime)

    @property
    def trunk(self) -> str | None:
        """The line it came in on: ``PJSIP/trunk-0000001a`` came in on ``trunk``."""
        line = self.name.partition("/")[2].rpartition("-")[0]
        return line or None


class Bridge(Struct, frozen=True, kw_only=True):
    """Channels that hear each other."""

    id: str
    channels: tuple[str, ...] = ()


class StasisStart(Struct, frozen=True, kw_only=True):
    """A channel is in our hands from now on."""

    channel: Channel
    args: tuple[str, ...] = ()


class StasisEnd(Struct, frozen=True, kw_only=True):
    """A channel has left our hands."""

    channel: Channel


class ChannelDestroyed(Struct, frozen=True, kw_only=True):
    """A channel is gone; ``cause`` is the number of Q.850."""

    channel: Channel
    cause: int = 0


class ChannelStateChange(Struct, frozen=True, kw_only=True):
    """A channel rings, or was answered."""

    channel: Channel


class ChannelDtmfReceived(Struct, frozen=True, kw_only=True):
    """A key was pressed and let go."""

    channel: Channel
    digit: str
    timestamp: str = ""

    @property
    def at(self) -> float | None:
        """When that was, in seconds of Asterisk's clock."""
        at = _time(self.timestamp)
        return None if at is None else at.timestamp()


class ApplicationReplaced(Struct, frozen=True, kw_only=True):
    """Another connection has taken our name: two gateways must not have the same one."""

    application: str = ""


Event = (
    StasisStart
    | StasisEnd
    | ChannelDestroyed
    | ChannelStateChange
    | ChannelDtmfReceived
    | ApplicationReplaced
)

EVENTS: Mapping[str, type[Event]] = MappingProxyType(
    {
        one.__name__: one
        for one in (
            StasisStart,
            StasisEnd,
            ChannelDestroyed,
            ChannelStateChange,
            ChannelDtmfReceived,
            ApplicationReplaced,
        )
    }
)


class _Kind(Struct, frozen=True):
    type: str


class BadEvent(Exception):
    """Something that is not an event of ARI."""


def event(content: str | bytes) -> Event | None:
    """Read one event; None when it is of no interest, ``BadEvent`` when it is none at all."""
    try:
        wanted = EVENTS.get(msgspec.json.decode(content, type=_Kind).type)
        return None if wanted is None else msgspec.json.decode(content, type=wanted)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise BadEvent(str(error)) from None


def channel_of(answer: Any) -> Channel:
    """Return the channel in an answer of ARI."""
    return msgspec.convert(answer, Channel)


def _time(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z")
    except ValueError:
        return None
