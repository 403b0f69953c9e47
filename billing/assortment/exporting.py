"""What Stripe has, written as a file that, applied, changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal

from billing.assortment.stock import Stock, fetch, terms_of
from billing.gateway import Gateway
from billing.snapshots import CodeSnapshot, CouponSnapshot, PriceSnapshot, ProductSnapshot

Value = str | int | bool | Decimal | datetime | tuple[str, ...] | None


def show(*, gateway: Gateway) -> str:
    """Return what is on sale as a file.

    :raises StripeTrouble: Stripe did not answer.
    """
    theirs = fetch(gateway=gateway)
    plans = [product for product in theirs.products if product.fields.unlocks and product.fields.active]
    parts: list[str] = []
    for plan in reversed(plans):
        parts += _plan(plan, theirs)
    coupons = _coupons(theirs, plans={plan.id for plan in plans})
    for coupon in coupons:
        parts += _coupon(coupon)
    for code in theirs.codes:
        if code.active and code.terms.coupon in {coupon.id for coupon in coupons}:
            parts += _code(code)
    return "\n".join(parts).strip() + "\n"


def _coupons(theirs: Stock, *, plans: set[str]) -> list[CouponSnapshot]:
    """Return the coupons that a file may speak of: good or named by a price, and none for what is no plan."""
    named = {price.intro for price in theirs.prices if price.active}
    return [
        coupon
        for coupon in theirs.coupons
        if (coupon.valid or coupon.id in named) and plans.issuperset(coupon.terms.products)
    ]


def _plan(plan: ProductSnapshot, theirs: Stock) -> Iterator[str]:
    yield from _table(
        ("plan", plan.id),
        {
            "name": plan.fields.name,
            "description": plan.fields.description,
            "unlocks": plan.fields.unlocks,
            "seats": plan.fields.seats or None,
        },
    )
    for price in reversed(theirs.prices):
        if price.product == plan.id and price.active and price.unit_amount is not None:
            yield from _price(plan, price)


def _price(plan: ProductSnapshot, price: PriceSnapshot) -> Iterator[str]:
    terms = terms_of(price)
    if terms is None:
        return
    if not price.slug:
        yield f"# {price.id} has no lookup key, so it has no name here. Applying this file archives it.\n"
        return
    yield from _table(
        ("plan", plan.id, "price", price.slug),
        {
            "amount": terms.amount,
            "currency": terms.currency,
            "interval": terms.interval,
            "interval_count": terms.interval_count if terms.interval_count > 1 else None,
            "lasts_hours": terms.lasts_hours or None,
            "gift_months": terms.gift_months or None,
            "trial_days": price.trial_days or None,
            "trial_card": None if price.trial_needs_card or not price.trial_days else "if_needed",
            "intro": price.intro,
        },
    )


def _coupon(coupon: CouponSnapshot) -> Iterator[str]:
    terms = coupon.terms
    yield from _table(
        ("coupon", coupon.id),
        {
            "name": coupon.name or coupon.id,
            "percent_off": terms.percent_off,
            "amount_off": terms.amount_off,
            "currency": terms.currency,
            "duration": terms.duration,
            "months": terms.months,
            "plans": terms.products,
            "max_redemptions": terms.max_redemptions,
            "redeem_by": terms.redeem_by,
        },
    )


def _code(code: CodeSnapshot) -> Iterator[str]:
    yield from _table(
        ("code", code.code),
        {
            "coupon": code.terms.coupon,
            "max_redemptions": code.terms.max_redemptions,
            "expires_at": code.terms.expires_at,
            "first_time": code.terms.first_time or None,
        },
    )


def _table(path: Iterable[str], values: dict[str, Value]) -> Iterator[str]:
    yield f"[{'.'.join(_key(part) for part in path)}]"
    for name, value in values.items():
        if value is not None and value not in ("", ()):
            yield f"{name} = {_value(value)}"
    yield ""


def _key(name: str) -> str:
    bare = name.replace("_", "").replace("-", "")
    return name if bare.isascii() and bare.isalnum() else _text(name)


def _value(value: Value) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return _text(value)
        case tuple():
            return f"[{', '.join(_text(word) for word in value)}]"
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        case Decimal():
            return f"{value:f}"
        case _:
            return str(value)


def _text(text: str) -> str:
    # A text of JSON is one of TOML too, but for the one control character that JSON lets stand.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
