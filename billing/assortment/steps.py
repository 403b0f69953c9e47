"""The way from what Stripe has to what the file states, as a list of steps. Pure: looks at both, asks nobody.

Every step is found again by whoever looks after it was not taken, and by nobody after it was: so a list that was cut
short is gone on with by making it again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from billing import words
from billing.assortment.statement import StatedCode, StatedCoupon, StatedPlan, StatedPrice, Statement
from billing.assortment.stock import Stock, terms_of, welcome_of
from billing.errors import StatementRefused
from billing.gateway import Gateway
from billing.snapshots import CodeSnapshot, PriceSnapshot, PriceTerms, ProductFields

Call = Callable[[Gateway, str], object]


@dataclass(frozen=True, slots=True)
class Step:
    """One write to Stripe: in words, under a name of its own, and as a call with an idempotency key."""

    text: str
    name: str
    call: Call
    plan: str = ""  # the product that it is about


def between(statement: Statement, stock: Stock, *, now: datetime) -> tuple[Step, ...]:
    """Return the steps that make Stripe equal to the statement, in their order; none where it is.

    :raises StatementRefused: Stripe has something under a stated name that cannot become what is stated.
    """
    return (
        *_coupons(statement, stock),
        *_plans(statement, stock),
        *_codes(statement, stock, now=now),
    )


def left_alone(statement: Statement, stock: Stock) -> tuple[str, ...]:
    """Name the plans on sale at Stripe that the file does not speak of."""
    return tuple(
        f"{product.id} ({product.fields.name})"
        for product in stock.products
        if product.fields.active and product.fields.unlocks and product.id not in statement.plans
    )


def _coupons(statement: Statement, stock: Stock) -> Iterator[Step]:
    theirs = {coupon.id: coupon for coupon in stock.coupons}
    changed = [
        _("coupon.%(name)s: a coupon never changes what it takes off. Choose another name.") % {"name": key}
        for key, stated in statement.coupons.items()
        if key in theirs and theirs[key].terms != stated.terms
    ]
    if changed:
        raise StatementRefused(tuple(changed))
    for key, stated in statement.coupons.items():
        if key not in theirs:
            yield _new_coupon(key, stated)
        elif theirs[key].name != stated.name:
            yield _renamed_coupon(key, stated, before=theirs[key].name)


def _new_coupon(name: str, stated: StatedCoupon) -> Step:
    return _step(
        _("Make the coupon %(name)s") % {"name": name},
        ("coupon", name, stated),
        lambda gateway, key: gateway.make_coupon(name, name=stated.name, terms=stated.terms, key=key),
    )


def _renamed_coupon(name: str, stated: StatedCoupon, *, before: str) -> Step:
    return _step(
        _("Call the coupon %(name)s “%(text)s”") % {"name": name, "text": stated.name},
        ("coupon name", name, before, stated.name),
        lambda gateway, key: gateway.rename_coupon(name, name=stated.name, key=key),
    )


def _plans(statement: Statement, stock: Stock) -> Iterator[Step]:
    theirs = {product.id: product for product in stock.products}
    for key, plan in statement.plans.items():
        if key not in theirs:
            yield _new_plan(key, plan.fields)
        elif theirs[key].fields != plan.fields:
            yield _changed_plan(key, plan.fields, before=theirs[key].fields)
        yield from _prices(key, plan, stock)


def _new_plan(product: str, fields: ProductFields) -> Step:
    return _step(
        _("Make the plan %(name)s (%(id)s)") % {"name": fields.name, "id": product},
        ("product", product, fields),
        lambda gateway, key: gateway.make_product(product, fields=fields, key=key),
        plan=product,
    )


def _changed_plan(product: str, fields: ProductFields, *, before: ProductFields) -> Step:
    return _step(
        _("Change what the plan %(name)s (%(id)s) says of itself") % {"name": fields.name, "id": product},
        ("product", product, before, fields),
        lambda gateway, key: gateway.change_product(product, fields=fields, key=key),
        plan=product,
    )


def _prices(key: str, plan: StatedPlan, stock: Stock) -> Iterator[Step]:
    by_slug = {price.slug: price for price in stock.prices if price.slug}
    replaced: list[PriceSnapshot] = []
    for slug, stated in plan.prices.items():
        theirs = by_slug.get(slug)
        if theirs is not None and theirs.product == key and terms_of(theirs) == stated.terms:
            if not theirs.active or welcome_of(theirs) != stated.welcome:
                yield _changed_price(key, slug, stated, theirs)
            continue
        yield _new_price(key, slug, stated, theirs)
        replaced += [theirs] if theirs is not None and theirs.active else []
    for price, successor in _to_archive(key, plan, stock, replaced):
        yield _archived(key, price, successor)


def _to_archive(
    key: str, plan: StatedPlan, stock: Stock, replaced: list[PriceSnapshot]
) -> Iterator[tuple[PriceSnapshot, str]]:
    """Return what is no longer sold, each with the name of what takes its place in the plan."""
    if not plan.prices:
        return  # all of it is off sale by itself, and Stripe lets no product go without a price to show
    # Named by the price that took over their name, where an earlier run was cut short before it archived them.
    lost = {price.replaces for price in stock.prices if price.slug in plan.prices and price.replaces}
    going = {price.id: price for price in replaced}
    for price in stock.prices:
        is_stated = price.slug in plan.prices
        if price.active and not is_stated and (price.product == key or price.id in lost):
            going.setdefault(price.id, price)
    first = next(iter(plan.prices), "")
    for price in going.values():
        yield price, price.slug if price.slug in plan.prices else first


def _new_price(product: str, slug: str, stated: StatedPrice, theirs: PriceSnapshot | None) -> Step:
    slots = {"name": slug, "amount": _said(stated.terms)}
    replaces = theirs.id if theirs is not None else ""
    text = (
        _("Make the price %(name)s: %(amount)s")
        if theirs is None
        else _("Make a new price %(name)s: %(amount)s; who has the old one keeps it")
    )
    return _step(
        text % slots,
        ("price", product, slug, stated, replaces),
        lambda gateway, key: gateway.make_price(
            slug, product=product, terms=stated.terms, welcome=stated.welcome, replaces=replaces, key=key
        ),
        plan=product,
    )


def _changed_price(product: str, slug: str, stated: StatedPrice, theirs: PriceSnapshot) -> Step:
    text = _("Change the beginning of %(name)s") if theirs.active else _("Sell the price %(name)s again")
    return _step(
        text % {"name": slug},
        ("price on", theirs.id, theirs.active, welcome_of(theirs), stated.welcome),
        lambda gateway, key: gateway.restate_welcome(theirs.id, welcome=stated.welcome, key=key),
        plan=product,
    )


def _archived(product: str, price: PriceSnapshot, successor: str) -> Step:
    terms = terms_of(price)
    slots = {"name": price.slug or price.id, "amount": _said(terms) if terms else "?"}
    return _step(
        _("Sell the price %(name)s (%(amount)s) no more; who has it keeps it") % slots,
        ("price off", price.id),
        lambda gateway, key: gateway.archive_price(price.id, successor=successor, key=key),
        plan=product,
    )


def _codes(statement: Statement, stock: Stock, *, now: datetime) -> Iterator[Step]:
    for text, stated in statement.codes.items():
        known = [code for code in stock.codes if code.code.casefold() == text.casefold()]
        same = next((code for code in known if code.terms == stated.terms), None)
        for code in known:
            if code.active and (code is not same or not stated.active):
                yield _switched(text, code, active=False)
        if not stated.active or _has_run_out(stated, same, now=now):
            continue
        if same is None:
            yield _new_code(text, stated, known)
        elif not same.active:
            yield _switched(text, same, active=True)


def _has_run_out(stated: StatedCode, theirs: CodeSnapshot | None, *, now: datetime) -> bool:
    """Tell whether a code had its time, or its uses: Stripe takes it off then, and it stays off."""
    if stated.terms.expires_at is not None and stated.terms.expires_at <= now:
        return True
    most = stated.terms.max_redemptions
    return theirs is not None and most is not None and theirs.times_redeemed >= most


def _new_code(text: str, stated: StatedCode, known: Iterable[CodeSnapshot]) -> Step:
    return _step(
        _("Make the code %(name)s") % {"name": text},
        ("code", text, stated.terms, tuple(code.id for code in known)),
        lambda gateway, key: gateway.make_code(text, terms=stated.terms, key=key),
    )


def _switched(text: str, code: CodeSnapshot, *, active: bool) -> Step:
    said = _("Let the code %(name)s be used again") if active else _("Take the code %(name)s off")
    return _step(
        said % {"name": text},
        ("code on" if active else "code off", code.id),
        lambda gateway, key: gateway.switch_code(code.id, active=active, key=key),
    )


def _said(terms: PriceTerms) -> str:
    if terms.lasts_hours:
        return words.once(terms.amount, currency=terms.currency, hours=terms.lasts_hours)
    if terms.gift_months:
        return words.months(terms.amount, currency=terms.currency, count=terms.gift_months)
    return words.price(
        terms.amount, currency=terms.currency, interval=terms.interval, count=terms.interval_count
    )


def _step(text: str, about: tuple[object, ...], call: Call, *, plan: str = "") -> Step:
    """Name a step by all that it depends on: the same wish has the same name, in every process and language."""
    digest = hashlib.sha256(repr(about).encode()).hexdigest()[:24]
    return Step(text=text, name=f"{about[0]}:{digest}", call=call, plan=plan)
