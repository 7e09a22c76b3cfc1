"""Bytes in and bytes out: what a channel sees of a provider's request and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from msgspec import Struct

_NOTHING: Mapping[str, str] = MappingProxyType({})


class RawRequest(Struct, frozen=True, kw_only=True):
    """A request as it came, bounded but not yet believed.

    ``url`` is the *configured* public URL with the query as received: the one a provider signs,
    never rebuilt from ``Host`` or ``X-Forwarded-*``. ``path`` is the part below the channel's mount
    (empty for the mount itself) or the absolute path of an extra mount. ``headers`` looks names up
    regardless of case. ``body`` holds at most ``ChannelSpec.body_limit`` bytes.
    """

    method: str
    url: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    query: str = ""
    content_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpReply:
    """The exact answer to send."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
