"""What is on sale once instead of by the month: prices at Stripe that do not recur and say how long they are for.

They stand beside the plans and not among them: whoever draws a list of subscriptions is not handed something else.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.db.models import QuerySet

from billing import catalogue, money
from billing.models import Price
from paywall import entitlements


@dataclass(frozen=True, slots=True)
class Pass:
    """A day pass on sale; `text` says its price to people, in the active language."""

    name: str
    description: str
    slug: str
    amount: int
    currency: str
    formatted: str
    lasts_hours: int
    products: tuple[str, ...]
    product_names: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class PresentOnSale:
    """A gift subscription on sale; `text` says its price and length to people."""

    name: str
    description: str
    slug: str
    amount: int
    currency: str
    formatted: str
    months: int
    products: tuple[str, ...]
    text: str


def find_pass(slug: str) -> Price | None:
    """Return the day pass on sale of that name; None where there is none."""
    return _rows(lasts_hours__gt=0, slug=slug).first()


def passes(*, product: str | None = None, currency: str = "") -> tuple[Pass, ...]:
    """Return the day passes on sale (that unlock `product`, where one is named), the cheapest first.

    Those in `currency`, where there are any.
    """
    names = entitlements.product_names()
    rows = _preferred(_rows(lasts_hours__gt=0), currency)
    return tuple(
        Pass(
            name=row.plan.name,
            description=row.plan.description,
            slug=row.slug,
            amount=row.unit_amount or 0,
            currency=row.currency,
            formatted=money.text(row.unit_amount or 0, currency=row.currency),
            lasts_hours=row.lasts_hours,
            products=tuple(row.plan.unlocks),
            product_names=tuple(names.get(name, name) for name in row.plan.unlocks),
            text=row.text,
        )
        for row in rows
        if product is None or product in row.plan.unlocks
    )


def find_present(slug: str) -> Price | None:
    """Return the gift subscription on sale of that name; None where there is none."""
    return _rows(gift_months__gt=0, slug=slug).first()


def presents(*, product: str | None = None, currency: str = "") -> tuple[PresentOnSale, ...]:
    """Return the gift subscriptions on sale (that unlock `product`, where one is named), the cheapest first.

    Those in `currency`, where there are any.
    """
    rows = _preferred(_rows(gift_months__gt=0), currency)
    return tuple(
        PresentOnSale(
            name=row.plan.name,
            description=row.plan.description,
            slug=row.slug,
            amount=row.unit_amount or 0,
            currency=row.currency,
            formatted=money.text(row.unit_amount or 0, currency=row.currency),
            months=row.gift_months,
            products=tuple(row.plan.unlocks),
            text=row.text,
        )
        for row in rows
        if product is None or product in row.plan.unlocks
    )


def _rows(**kind: object) -> QuerySet[Price]:
    """Return what is on sale of a kind, in the currencies that the site sells in. Stripe keeps nobody to one for it."""
    rows = catalogue.sellable().filter(**kind).order_by("unit_amount", "pk")
    return rows.filter(currency__in=settings.CURRENCIES) if settings.CURRENCIES else rows


def _preferred(rows: QuerySet[Price], currency: str) -> QuerySet[Price]:
    wanted = rows.filter(currency=currency)
    return wanted if wanted else rows
