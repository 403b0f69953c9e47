"""What a reader holds without a subscription, and until when: what page, API and staff show beside the outlook.

Like the outlook it reads our rows only, and nothing of it is ever charged again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.utils.translation import gettext as _

from accounts.models import User
from billing.models import Comp
from paywall import entitlements


class Kind(StrEnum):
    """Why somebody holds it."""

    COMP = "comp"


@dataclass(frozen=True, slots=True)
class Holding:
    """Something that opens products from then until then."""

    kind: Kind
    name: str
    products: tuple[str, ...]
    product_names: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime


def of(reader: User, *, now: datetime) -> tuple[Holding, ...]:
    """Return what runs or is still to begin, the first to end first."""
    names = entitlements.product_names()
    return tuple(sorted(_comps(reader, names, now=now), key=lambda held: held.ends_at))


def _comps(reader: User, names: Mapping[str, str], *, now: datetime) -> Iterator[Holding]:
    for comp in Comp.objects.filter(reader=reader, ended_at=None, ends_at__gt=now):
        yield _holding(Kind.COMP, _("Free access"), comp, names)


def _holding(kind: Kind, name: str, row: Comp, names: Mapping[str, str]) -> Holding:
    return Holding(
        kind=kind,
        name=name,
        products=tuple(row.products),
        product_names=tuple(names.get(product, product) for product in row.products),
        starts_at=row.starts_at,
        ends_at=row.ends_at,
    )
