"""The file: TOML, read strictly into values that can be compared with Stripe's. Nothing here asks anybody."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from babel.numbers import list_currencies
from django.utils.translation import gettext as _

from billing.assortment.tables import Table
from billing.errors import StatementRefused
from billing.snapshots import (
    LONGEST_GIFT,
    LONGEST_PASS,
    CodeTerms,
    CouponTerms,
    PriceTerms,
    ProductFields,
    Welcome,
)

_ID = re.compile(r"[A-Za-z0-9_-]{1,60}")
_SLUG = re.compile(r"[^\s\x00-\x1f\x7f]{1,200}")
_CODE = re.compile(r"[A-Za-z0-9-]{1,60}")
_CURRENCIES = frozenset(code.lower() for code in list_currencies())
# Stripe's limits: eight digits, and three years.
_MOST = 99_999_999
_LONGEST = {"day": 1095, "week": 156, "month": 36, "year": 3}
_LONGEST_TRIAL = 730
_WAYS = ("interval", "lasts_hours", "gift_months")
_OF_AN_INTERVAL = ("interval_count", "trial_days", "trial_card", "intro")
_MOST_SEATS = 9999


@dataclass(frozen=True, slots=True)
class StatedPrice:
    """A price, as the file has it."""

    terms: PriceTerms
    welcome: Welcome


@dataclass(frozen=True, slots=True)
class StatedPlan:
    """A plan with all its prices, by name."""

    fields: ProductFields
    prices: Mapping[str, StatedPrice]


@dataclass(frozen=True, slots=True)
class StatedCoupon:
    """A coupon."""

    name: str
    terms: CouponTerms


@dataclass(frozen=True, slots=True)
class StatedCode:
    """A code that readers can type."""

    active: bool
    terms: CodeTerms


@dataclass(frozen=True, slots=True)
class Statement:
    """All that a file states: plans and coupons by their ids at Stripe, codes by what readers type."""

    plans: Mapping[str, StatedPlan]
    coupons: Mapping[str, StatedCoupon]
    codes: Mapping[str, StatedCode]


def read(text: str, *, products: Collection[str], currencies: Collection[str]) -> Statement:
    """Read a file. `products` are those that exist here; `currencies` those that this site sells in, none for any.

    :raises StatementRefused: it says something that cannot be meant; all of it is listed.
    """
    problems: list[str] = []
    try:
        top = Table(tomllib.loads(text), path="", problems=problems)
    except tomllib.TOMLDecodeError as mistake:
        raise StatementRefused((str(mistake),)) from mistake
    statement = Statement(
        coupons={key: _coupon(below, key) for key, below in top.tables("coupon")},
        plans={key: _plan(below, key, products, currencies) for key, below in top.tables("plan")},
        codes={key: _code(below, key) for key, below in top.tables("code")},
    )
    top.close()
    problems += _contradictions(statement)
    if problems:
        raise StatementRefused(tuple(problems))
    return statement


def _plan(table: Table, key: str, products: Collection[str], currencies: Collection[str]) -> StatedPlan:
    _check_name(table, key, _ID)
    unlocks = table.words("unlocks")
    if not unlocks:
        table.note(_("names no product that it opens."), name="unlocks")
    for product in unlocks:
        if product not in products:
            listed = ", ".join(sorted(products)) or "-"
            said = _("%(product)r is no product here; there are: %(products)s.")
            table.note(said % {"product": product, "products": listed}, name="unlocks")
    plan = StatedPlan(
        fields=ProductFields(
            name=table.text("name", needed=True),
            description=table.text("description"),
            unlocks=tuple(sorted(unlocks)),
            seats=table.number("seats", least=1, most=_MOST_SEATS) or 0,
            active=table.flag("on_sale", default=True),
        ),
        prices={slug: _price(below, slug, currencies) for slug, below in table.tables("price")},
    )
    table.close()
    if plan.fields.active and not plan.prices:
        table.note(_("has no price."))
    for slug, price in plan.prices.items():
        if plan.fields.seats and (price.terms.lasts_hours or price.terms.gift_months):
            table.note(_("is for one, and the plan is for groups."), name=f"price.{slug}")
    return plan


def _price(table: Table, slug: str, currencies: Collection[str]) -> StatedPrice:
    _check_name(table, slug, _SLUG)
    recurs = _recurs(table)
    interval = table.word("interval", _LONGEST, default="")
    count = table.number("interval_count", least=1, most=_LONGEST.get(interval, 1))
    price = StatedPrice(
        terms=PriceTerms(
            # Nothing is paid for what is given away once, so nobody would ever hear of it.
            amount=table.number("amount", least=0 if recurs else 1, most=_MOST, needed=True) or 0,
            currency=_currency(table, currencies, needed=True),
            interval=interval,
            interval_count=count or 1,
            lasts_hours=table.number("lasts_hours", least=1, most=LONGEST_PASS) or 0,
            gift_months=table.number("gift_months", least=1, most=LONGEST_GIFT) or 0,
        ),
        welcome=_welcome(table),
    )
    table.close()
    return price


def _recurs(table: Table) -> bool:
    """Tell whether a price is charged again and again, or once: as a day pass or a gift."""
    ways = table.named(_WAYS)
    if not ways:
        table.note(_("needs interval, lasts_hours or gift_months."))
    if len(ways) > 1:
        table.note(_("is sold in one way only, not by %(ways)s.") % {"ways": ", ".join(ways)})
    recurs = "interval" in ways
    if ways and not recurs:
        table.refuse(_OF_AN_INTERVAL, _("goes with an interval."))
    return recurs


def _welcome(table: Table) -> Welcome:
    days = table.number("trial_days", least=1, most=_LONGEST_TRIAL) or 0
    card = table.word("trial_card", ("required", "if_needed"), default="")
    intro = table.text("intro")
    if card and not days:
        table.note(_("needs trial_days."), name="trial_card")
    if days and intro:
        table.note(_("goes with no trial: say one of the two."), name="intro")
    return Welcome(trial_days=days, trial_needs_card=card != "if_needed", coupon=intro)


def _coupon(table: Table, key: str) -> StatedCoupon:
    _check_name(table, key, _ID)
    percent = table.percent("percent_off")
    amount = table.number("amount_off", least=1, most=_MOST)
    if (percent is None) == (amount is None):
        table.note(_("needs percent_off or amount_off, and not both."))
    duration = table.word("duration", ("once", "repeating", "forever"))
    months = table.number("months", least=1, most=36)
    if (months is not None) != (duration == "repeating"):
        table.note(_('goes with the duration "repeating", which needs it.'), name="months")
    coupon = StatedCoupon(
        name=table.text("name", needed=True),
        terms=CouponTerms(
            duration=duration,
            percent_off=percent,
            amount_off=amount,
            currency=_currency(table, (), needed=amount is not None),
            months=months,
            products=tuple(sorted(table.words("plans"))),
            max_redemptions=table.number("max_redemptions", least=1, most=_MOST),
            redeem_by=table.moment("redeem_by"),
        ),
    )
    if amount is None and coupon.terms.currency:
        table.note(_("goes with amount_off."), name="currency")
    table.close()
    return coupon


def _code(table: Table, key: str) -> StatedCode:
    _check_name(table, key, _CODE)
    code = StatedCode(
        active=table.flag("active", default=True),
        terms=CodeTerms(
            coupon=table.text("coupon", needed=True),
            max_redemptions=table.number("max_redemptions", least=1, most=_MOST),
            expires_at=table.moment("expires_at"),
            first_time=table.flag("first_time", default=False),
        ),
    )
    table.close()
    return code


def _currency(table: Table, sold_in: Collection[str], *, needed: bool) -> str:
    currency = table.text("currency", needed=needed)
    if currency and currency not in _CURRENCIES:
        table.note(_("%(value)r is no currency; write eur, chf, …") % {"value": currency}, name="currency")
    elif currency and sold_in and currency not in sold_in:
        said = _("%(value)r is none that this site sells in (CURRENCIES): %(listed)s.")
        table.note(said % {"value": currency, "listed": ", ".join(sold_in)}, name="currency")
    return currency


def _check_name(table: Table, name: str, pattern: re.Pattern[str]) -> None:
    if not pattern.fullmatch(name):
        table.note(_("this name has letters that Stripe does not take."))


def _contradictions(statement: Statement) -> list[str]:
    """Say what only shows when parts of the file are held against each other."""
    found: list[str] = []
    owners: dict[str, str] = {}
    for key, plan in statement.plans.items():
        for slug, price in plan.prices.items():
            place = f"plan.{key}.price.{slug}"
            if owners.setdefault(slug, key) != key:
                found.append(_("%(place)s: plan.%(plan)s has this name too.") % _at(place, owners[slug]))
            found += _about_intro(price, place, key, statement)
    folded: dict[str, str] = {}
    for text, code in statement.codes.items():
        if folded.setdefault(text.casefold(), text) != text:
            found.append(_("%(place)s: readers cannot tell it from another code.") % _at(f"code.{text}"))
        if code.terms.coupon and code.terms.coupon not in statement.coupons:
            found.append(_("%(place)s: the file has no such coupon.") % _at(f"code.{text}.coupon"))
    for key, coupon in statement.coupons.items():
        for product in coupon.terms.products:
            if product not in statement.plans:
                found.append(
                    _("%(place)s: the file has no plan %(plan)s.") % _at(f"coupon.{key}.plans", product)
                )
    return found


def _about_intro(price: StatedPrice, place: str, plan: str, statement: Statement) -> list[str]:
    name = price.welcome.coupon
    if not name:
        return []
    coupon = statement.coupons.get(name)
    if coupon is None:
        return [_("%(place)s: the file has no such coupon.") % _at(f"{place}.intro")]
    if coupon.terms.duration == "forever":
        return [_("%(place)s: a coupon for ever is no beginning.") % _at(f"{place}.intro")]
    if coupon.terms.currency not in {"", price.terms.currency}:
        return [_("%(place)s: the coupon is in another currency.") % _at(f"{place}.intro")]
    if coupon.terms.products and plan not in coupon.terms.products:
        return [_("%(place)s: the coupon is not for this plan.") % _at(f"{place}.intro")]
    return []


def _at(place: str, plan: str = "") -> dict[str, str]:
    return {"place": place, "plan": plan}
