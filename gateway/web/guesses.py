"""Slows those who try out codes on public pages: wrong answers are counted by who asks.

Beside the count for every receipt number (``intake/lookup.py``), which somebody who tries one code
on many numbers would never reach.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from aiohttp import web

from gateway.domain.ids import Clock
from gateway.intake.tries import Tries

WRONG_ANSWERS = 30
"""Wrong answers one address may cause within ``WINDOW_S``."""

WINDOW_S = 15 * 60.0

_SUBSCRIBER_BITS = 64
"""An IPv6 subscriber has this long a prefix, and every address in it."""


@dataclass(frozen=True, slots=True)
class Guesses:
    """Counts wrong answers by address."""

    tries: Tries

    @classmethod
    def counted_by(cls, clock: Clock) -> "Guesses":
        """Return an empty count."""
        return cls(Tries(clock=clock, limit=WRONG_ANSWERS, window_s=WINDOW_S))

    def must_wait(self, request: web.Request) -> int | None:
        """Return the seconds until this asker is heard again, None when at once."""
        who = asker(request)
        return self.tries.wait_s(who) if self.tries.are_used_up(who) else None

    def went_wrong(self, request: web.Request) -> None:
        """Count a wrong answer."""
        self.tries.went_wrong(asker(request))


def asker(request: web.Request) -> str:
    """Return whose request this is: the peer, or whom a reverse proxy beside us names.

    ``X-Forwarded-For`` is believed from private and loopback addresses only, and of it only the
    last entry, which that proxy itself has added: anybody may write the rest.
    """
    peer = _address(request.remote or "")
    if peer is not None and not peer.is_global:
        entries = ",".join(request.headers.getall("X-Forwarded-For", ())).split(",")
        peer = _address(entries[-1].strip()) or peer
    if isinstance(peer, IPv6Address):
        return str(IPv6Network((peer, _SUBSCRIBER_BITS), strict=False))
    return str(peer)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
