"""Network addresses and networks: read, normalised, and put in an order in which one is found by bisection.

An IPv4 address written as IPv6 (`::ffff:192.0.2.1`) is the IPv4 address. What could not be one place's network is
refused, so that a length left out or mistyped by a digit opens the paper to no continent. A wrong network of a likely
size nobody can tell from a right one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from django.utils.translation import gettext as _

Address = IPv4Address | IPv6Address


class NetworkRefused(ValueError):
    """What was given is no network, or none that could belong to one place; the text says which."""


# The shortest lengths that are taken. A house with more writes several; the owner of a crawler may have been given one
# of the widest networks there are.
OF_A_PLACE: Mapping[int, int] = {4: 12, 6: 28}
OF_AN_OWNER: Mapping[int, int] = {4: 8, 6: 19}
_MAPPED = 96  # bits that stand before an IPv4 address written as IPv6

# Addresses that many houses use at once, or nobody outside of one machine.
_NOT_PUBLIC = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
            "192.168.0.0/16", "224.0.0.0/3", "::/8", "fc00::/7", "fe80::/10", "ff00::/8",
        ),
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Network:
    """A network in its one spelling, with the places of its first and last address in the order of all addresses."""

    cidr: str
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class Ranges:
    """Many networks, of which some may lie within others; `in` says whether one of them holds a place."""

    _firsts: tuple[str, ...]
    _lasts: tuple[str, ...]

    @classmethod
    def of(cls, cidrs: Iterable[str]) -> Ranges:
        """Return the ranges of networks that were read before."""
        firsts: list[str] = []
        lasts: list[str] = []
        for network in sorted((of(ip_network(cidr)) for cidr in cidrs), key=lambda each: each.first):
            if lasts and network.first <= lasts[-1]:
                lasts[-1] = max(lasts[-1], network.last)
            else:
                firsts.append(network.first)
                lasts.append(network.last)
        return cls(tuple(firsts), tuple(lasts))

    def __contains__(self, place: object) -> bool:
        index = bisect_right(self._firsts, place) - 1 if isinstance(place, str) else -1
        return index >= 0 and str(place) <= self._lasts[index]


def place_of(address: str) -> str | None:
    """Return where an address stands in the order of all addresses; None for what is no address.

    As text, since no integer column holds 128 bits: the version, then all digits in hexadecimal.
    """
    try:
        return _place(_plain(ip_address(address)))
    except ValueError:
        return None


def plain(address: str) -> str | None:
    """Return an address in its one spelling; None for what is no address."""
    try:
        return str(_plain(ip_address(address)))
    except ValueError:
        return None


def read(text: str, *, allow_private: bool, widest: Mapping[int, int] = OF_A_PLACE) -> Network:
    """Return the network that `text` names: an address, or one with a length (`192.0.2.0/24`).

    :raises NetworkRefused: it is none, too wide, or no public one where only such are allowed.
    """
    network = _parsed(text.strip())
    if network.prefixlen < widest[network.version]:
        raise NetworkRefused(
            _("%(network)s is too wide for one institution: /%(widest)d at the widest.")
            % {"network": network, "widest": widest[network.version]}
        )
    if not allow_private and any(_overlap(network, private) for private in _NOT_PUBLIC):
        raise NetworkRefused(_("%s is not a public network: readers never come to us from there.") % network)
    return of(network)


def of(network: IPv4Network | IPv6Network) -> Network:
    """Return a network that was read elsewhere in its one spelling."""
    return Network(str(network), _place(network.network_address), _place(network.broadcast_address))


def _parsed(text: str) -> IPv4Network | IPv6Network:
    try:
        network = ip_network(text, strict=False)
        is_exact = "/" not in text or ip_address(text.partition("/")[0]) == network.network_address
    except ValueError as error:
        raise NetworkRefused(
            _("“%s” is no network: write it as 192.0.2.0/24 or 2001:db8::/32.") % text[:60]
        ) from error
    if not is_exact:
        # Half of those who write this mean one address, half mean the network around it.
        raise NetworkRefused(
            _("%(text)s is an address within %(network)s: write the one or the other.")
            % {"text": text, "network": network}
        )
    return _unmapped(network)


def _unmapped(network: IPv4Network | IPv6Network) -> IPv4Network | IPv6Network:
    if isinstance(network, IPv4Network) or network.prefixlen < _MAPPED:
        return network
    mapped = network.network_address.ipv4_mapped
    return network if mapped is None else IPv4Network((mapped, network.prefixlen - _MAPPED))


def _plain(address: Address) -> Address:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _overlap(one: IPv4Network | IPv6Network, other: IPv4Network | IPv6Network) -> bool:
    return one.version == other.version and one.overlaps(other)


def _place(address: Address) -> str:
    return f"{address.version}{int(address):0{address.max_prefixlen // 4}x}"
