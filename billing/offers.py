"""What one reader is offered: in which currency, and how each price begins for them.

A newcomer gets the trial or the introductory offer of a price; whoever ever subscribed gets neither again. A code that
was typed takes the place of the introductory offer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from babel.core import get_global
from babel.numbers import get_territory_currencies
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation.trans_real import parse_accept_lang_header

from accounts.models import User
from billing import catalogue, codes, customers, money, words
from billing.catalogue import Offer, OfferedPrice
from billing.codes import Code
from billing.errors import CodeRefused, CurrencyLocked, NotOnSale
from billing.gateway import Beginning
from billing.models import Price, Subscription
from billing.snapshots import CouponTerms


@dataclass(frozen=True, slots=True)
class Offers:
    """Plans in one currency ("": in whatever they are in), and the currencies that may be chosen instead."""

    plans: tuple[Offer, ...]
    currency: str
    currencies: tuple[str, ...]


def to(
    reader: User | None,
    *,
    product: str | None = None,
    currency: str = "",
    languages: str = "",
    code: Code | None = None,
) -> Offers:
    """Return what is on sale for `reader`, in the currency that they wish for, or that fits their `languages`.

    `languages` is what their browser says of them. Whom Stripe keeps to a currency is offered no other.
    """
    locked = locked_currency(reader)
    choice = (locked,) if locked else settings.CURRENCIES
    is_newcomer = is_new(reader)
    orders = list(_in_order(choice, wished=currency, languages=languages))
    # The first in which anything is sold; where nothing is, the likeliest, and nothing.
    chosen = next((one for one in orders if catalogue.on_sale(product=product, currency=one)), orders[0])
    plans = catalogue.on_sale(product=product, currency=chosen)
    return Offers(
        plans=tuple(_begun(offer, is_newcomer=is_newcomer, code=code) for offer in plans),
        currency=chosen,
        currencies=choice,
    )


def is_offered(currency: str) -> bool:
    """Tell whether anybody may ask for this currency."""
    if settings.CURRENCIES:
        return currency in settings.CURRENCIES
    return bool(catalogue.on_sale(currency=currency))


def find(slug: str, *, reader: User, quantity: int = 1) -> Price:
    """Return the price on sale of that name, if this reader may have it.

    :raises NotOnSale: there is none, not in that quantity, or not in a currency that the site sells in.
    :raises CurrencyLocked: Stripe keeps them to another currency.
    """
    price = catalogue.find(slug, quantity=quantity)
    locked = locked_currency(reader)
    if locked and price.currency != locked:
        said = _("You pay in %(currency)s. Please choose a price in that currency.")
        raise CurrencyLocked(said % {"currency": locked.upper()})
    if not locked and settings.CURRENCIES and price.currency not in settings.CURRENCIES:
        raise NotOnSale(_("This price is not on sale."))
    return price


def beginning(reader: User, price: Price, *, code: str = "") -> Beginning:
    """Return how a subscription to `price` begins for `reader`; `code` is Stripe's id of one that they typed."""
    newcomer = is_new(reader)
    trial = price.trial_days if newcomer else 0
    return Beginning(
        trial_days=trial,
        trial_needs_card=price.trial_needs_card,
        coupon=price.intro if newcomer and not trial else "",
        code=code,
        asks_for_code=settings.CHECKOUT_ASKS_FOR_CODES,
    )


def check_code(code: Code, price: Price, *, reader: User) -> None:
    """Refuse a code that cannot be used for this price by this reader.

    :raises CodeRefused: with the reason, for people.
    """
    if problem := codes.refusal(code, price, is_newcomer=is_new(reader)):
        raise CodeRefused(problem)


def is_new(reader: User | None) -> bool:
    """Tell whether somebody never subscribed: a trial and an introductory offer are for getting to know us."""
    return reader is None or not Subscription.objects.filter(customer__reader=reader).exists()


def locked_currency(reader: User | None) -> str:
    """Return the currency that Stripe keeps this reader to; "" for who never paid."""
    customer = customers.of(reader) if reader is not None else None
    return customer.currency if customer is not None else ""


def _in_order(choice: tuple[str, ...], *, wished: str, languages: str) -> Iterator[str]:
    """Yield the currencies of the choice, the likeliest first; "" (any) where there is no choice."""
    if not choice:
        yield from dict.fromkeys((wished, ""))
        return
    likely = [wished, *_of_languages(languages), *choice]
    yield from dict.fromkeys(currency for currency in likely if currency in choice)


def _of_languages(languages: str) -> Iterator[str]:
    """Yield what is paid with where these languages are spoken: `de-CH` before `de`, as the browser orders them."""
    for language, _weight in parse_accept_lang_header(languages.lower()[:500]):
        parts = language.replace("_", "-").split("-")
        likely = get_global("likely_subtags").get(parts[0], "")
        region = next((part for part in parts[1:] if len(part) == 2), likely.rpartition("_")[2])
        yield from (currency.lower() for currency in get_territory_currencies(region.upper()))


def _begun(offer: Offer, *, is_newcomer: bool, code: Code | None) -> Offer:
    prices = {price.slug: price for price in offer.rows}
    return replace(
        offer,
        prices=tuple(
            _price(shown, prices[shown.slug], is_newcomer=is_newcomer, code=code) for shown in offer.prices
        ),
    )


def _price(shown: OfferedPrice, price: Price, *, is_newcomer: bool, code: Code | None) -> OfferedPrice:
    if code is not None and not codes.refusal(code, price, is_newcomer=is_newcomer):
        terms: CouponTerms | None = code.terms
        shown = replace(shown, code=code.text)
    else:
        terms = _intro(price) if is_newcomer else None
    if not is_newcomer:
        shown = replace(shown, trial_days=0)
    if terms is None or (shown.trial_days and not shown.code):
        return shown
    first = shown.amount - taken_off(terms, shown.amount)
    text = words.beginning(
        money.text(first, currency=shown.currency),
        words.price(first, currency=shown.currency, interval=shown.interval, count=shown.interval_count),
        shown.text,
        duration=terms.duration,
        months=terms.months or 0,
    )
    return replace(shown, first_amount=first, first_text=text)


def _intro(price: Price) -> CouponTerms | None:
    if not price.intro:
        return None
    return CouponTerms(
        duration="repeating" if price.intro_months else "once",
        percent_off=price.intro_percent_off,
        amount_off=price.intro_amount_off,
        months=price.intro_months,
    )


def taken_off(terms: CouponTerms, amount: int) -> int:
    """Return what a coupon takes off an amount; never more than there is."""
    if terms.percent_off is not None:
        return money.share(amount, percent=terms.percent_off)
    return min(amount, terms.amount_off or 0)
