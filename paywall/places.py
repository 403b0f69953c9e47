"""The directory of places: to which institution a network address or an e-mail address belongs.

It is small, changes rarely and is asked for with each decision. So each process keeps it, sorted, and asks the database
again only when the version that stands beside a fetched article is another one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from paywall import networks
from paywall.decision.facts import InstitutionPass
from paywall.models import Article, DirectoryVersion, EmailDomain, Institution, Network

# The one in use, and the one that requests under way still hold.
_KEPT = 2


@dataclass(frozen=True, slots=True)
class Place:
    """An institution as one of its networks or domains leads to it.

    `right` is what a decision may rest on while the institution `is_active`; `message` is for its readers.
    """

    right: InstitutionPass
    is_active: bool
    message: str


@dataclass(frozen=True, slots=True)
class Directory:
    """All places at one version. As networks share no address, the last that begins before one is the candidate."""

    _firsts: tuple[str, ...] = ()
    _ranges: tuple[tuple[str, Place], ...] = ()  # the last address of each, in the order of `_firsts`
    _domains: Mapping[str, tuple[Place, bool]] = field(default_factory=dict)  # with: are subdomains meant

    def by_network(self, address: str | None) -> Place | None:
        """Return the place to whose networks an address belongs, whether or not its right holds."""
        position = networks.place_of(address) if address is not None and self._firsts else None
        if position is None:
            return None
        index = bisect_right(self._firsts, position) - 1
        if index < 0:
            return None
        last, place = self._ranges[index]
        return place if position <= last else None

    def by_email(self, email: str) -> Place | None:
        """Return the place at whose domain an e-mail address is; whether it is proven is for the caller to ask."""
        wanted = email.rpartition("@")[2].lower() if self._domains else ""
        rest = wanted
        while rest:
            found = self._domains.get(rest)
            if found is not None and (found[1] or rest == wanted):
                return found[0]
            rest = rest.partition(".")[2]
        return None

    def domains_of(self, place: Place) -> tuple[str, ...]:
        """Return the e-mail domains of the same institution."""
        return tuple(
            domain for domain, (other, _) in self._domains.items() if other.right.key == place.right.key
        )


_NOWHERE = Directory()


def of(article: Article) -> Directory:
    """Return the directory as it was when the article was fetched; an empty one where there never was a place."""
    version: str | None = getattr(article, "directory", None)  # of `ArticleQuerySet.with_rules`
    return _at(version) if version is not None else _NOWHERE


def now() -> Directory:
    """Return the directory as it is, for whoever has no article at hand. One statement."""
    version = DirectoryVersion.objects.values_list("key", flat=True).first()
    return _at(version) if version is not None else _NOWHERE


@lru_cache(maxsize=_KEPT)
def _at(_version: str) -> Directory:
    """Read the directory; at least as new as the version, which was seen before."""
    ranges = list(Network.objects.select_related("institution").order_by("first"))
    domains = EmailDomain.objects.select_related("institution")
    return Directory(
        tuple(row.first for row in ranges),
        tuple((row.last, _place(row.institution, f"network {row.cidr}")) for row in ranges),
        {row.domain: (_place(row.institution, f"domain {row.domain}"), row.subdomains) for row in domains},
    )


def _place(institution: Institution, source: str) -> Place:
    right = InstitutionPass(
        name=institution.name,
        products=tuple(institution.products),
        since=institution.starts_at,
        until=institution.ends_at,
        key=str(institution.pk),
        source=source,
    )
    return Place(right, is_active=institution.is_active, message=institution.message)
