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
from billing import passes
from billing.models import Comp, Present
from paywall import entitlements


class Kind(StrEnum):
    """Why somebody holds it."""

    COMP = "comp"
    GIFT = "gift"
    PASS = "pass"  # noqa: S105  a ticket, no secret


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
    held = (
        *_comps(reader, names, now=now),
        *_passes(reader, names, now=now),
        *_presents(reader, names, now=now),
    )
    return tuple(sorted(held, key=lambda holding: holding.ends_at))


def _comps(reader: User, names: Mapping[str, str], *, now: datetime) -> Iterator[Holding]:
    for comp in Comp.objects.filter(reader=reader, ended_at=None, ends_at__gt=now):
        yield _holding(
            Kind.COMP,
            _("Free access"),
            comp.products,
            names=names,
            starts_at=comp.starts_at,
            ends_at=comp.ends_at,
        )


def _passes(reader: User, names: Mapping[str, str], *, now: datetime) -> Iterator[Holding]:
    for row in passes.running(reader, now=now).select_related("price__plan"):
        if row.starts_at is not None and row.ends_at is not None:
            name = row.price.plan.name if row.price else _("Day pass")
            yield _holding(
                Kind.PASS, name, row.products, names=names, starts_at=row.starts_at, ends_at=row.ends_at
            )


def _presents(reader: User, names: Mapping[str, str], *, now: datetime) -> Iterator[Holding]:
    for row in Present.objects.running(reader, at=now):
        if row.starts_at is not None and row.ends_at is not None:
            yield _holding(
                Kind.GIFT,
                _("Gift subscription"),
                row.products,
                names=names,
                starts_at=row.starts_at,
                ends_at=row.ends_at,
            )


def _holding(
    kind: Kind,
    name: str,
    products: list[str],
    *,
    names: Mapping[str, str],
    starts_at: datetime,
    ends_at: datetime,
) -> Holding:
    return Holding(
        kind=kind,
        name=name,
        products=tuple(products),
        product_names=tuple(names.get(product, product) for product in products),
        starts_at=starts_at,
        ends_at=ends_at,
    )
