"""What is sold, as Stripe has it and as a file may state it: the same values, so that `==` compares the two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing.snapshots.parsing import count_of, days_of, id_of, moment, seats_of, words_of
from billing.snapshots.values import LONGEST_GIFT, LONGEST_PASS, PriceSnapshot


@dataclass(frozen=True, slots=True)
class ProductFields:
    """What a plan says of itself; all of it may change."""

    name: str
    unlocks: tuple[str, ...]
    description: str = ""
    active: bool = True
    seats: int | None = (
        0  # how many read by one unit, 0 for a plan of one's own; None: what stands there is no number
    )


@dataclass(frozen=True, slots=True)
class PriceTerms:
    """What a price is; none of it ever changes. It recurs, or is paid once: for so many hours, or as a gift of months.

    Hours and months are metadata, which Stripe would change; we make another price, and nobody at Checkout gets less.
    """

    amount: int
    currency: str
    interval: str = ""
    interval_count: int = 1
    lasts_hours: int = 0
    gift_months: int = 0


@dataclass(frozen=True, slots=True)
class Welcome:
    """How a price receives whoever never subscribed: a trial, or a coupon for the beginning. It may change."""

    trial_days: int = 0
    trial_needs_card: bool = True
    coupon: str = ""


@dataclass(frozen=True, slots=True)
class CouponTerms:
    """What a coupon takes off; at Stripe none of it ever changes. `products` empty: it is good for every plan."""

    duration: str  # once, repeating, forever
    percent_off: Decimal | None = None
    amount_off: int | None = None
    currency: str = ""
    months: int | None = None
    products: tuple[str, ...] = ()
    max_redemptions: int | None = None
    redeem_by: datetime | None = None


@dataclass(frozen=True, slots=True)
class CodeTerms:
    """What a reader's typing of a code gives; at Stripe none of it ever changes."""

    coupon: str
    max_redemptions: int | None = None
    expires_at: datetime | None = None
    first_time: bool = False


@dataclass(frozen=True, slots=True)
class ProductSnapshot:
    """A product at Stripe; one that unlocks nothing is none of ours."""

    id: str
    fields: ProductFields


@dataclass(frozen=True, slots=True)
class CouponSnapshot:
    """A coupon at Stripe; `valid` is Stripe's word for whether it can still be redeemed."""

    id: str
    name: str
    terms: CouponTerms
    valid: bool = True


@dataclass(frozen=True, slots=True)
class CodeSnapshot:
    """A promotion code at Stripe. Stripe takes one that has run out, or is used up, off by itself."""

    id: str
    code: str
    terms: CodeTerms
    active: bool
    times_redeemed: int = 0
    customer: str = ""  # the only customer who may use it
    minimum_amount: int | None = None
    minimum_currency: str = ""


def product(data: Mapping[str, Any]) -> ProductSnapshot:
    """Read a product."""
    metadata = data.get("metadata") or {}
    return ProductSnapshot(
        id=data["id"],
        fields=ProductFields(
            name=data.get("name") or "",
            description=data.get("description") or "",
            unlocks=tuple(sorted(words_of(metadata.get("unlocks")))),
            active=bool(data.get("active")),
            seats=seats_of(metadata.get("seats")),
        ),
    )


def price(data: Mapping[str, Any]) -> PriceSnapshot:
    """Read a price whose product is expanded; a product given as a bare id, or deleted, unlocks nothing."""
    recurring = data.get("recurring") or {}
    product = data["product"] if isinstance(data["product"], Mapping) else {"id": data["product"]}
    metadata = product.get("metadata") or {}
    own = data.get("metadata") or {}
    hours, months = (0, 0) if recurring else _sold_once(own, metadata)
    return PriceSnapshot(
        id=data["id"],
        slug=data.get("lookup_key") or "",
        active=bool(data.get("active")),
        unit_amount=data.get("unit_amount"),
        currency=data["currency"],
        interval=recurring.get("interval") or "",
        interval_count=recurring.get("interval_count") or 1,
        trial_days=days_of(own.get("trial_days")) or recurring.get("trial_period_days") or 0,
        trial_needs_card=own.get("trial_card") != "if_needed",
        intro=own.get("intro") or "",
        replaces=own.get("replaces") or "",
        product=product["id"],
        product_name=product.get("name") or "",
        product_description=product.get("description") or "",
        product_active=bool(product.get("active")),
        unlocks=words_of(metadata.get("unlocks")),
        livemode=bool(data.get("livemode")),
        tax_behavior=data.get("tax_behavior") or "",
        seats=seats_of(metadata.get("seats")),
        lasts_hours=hours,
        gift_months=months,
    )


def _sold_once(*said: Mapping[str, Any]) -> tuple[int, int]:
    """Return the hours of a pass, or the months of a gift, by the first that says either; both mean a pass."""
    for metadata in said:
        hours = count_of(metadata.get("lasts_hours"), most=LONGEST_PASS)
        months = count_of(metadata.get("gift_months"), most=LONGEST_GIFT)
        if hours or months:
            return hours, 0 if hours else months
    return 0, 0


def coupon(data: Mapping[str, Any]) -> CouponSnapshot:
    """Read a coupon; the products that it is narrowed to are known where `applies_to` is expanded."""
    percent = data.get("percent_off")
    redeem_by = data.get("redeem_by")
    return CouponSnapshot(
        id=data["id"],
        name=data.get("name") or "",
        valid=bool(data.get("valid")),
        terms=CouponTerms(
            duration=data["duration"],
            percent_off=None if percent is None else Decimal(str(percent)).normalize(),
            amount_off=data.get("amount_off"),
            currency=data.get("currency") or "",
            months=data.get("duration_in_months"),
            products=tuple(sorted((data.get("applies_to") or {}).get("products") or ())),
            max_redemptions=data.get("max_redemptions"),
            redeem_by=None if redeem_by is None else moment(redeem_by),
        ),
    )


def code(data: Mapping[str, Any]) -> CodeSnapshot:
    """Read a promotion code."""
    restrictions = data.get("restrictions") or {}
    expires_at = data.get("expires_at")
    return CodeSnapshot(
        id=data["id"],
        code=data["code"],
        active=bool(data.get("active")),
        times_redeemed=data.get("times_redeemed") or 0,
        customer=id_of(data.get("customer")) or "",
        minimum_amount=restrictions.get("minimum_amount"),
        minimum_currency=restrictions.get("minimum_amount_currency") or "",
        terms=CodeTerms(
            coupon=id_of((data.get("promotion") or {}).get("coupon")) or "",
            max_redemptions=data.get("max_redemptions"),
            expires_at=None if expires_at is None else moment(expires_at),
            first_time=bool(restrictions.get("first_time_transaction")),
        ),
    )
