"""What is on sale: Stripe's products whose metadata `unlocks` names products of ours, with their prices.

Plans and prices are edited at Stripe only; `refresh` restates them here. Other products on the same account are not
ours and are ignored. Nothing is ever deleted: what was archived stays, because readers still hold it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from billing import money, words
from billing.errors import NotOnSale
from billing.gateway import Gateway
from billing.models import Plan, Price
from billing.snapshots import CouponSnapshot, PriceSnapshot
from paywall import entitlements

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OfferedPrice:
    """A price on sale; `text` says it to people, in the active language."""

    slug: str
    amount: int
    currency: str
    formatted: str
    interval: str
    interval_count: int
    trial_days: int
    text: str
    tax_text: str  # whether taxes are in it; "" where none are worked out
    trial_needs_card: bool = True
    # For the reader who asks: what is paid first, where that is less, and said with what comes after.
    first_amount: int | None = None
    first_text: str = ""
    code: str = ""  # the one that they typed, where it is good for this price


@dataclass(frozen=True, slots=True)
class Offer:
    """A plan on sale, with the prices on sale."""

    plan: Plan
    prices: tuple[OfferedPrice, ...]
    rows: tuple[Price, ...] = ()  # the same, as they are stored


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh found: how many prices are ours, and which plans it refused."""

    prices: int
    refused: tuple[str, ...]


def refresh(*, gateway: Gateway) -> Refreshed:
    """Make plans and prices equal to Stripe's.

    A plan that names a product which does not exist, or seats that are no number, is refused with a log line and stays
    as it was: a typing error in Stripe's dashboard must neither sell nothing nor take anything away. A plan that no
    longer says what it unlocks is taken off sale and keeps what it unlocked, for those who hold it.
    """
    known = set(entitlements.product_names())
    ours = [theirs for theirs in gateway.prices() if theirs.unlocks and theirs.is_sold]
    refused = {
        theirs.product for theirs in ours if theirs.seats is None or not known.issuperset(theirs.unlocks)
    }
    for product in sorted(refused):
        logger.error(
            "Stripe product %s unlocks a product that does not exist here, or has no number of seats; refused.",
            product,
        )
    accepted = [theirs for theirs in ours if theirs.product not in refused]
    coupons = _good_coupons(accepted, gateway=gateway)
    with transaction.atomic():
        _take_off_sale(accepted, refused)
        for theirs in accepted:
            _write(theirs, intro=coupons.get(theirs.intro))
    return Refreshed(prices=len(accepted), refused=tuple(sorted(refused)))


def on_sale(*, product: str | None = None, currency: str = "") -> tuple[Offer, ...]:
    """Return the plans on sale, each with its prices, cheapest first.

    Where `product` is named, those that unlock it; where `currency` is, with the prices in it.
    """
    offers: dict[int, list[Price]] = {}
    wanted = _sellable().filter(currency=currency) if currency else _sellable()
    for price in wanted.order_by("plan__name", "plan_id", "unit_amount", "pk"):
        if product is None or product in price.plan.unlocks:
            offers.setdefault(price.plan_id, []).append(price)
    return tuple(
        Offer(plan=rows[0].plan, prices=tuple(map(_offered, rows)), rows=tuple(rows))
        for rows in offers.values()
    )


def find(slug: str, *, quantity: int = 1) -> Price:
    """Return the price on sale of that name.

    :raises NotOnSale: there is none, or it is not sold in that quantity.
    """
    price = _sellable().filter(slug=slug).first()
    if price is None:
        raise NotOnSale(_("This price is not on sale."))
    if not 1 <= quantity <= price.plan.most:
        raise NotOnSale(_("This price is not sold for that many people."))
    return price


def sellable() -> QuerySet[Price]:
    """Return all prices on sale: of subscriptions, and of what is paid once."""
    return (
        Price.objects.filter(active=True, plan__active=True, unit_amount__isnull=False)
        .exclude(slug="")
        .select_related("plan")
    )


def _sellable() -> QuerySet[Price]:
    return sellable().exclude(interval="")


def _offered(price: Price) -> OfferedPrice:
    amount = price.unit_amount or 0
    return OfferedPrice(
        slug=price.slug,
        amount=amount,
        currency=price.currency,
        formatted=money.text(amount, currency=price.currency),
        interval=price.interval,
        interval_count=price.interval_count,
        trial_days=price.trial_days,
        trial_needs_card=price.trial_needs_card,
        text=words.price(
            amount, currency=price.currency, interval=price.interval, count=price.interval_count
        ),
        tax_text=words.tax(price.tax_behavior) if settings.STRIPE_TAX else "",
    )


def _take_off_sale(accepted: Iterable[PriceSnapshot], refused: set[str]) -> None:
    # Also frees every name first: Stripe may have moved one from an old price to a new one.
    Price.objects.exclude(plan__stripe_id__in=refused).update(active=False)
    seen = {theirs.product for theirs in accepted}
    Plan.objects.exclude(stripe_id__in=seen | refused).update(active=False)


def _good_coupons(prices: Iterable[PriceSnapshot], *, gateway: Gateway) -> dict[str, CouponSnapshot]:
    """Return the coupons that prices begin with, by id, those left out that cannot be redeemed any more."""
    if not any(price.intro for price in prices):
        return {}
    return {coupon.id: coupon for coupon in gateway.coupons() if coupon.valid}


def _write(theirs: PriceSnapshot, *, intro: CouponSnapshot | None) -> None:
    plan, _created = Plan.objects.update_or_create(
        stripe_id=theirs.product,
        defaults={
            "name": theirs.product_name,
            "description": theirs.product_description,
            "unlocks": sorted(set(theirs.unlocks)),
            "active": theirs.product_active,
            "seats": theirs.seats or 0,
        },
    )
    Price.objects.update_or_create(
        stripe_id=theirs.id,
        defaults={
            "plan": plan,
            "slug": theirs.slug,
            "active": theirs.active,
            "unit_amount": theirs.unit_amount,
            "currency": theirs.currency,
            "interval": theirs.interval,
            "interval_count": theirs.interval_count,
            "trial_days": theirs.trial_days,
            "lasts_hours": theirs.lasts_hours,
            "gift_months": theirs.gift_months,
            "tax_behavior": theirs.tax_behavior,
            "trial_needs_card": theirs.trial_needs_card,
            "intro": intro.id if intro else "",
            "intro_percent_off": intro.terms.percent_off if intro else None,
            "intro_amount_off": intro.terms.amount_off if intro else None,
            "intro_months": intro.terms.months if intro else None,
        },
    )
