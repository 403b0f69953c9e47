"""What is on sale once instead of by the month: prices at Stripe that do not recur and say how long they are for.

They stand beside the plans and not among them: whoever draws a list of subscriptions is not handed something else.
"""

from __future__ import annotations

from dataclasses import dataclass

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
    return catalogue.sellable().filter(slug=slug, lasts_hours__gt=0).first()


def passes(*, product: str | None = None) -> tuple[Pass, ...]:
    """Return the day passes on sale (that unlock `product`, where one is named), the cheapest first."""
    names = entitlements.product_names()
    rows = catalogue.sellable().filter(lasts_hours__gt=0).order_by("unit_amount", "pk")
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
    return catalogue.sellable().filter(slug=slug, gift_months__gt=0).first()


def presents(*, product: str | None = None) -> tuple[PresentOnSale, ...]:
    """Return the gift subscriptions on sale (that unlock `product`, where one is named), the cheapest first."""
    rows = catalogue.sellable().filter(gift_months__gt=0).order_by("unit_amount", "pk")
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
