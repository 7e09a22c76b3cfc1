"""What a backend's acknowledgement says of the case it opened."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import msgspec

from gateway.channel.http import EgressReply

_LONGEST_ID = 200
_LONGEST_URL = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedCase:
    """The case as the backend names it."""

    external_id: str
    url: str | None = None


def opened_case(reply: EgressReply, *, called: str, fallback: str) -> OpenedCase:
    """Return the case's id and address from an acknowledgement of ``called``.

    The id is the JSON answer's ``external_id``, ``id`` or ``data.id``, else the last part of the
    ``Location`` header, else ``fallback``: the draft's own id, by which the backend knows it too.
    Anything unreadable is passed over, since the event has been acknowledged.
    """
    body = _object(reply.body)
    data = body.get("data")
    inner = data if isinstance(data, dict) else {}
    location = _location(reply, called)
    named = (
        _name(body.get("external_id"))
        or _name(body.get("id"))
        or _name(inner.get("id"))
        or _last_part(location)
    )
    url = (
        _address(body.get("external_url"))
        or _address(body.get("url"))
        or _address(inner.get("url"))
        or location
    )
    return OpenedCase(external_id=named or fallback, url=url)


def _object(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}


def _name(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value).strip()
    return text if text and len(text) <= _LONGEST_ID and text.isprintable() else None


def _address(value: object) -> str | None:
    if not isinstance(value, str) or len(value) > _LONGEST_URL or not value.isprintable():
        return None
    try:
        parts = urlsplit(value)
    except ValueError:
        return None
    return value if parts.scheme in {"http", "https"} and parts.netloc else None


def _location(reply: EgressReply, called: str) -> str | None:
    given = reply.headers.get("location")
    if not given:
        return None
    try:
        return _address(urljoin(called, given))
    except ValueError:
        return None


def _last_part(url: str | None) -> str | None:
    if url is None:
        return None
    return _name(urlsplit(url).path.rstrip("/").rpartition("/")[2])
