"""Which addresses the gateway may call: public ones, private ones when listed, some never.

The ranges are those of the IANA special-purpose registries (IPv4 and IPv6) and the metadata
services the large clouds document. Python's ``ipaddress`` is not the judge: it calls NAT64 and
6to4 addresses global, whatever IPv4 address they carry.
"""

from collections.abc import Sequence
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from gateway.channel.http import IPNetwork

IPAddress = IPv4Address | IPv6Address


class Ruling(StrEnum):
    """What the policy says about one address."""

    PUBLIC = "public"
    """Anybody's to call."""
    LISTED = "listed"
    """Not public, but inside a network this URL was configured to reach."""
    UNLISTED = "unlisted"
    """Private or loopback, and no listed network contains it."""
    NEVER = "never"
    """Not callable, listed or not."""

    @property
    def permitted(self) -> bool:
        """Say whether a connection may be made."""
        return self in (Ruling.PUBLIC, Ruling.LISTED)


def _networks(*texts: str) -> tuple[IPNetwork, ...]:
    return tuple(ip_network(text) for text in texts)


_NEVER = _networks(
    # cloud metadata and host agents outside link-local space
    "100.100.100.200/32",  # Alibaba Cloud
    "168.63.129.16/32",  # Azure, a public address that only answers inside
    "fd00:ec2::254/128",  # AWS
    "fd20:ce::254/128",  # Google Cloud
    # IPv4: this network (Linux connects 0.0.0.0 to loopback), link-local, protocol assignments
    # (192.0.0.192 is Oracle's metadata), documentation, 6to4 relays, multicast, reserved, broadcast
    "0.0.0.0/8",
    "169.254.0.0/16",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    # inside 2000::/3: protocol assignments with Teredo and ORCHID, 6to4, documentation
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
)
_NOT_PUBLIC = _networks(
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "198.18.0.0/15",  # benchmarking networks; some proxies hand out names here
    "::1/128",
    "fc00::/7",
)
_PUBLIC_V6 = ip_network("2000::/3")
_NAT64 = ip_network("64:ff9b::/96")


def judge(address: IPAddress | str, allow: Sequence[IPNetwork] = ()) -> Ruling:
    """Judge one address as it would be connected to.

    ``allow`` lists the non-public networks that may be reached. Text that is not a plain IP
    address is ``NEVER``: whoever asks has not resolved the name yet.
    """
    if isinstance(address, str):
        try:
            address = ip_address(address)
        except ValueError:
            return Ruling.NEVER
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return judge(address.ipv4_mapped, allow)
        if address in _NAT64:
            # RFC 6052 §3.1: the well-known prefix never carries an address that is not global.
            embedded = judge(IPv4Address(int(address) & 0xFFFFFFFF))
            return Ruling.PUBLIC if embedded is Ruling.PUBLIC else Ruling.NEVER
    if _within(address, _NEVER):
        return Ruling.NEVER
    if _within(address, _NOT_PUBLIC):
        return Ruling.LISTED if _within(address, allow) else Ruling.UNLISTED
    if isinstance(address, IPv6Address) and address not in _PUBLIC_V6:
        return Ruling.NEVER
    return Ruling.PUBLIC


def _within(address: IPAddress, networks: Sequence[IPNetwork]) -> bool:
    return any(address in network for network in networks)
