"""Stripe's codes in the reader's words, in the active language; what we do not know reads as the plain case."""

from __future__ import annotations

from datetime import datetime

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from billing import advice, money
from billing.advice import Advice

AUTHENTICATION = advice.AUTHENTICATION

_REFUSALS = {
    "insufficient_funds": gettext_lazy("The bank says that there is not enough money in the account."),
    "card_velocity_exceeded": gettext_lazy("The card's limit has been reached."),
    "withdrawal_count_limit_exceeded": gettext_lazy("The card's limit has been reached."),
    "expired_card": gettext_lazy("The card has expired."),
    "incorrect_cvc": gettext_lazy("The card's security code is not right."),
    "invalid_cvc": gettext_lazy("The card's security code is not right."),
    "incorrect_number": gettext_lazy("The card's number is not right."),
    "invalid_number": gettext_lazy("The card's number is not right."),
    "invalid_expiry_month": gettext_lazy("The card's expiry date is not right."),
    "invalid_expiry_year": gettext_lazy("The card's expiry date is not right."),
    "processing_error": gettext_lazy(
        "The card could not be processed just now. Please try again in a while."
    ),
    "try_again_later": gettext_lazy("The card could not be processed just now. Please try again in a while."),
    "issuer_not_available": gettext_lazy("The bank could not be reached. Please try again in a while."),
    "card_not_supported": gettext_lazy("The card cannot be used for this kind of payment."),
    "currency_not_supported": gettext_lazy("The card cannot be used in this currency."),
    AUTHENTICATION: gettext_lazy("The bank wants you to confirm the payment."),
}
# A lost or stolen card is declined like any other: whoever holds it is not told that the owner reported it.
_DECLINED = gettext_lazy("The bank declined the card.")

_HELP = {
    Advice.CONFIRM: gettext_lazy("Confirm the payment with your bank; it takes one click."),
    Advice.ANOTHER_CARD: gettext_lazy("This card will not be charged again. Please give us another one."),
    Advice.CHECK_CARD: gettext_lazy("Please enter the card once more, or another one."),
    Advice.WAIT: gettext_lazy("Nothing is wrong with the card itself. Another card pays at once."),
    Advice.ASK_BANK: gettext_lazy("Your bank can tell you why. Another card pays at once."),
}

_WALLETS = {
    "amex_express_checkout": "Amex Express Checkout",
    "apple_pay": "Apple Pay",
    "google_pay": "Google Pay",
    "link": "Link",
    "masterpass": "Masterpass",
    "meijer_pay": "Meijer Pay",
    "samsung_pay": "Samsung Pay",
    "visa_checkout": "Visa Checkout",
}

_BRANDS = {
    "amex": "American Express",
    "cartes_bancaires": "Cartes Bancaires",
    "diners": "Diners Club",
    "discover": "Discover",
    "eftpos_au": "eftpos",
    "jcb": "JCB",
    "link": "Link",
    "mastercard": "Mastercard",
    "unionpay": "UnionPay",
    "visa": "Visa",
}


# Why readers leave: Stripe's codes, as the reader chooses them.
FEEDBACK = {
    "too_expensive": gettext_lazy("It is too expensive."),
    "unused": gettext_lazy("I do not read enough."),
    "missing_features": gettext_lazy("I miss something."),
    "low_quality": gettext_lazy("I am not happy with the quality."),
    "switched_service": gettext_lazy("I read something else now."),
    "customer_service": gettext_lazy("I was not treated well."),
    "too_complex": gettext_lazy("It is too complicated."),
    "other": gettext_lazy("Another reason."),
}


def refusal(code: str) -> str:
    """Say why a payment failed; a code that we do not know reads as a plain decline."""
    return str(_REFUSALS.get(code, _DECLINED))


def help_with(what: Advice) -> str:
    """Say what can be done about a failed payment."""
    return str(_HELP[what])


def wallet(code: str) -> str:
    """Return a wallet's name as phones show it; "" for a card that was typed."""
    return _WALLETS.get(code, code.replace("_", " ").title())


def brand(code: str) -> str:
    """Return a card brand as it is written on the card."""
    return _BRANDS.get(code, code.replace("_", " ").title() or _("Card"))


def tax(behavior: str) -> str:
    """Say whether taxes are in a price, by Stripe's word; where it says nothing, nothing is promised."""
    return {"inclusive": _("incl. VAT"), "exclusive": _("plus VAT")}.get(behavior, "")


def day(moment: datetime) -> str:
    """Return the date of a moment, written out."""
    return date_format(moment, "DATE_FORMAT")


def price(amount: int, *, currency: str, interval: str, count: int = 1) -> str:
    """Return an amount with how often it is charged, for example `€9.90 a month`."""
    return (
        _PER[interval](money.text(amount, currency=currency), count)
        if interval in _PER
        else money.text(amount, currency=currency)
    )


def beginning(first: str, first_price: str, price: str, *, duration: str, months: int) -> str:
    """Return what is paid first and what comes after, for example `€4.95 a month for 3 months, then €9.90 a month`."""
    slots: dict[str, object] = {"first": first, "first_price": first_price, "price": price, "months": months}
    if duration == "once":
        return _("%(first)s at first, then %(price)s") % slots
    if duration == "repeating":
        return (
            ngettext(
                "%(first_price)s for a month, then %(price)s",
                "%(first_price)s for %(months)s months, then %(price)s",
                months,
            )
            % slots
        )
    return _("%(first_price)s instead of %(price)s") % slots


def once(amount: int, *, currency: str, hours: int) -> str:
    """Return an amount with how long it is for, for example `€2.50 for 24 hours`."""
    days, rest = divmod(hours, 24)
    text = money.text(amount, currency=currency)
    if days > 1 and not rest:
        return ngettext("%(amount)s for %(count)s day", "%(amount)s for %(count)s days", days) % _slots(
            text, days
        )
    return ngettext("%(amount)s for %(count)s hour", "%(amount)s for %(count)s hours", hours) % _slots(
        text, hours
    )


def months(amount: int, *, currency: str, count: int) -> str:
    """Return an amount with how many months it is for, for example `€59.00 for 6 months`."""
    text = money.text(amount, currency=currency)
    return ngettext("%(amount)s for %(count)s month", "%(amount)s for %(count)s months", count) % _slots(
        text, count
    )


def _per_day(amount: str, count: int) -> str:
    return ngettext("%(amount)s a day", "%(amount)s every %(count)s days", count) % _slots(amount, count)


def _per_week(amount: str, count: int) -> str:
    return ngettext("%(amount)s a week", "%(amount)s every %(count)s weeks", count) % _slots(amount, count)


def _per_month(amount: str, count: int) -> str:
    return ngettext("%(amount)s a month", "%(amount)s every %(count)s months", count) % _slots(amount, count)


def _per_year(amount: str, count: int) -> str:
    return ngettext("%(amount)s a year", "%(amount)s every %(count)s years", count) % _slots(amount, count)


def _slots(amount: str, count: int) -> dict[str, object]:
    return {"amount": amount, "count": count}


# One sentence each, spelled out, because languages build them differently.
_PER = {"day": _per_day, "week": _per_week, "month": _per_month, "year": _per_year}
