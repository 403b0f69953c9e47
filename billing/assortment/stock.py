"""What Stripe has of what is sold, fetched whole."""

from __future__ import annotations

from dataclasses import dataclass

from billing.gateway import Gateway
from billing.snapshots import (
    CodeSnapshot,
    CouponSnapshot,
    PriceSnapshot,
    PriceTerms,
    ProductSnapshot,
    Welcome,
)


@dataclass(frozen=True, slots=True)
class Stock:
    """All products, prices that we know how to sell, coupons and codes of the account."""

    products: tuple[ProductSnapshot, ...]
    prices: tuple[PriceSnapshot, ...]
    coupons: tuple[CouponSnapshot, ...]
    codes: tuple[CodeSnapshot, ...]


def fetch(*, gateway: Gateway) -> Stock:
    """Look at everything that is sold."""
    return Stock(
        products=gateway.products(),
        prices=tuple(price for price in gateway.prices() if price.is_sold),
        coupons=gateway.coupons(),
        codes=gateway.codes(),
    )


def terms_of(price: PriceSnapshot) -> PriceTerms | None:
    """Return what a price is; None where it has no one amount."""
    if price.unit_amount is None:
        return None
    return PriceTerms(
        amount=price.unit_amount,
        currency=price.currency,
        interval=price.interval,
        interval_count=price.interval_count,
        lasts_hours=price.lasts_hours,
        gift_months=price.gift_months,
    )


def welcome_of(price: PriceSnapshot) -> Welcome:
    """Return how a price receives whoever never subscribed."""
    return Welcome(trial_days=price.trial_days, trial_needs_card=price.trial_needs_card, coupon=price.intro)
