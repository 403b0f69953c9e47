"""Money as people read it. Everywhere else it is integer minor units with a lower-case currency."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from babel import Locale, UnknownLocaleError
from babel.numbers import format_currency
from django.utils import translation

# How many digits Stripe's minor units have, which is not always what the currency itself has: Stripe keeps two for
# ISK and UGX although these have no smaller coin. Everything not named here has two.
_NO_DIGITS = frozenset(
    {
        "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf",
    }
)  # fmt: skip
_THREE_DIGITS = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})


def exponent(currency: str) -> int:
    """Return how many digits of a Stripe amount stand behind the decimal point."""
    if currency.lower() in _NO_DIGITS:
        return 0
    return 3 if currency.lower() in _THREE_DIGITS else 2


def major(amount: int, *, currency: str) -> Decimal:
    """Return minor units as an exact amount of the currency itself."""
    return Decimal(amount).scaleb(-exponent(currency))


def share(amount: int, *, percent: Decimal) -> int:
    """Return so many percent of an amount, in whole minor units; halves are rounded up."""
    return int((amount * percent / 100).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def text(amount: int, *, currency: str, language: str | None = None) -> str:
    """Return an amount as read in `language` (the active one by default), for example `€9.90` or `9,90 €`."""
    return format_currency(major(amount, currency=currency), currency.upper(), locale=_locale(language))


def _locale(language: str | None) -> Locale:
    name = translation.to_locale(language or translation.get_language() or "en")
    try:
        return Locale.parse(name)
    except (UnknownLocaleError, ValueError):
        return Locale.parse("en")
