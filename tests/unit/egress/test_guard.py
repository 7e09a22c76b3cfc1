"""The address policy: public yes, private when listed, metadata and odd ranges never."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.channel.http import IPNetwork
from gateway.egress.guard import Ruling, judge

EVERYTHING: tuple[IPNetwork, ...] = (ip_network("0.0.0.0/0"), ip_network("::/0"))

v4_addresses = st.ip_addresses(v=4)
v6_addresses = st.one_of(
    st.ip_addresses(v=6),
    # Random 128-bit numbers hardly ever land in the small special ranges.
    st.sampled_from(
        ["::", "::ffff:0:0", "64:ff9b::", "2002::", "2001::", "fe80::", "fc00::", "ff02::"]
    ).flatmap(
        lambda base: st.integers(0, 2**32 - 1).map(
            lambda low: IPv6Address(int(IPv6Address(base)) + low)
        )
    ),
)
addresses = st.one_of(v4_addresses, v6_addresses)


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "1.1.1.1", "114.114.114.114", "2400:3200::1", "2606:4700::1111", "64:ff9b::808:808",
     "::ffff:8.8.8.8"],
)  # fmt: skip
def test_a_public_address_needs_no_list(address: str) -> None:
    assert judge(address) is Ruling.PUBLIC


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("10.1.2.3", "10.0.0.0/8"),
        ("172.31.255.254", "172.16.0.0/12"),
        ("192.168.1.1", "192.168.1.0/24"),
        ("100.64.0.1", "100.64.0.0/10"),
        ("198.18.0.7", "198.18.0.0/15"),
        ("127.0.0.1", "127.0.0.1/32"),
        ("127.8.8.8", "127.0.0.0/8"),
        ("::1", "::1/128"),
        ("fd12:3456::1", "fd12:3456::/32"),
        ("::ffff:10.1.2.3", "10.0.0.0/8"),
    ],
)
def test_a_private_or_loopback_address_is_reached_only_through_a_list_that_contains_it(
    address: str, network: str
) -> None:
    assert judge(address) is Ruling.UNLISTED
    assert judge(address, [ip_network("192.0.2.0/24"), ip_network(network)]) is Ruling.LISTED
    assert judge(address, [ip_network("10.99.0.0/16")]) is Ruling.UNLISTED


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254", "169.254.0.23", "100.100.100.200", "168.63.129.16", "192.0.0.192",
        "fd00:ec2::254", "fd20:ce::254", "::ffff:169.254.169.254", "::ffff:100.100.100.200",
        "64:ff9b::a9fe:a9fe", "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::808:808",
        "2002:7f00:1::", "2002:808:808::1", "2001::1", "2001:db8::1", "3fff::1",
        "0.0.0.0", "0.1.2.3", "255.255.255.255", "240.0.0.1", "224.0.0.1", "239.255.255.250",  # noqa: S104 (judged, not bound)
        "192.0.2.1", "198.51.100.7", "203.0.113.9", "192.88.99.1",
        "::", "::7f00:1", "::ffff:0:7f00:1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1",
        "100::1", "5f00::1", "4000::1", "::ffff:0.0.0.0", "::ffff:224.0.0.1",
    ],
)  # fmt: skip
def test_some_addresses_are_never_called_even_when_everything_is_listed(address: str) -> None:
    assert judge(address) is Ruling.NEVER
    assert judge(address, [*EVERYTHING, ip_network(f"{address.partition('%')[0]}")]) is Ruling.NEVER


@pytest.mark.parametrize("text", ["", "localhost", "127.1", "2130706433", "0x7f000001", "1.2.3.4 "])
def test_text_that_is_not_an_address_is_never_called(text: str) -> None:
    assert judge(text, EVERYTHING) is Ruling.NEVER


@given(addresses)
def test_listing_everything_opens_exactly_what_was_unlisted(
    address: IPv4Address | IPv6Address,
) -> None:
    before, after = judge(address), judge(address, EVERYTHING)
    assert before in (Ruling.PUBLIC, Ruling.UNLISTED, Ruling.NEVER)
    assert after is (Ruling.LISTED if before is Ruling.UNLISTED else before)


@given(addresses)
def test_nothing_public_is_special_in_the_eyes_of_the_standard_library(
    address: IPv4Address | IPv6Address,
) -> None:
    if judge(address) is Ruling.PUBLIC and not str(address).startswith(("64:ff9b::", "::ffff:")):
        assert address.is_global
        assert not address.is_multicast


@given(v4_addresses, st.lists(st.sampled_from(["10.0.0.0/8", "127.0.0.0/8", "0.0.0.0/0"])))
def test_a_mapped_address_is_judged_as_the_address_it_carries(
    address: IPv4Address, listed: list[str]
) -> None:
    allow = [ip_network(text) for text in listed]
    assert judge(IPv6Address(f"::ffff:{address}"), allow) is judge(address, allow)


@given(v4_addresses)
def test_a_nat64_address_is_called_only_if_it_carries_a_public_address(
    address: IPv4Address,
) -> None:
    through_nat64 = IPv6Address(int(IPv6Address("64:ff9b::")) + int(address))
    expected = Ruling.PUBLIC if judge(address) is Ruling.PUBLIC else Ruling.NEVER
    assert judge(through_nat64, EVERYTHING) is expected


@given(addresses)
def test_text_and_object_are_judged_alike(address: IPv4Address | IPv6Address) -> None:
    assert judge(str(address)) is judge(address)
    assert judge(ip_address(str(address)), EVERYTHING) is judge(str(address), EVERYTHING)
