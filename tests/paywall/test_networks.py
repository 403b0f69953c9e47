"""Networks: one spelling each, nothing too wide, nothing that could be everybody's."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paywall import networks
from paywall.networks import NetworkRefused


def read(text: str) -> networks.Network:
    return networks.read(text, allow_private=False)


@pytest.mark.parametrize(
    ("text", "cidr"),
    [
        ("192.0.2.0/24", "192.0.2.0/24"),
        (" 192.0.2.7 ", "192.0.2.7/32"),
        ("192.0.2.0/255.255.255.0", "192.0.2.0/24"),
        ("2001:DB8::/32", "2001:db8::/32"),
        ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
        ("::ffff:192.0.2.7", "192.0.2.7/32"),
    ],
)
def test_each_has_one_spelling(text: str, cidr: str) -> None:
    assert read(text).cidr == cidr


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "/", "/0", "0.0.0.0/0", "::/0", "0/0", "*", "192.0.2.0/33", "192.0.2.0/-1", "192.0.2", "campus",
        "1.0.0.0/7", "91.0.0.0/8", "91.0.0.0/11", "2000::/18", "2003::/19", "2003::/27",
        "::ffff:0:0/96", "::ffff:128.0.0.0/97", "192.0.2.5/24", "2001:db8::1/32",
        "10.0.0.0/8", "10.1.2.3", "127.0.0.1", "::1", "fe80::/64", "169.254.0.0/16", "172.0.0.0/8", "192.168.1.0/24",
        "100.64.0.0/10", "fd00::/20", "0.0.0.0",  # noqa: S104  nothing listens here
        "255.255.255.255", "224.0.0.0/24", "192.0.2.0/24/24", "٣.0.0.0/24",
        "192.0.2.0/24\x00", "9" * 5000,
    ],
)  # fmt: skip
def test_what_cannot_be_one_place_s_is_refused(text: str) -> None:
    with pytest.raises(NetworkRefused):
        read(text)


def test_a_private_one_is_taken_where_it_is_allowed_and_no_wide_one_is() -> None:
    assert networks.read("10.16.0.0/12", allow_private=True).cidr == "10.16.0.0/12"
    with pytest.raises(NetworkRefused):
        networks.read("0.0.0.0/0", allow_private=True)


def test_an_address_within_a_network_is_refused_with_what_may_be_meant() -> None:
    with pytest.raises(NetworkRefused, match=r"within 192\.0\.2\.0/24"):
        read("192.0.2.5/24")


plain = st.ip_addresses(v=6).filter(lambda address: address.ipv4_mapped is None)


@given(st.tuples(plain, plain) | st.tuples(st.ip_addresses(v=4), st.ip_addresses(v=4)))
def test_the_order_of_places_is_the_order_of_addresses(pair: tuple[IPv4Address, IPv4Address]) -> None:
    first, second = (str(networks.place_of(str(address))) for address in pair)
    assert (first < second) == (pair[0] < pair[1])


@given(st.ip_addresses(v=4))
def test_an_address_written_as_the_other_kind_is_the_same(address: object) -> None:
    assert networks.place_of(f"::ffff:{address}") == networks.place_of(str(address))


@given(plain, st.integers(20, 128))
def test_a_network_begins_and_ends_with_its_addresses(address: IPv6Address, length: int) -> None:
    network = ip_network(f"{address}/{length}", strict=False)
    found = networks.of(network)
    assert found.first <= str(networks.place_of(str(address))) <= found.last


def test_what_is_no_address_has_no_place() -> None:
    assert networks.place_of("campus") is None
