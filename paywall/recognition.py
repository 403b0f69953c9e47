"""What we see of where somebody comes from, told to themselves: why a reader of a library is recognised, or not.

It names the asker's own address and own institution, and nothing of anybody else's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from accounts.models import User
from paywall import places
from paywall.models import Product
from paywall.places import Directory, Place


class By(StrEnum):
    """What led to an institution."""

    NETWORK = "network"
    EMAIL = "email"


class Standing(StrEnum):
    """What has become of a membership."""

    HOLDS = "holds"
    UNPROVEN = "unproven"  # the address at its domain has still to be proven
    TO_COME = "to_come"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Membership:
    """An institution that somebody is of. `domains` are those at which an address opens it from anywhere."""

    by: By
    standing: Standing
    institution: str
    message: str
    opens: tuple[str, ...]
    since: datetime | None
    until: datetime | None
    domains: tuple[str, ...]


def of(reader: User | None, address: str | None, *, now: datetime) -> tuple[Membership, ...]:
    """Return the institutions that whoever asks is of, at most one by network and one by e-mail address."""
    directory = places.now()
    here = directory.by_network(address)
    home = directory.by_email(reader.email) if reader is not None else None
    names = dict(Product.objects.values_list("slug", "name")) if here or home else {}
    found = []
    if here is not None:
        found.append(_membership(By.NETWORK, here, directory, names, standing=_standing(here, now=now)))
    if reader is not None and home is not None:
        standing = _standing(home, now=now) if reader.email_is_proven else Standing.UNPROVEN
        found.append(_membership(By.EMAIL, home, directory, names, standing=standing))
    return tuple(found)


def _standing(place: Place, *, now: datetime) -> Standing:
    since = place.right.since
    if place.is_active and place.right.holds(at=now):
        return Standing.HOLDS
    return Standing.TO_COME if place.is_active and since is not None and now < since else Standing.ENDED


def _membership(
    by: By, place: Place, directory: Directory, names: dict[str, str], *, standing: Standing
) -> Membership:
    right = place.right
    return Membership(
        by=by,
        standing=standing,
        institution=right.name,
        message=place.message,
        opens=tuple(names.get(slug, slug) for slug in right.products),
        since=right.since,
        until=right.until,
        domains=directory.domains_of(place),
    )
