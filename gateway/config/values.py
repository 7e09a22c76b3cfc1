"""The kinds of value a setting can hold, each with one reading and one message when it is wrong.

The loader hands every scalar over as the text that stands in the file, so that ``012319`` keeps
its zero and ``no`` is never a boolean by surprise; these types decide what the text means.
A message has the shape ``what is wrong; what to do``.
"""

import math
import re
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Annotated, Any
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field

_SECONDS = {"": 1, "ms": 0.001, "s": 1, "min": 60, "m": 60, "h": 3600, "d": 86400}
_BYTES = {"": 1, "b": 1, "kb": 1000, "mb": 1000**2, "kib": 1024, "mib": 1024**2, "gib": 1024**3}
_AMOUNT = re.compile(r"\s*(\d{1,12}(?:\.\d{1,6})?)\s*([A-Za-z]*)\s*", re.ASCII)


def _amount(value: Any, units: dict[str, float], cure: str) -> Any:
    if not isinstance(value, str):
        return value
    found = _AMOUNT.fullmatch(value)
    if found is None or found[2].lower() not in units:
        raise ValueError(f"is not an amount with a known unit; {cure}")
    return float(found[1]) * units[found[2].lower()]


def _seconds(value: Any) -> Any:
    return _amount(value, dict(_SECONDS), "write for example 45 s, 5 min, 2 h or 7 d")


def _bytes(value: Any) -> Any:
    amount = _amount(value, dict(_BYTES), "write for example 65536, 64 KiB or 1 MiB")
    return math.floor(amount) if isinstance(amount, float) else amount


def _split(value: str) -> SplitResult:
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018 - reading it is what checks it
    except ValueError:
        raise ValueError("is not an address; write for example https://hotline.example") from None
    return parts


def _http_url(value: str) -> str:
    parts = _split(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or re.search(r"\s", value):
        raise ValueError("is not an http(s) address; write for example https://host/path")
    if parts.username or parts.password:
        raise ValueError("holds a user name or password; leave it out, requests are signed instead")
    if parts.fragment:
        raise ValueError("has a part after #, which is never sent; leave it out")
    return value


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_here(url: str) -> bool:
    """Tell whether an address is plain http on this machine, with a port of its own."""
    parts = urlsplit(url)
    return parts.scheme == "http" and _is_loopback(parts.hostname or "") and parts.port is not None


def _public_url(value: str) -> str:
    parts = _split(_http_url(value))
    if parts.query:
        raise ValueError("has a query; give only scheme, host and, if need be, a path")
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        raise ValueError("is not encrypted; use https (http is accepted on 127.0.0.1 only)")
    return value.rstrip("/")


def _network(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return ip_network(value)
    except ValueError:
        raise ValueError("is not a network; write for example 10.0.0.0/8 or 192.0.2.7") from None


def _timezone(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            "is not a time zone; write an IANA name, for example Asia/Shanghai"
        ) from None


def _listen(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 0 <= int(port[:6]) <= 65535:
        raise ValueError("is not HOST:PORT; write for example 127.0.0.1:9090")
    return value


Seconds = Annotated[float, BeforeValidator(_seconds), Field(ge=0, allow_inf_nan=False)]
"""A length of time, in seconds; written ``45 s``, ``5 min``, ``2 h``, ``7 d`` or a bare number."""

Bytes = Annotated[int, BeforeValidator(_bytes), Field(gt=0)]
"""An amount of data, in bytes; written ``64 KiB``, ``1 MiB``, ``20 MB`` or a bare number."""

HttpUrl = Annotated[str, AfterValidator(_http_url)]
"""An ``http`` or ``https`` address without a user name and without a fragment."""

PublicUrl = Annotated[str, AfterValidator(_public_url)]
"""Where the world reaches the gateway: ``https``, or ``http`` on loopback; no final slash."""

Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(_network)]
"""A network in CIDR notation, or a single address."""

TimeZone = Annotated[ZoneInfo, BeforeValidator(_timezone)]
"""A time zone of the IANA database."""

Listen = Annotated[str, AfterValidator(_listen)]
"""``HOST:PORT`` to listen on."""

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,40}$")]
"""A short name fit for addresses and logs: lower case letters, digits, ``_`` and ``-``."""
