"""The codes that readers type: what one gives, or why it gives nothing. Stripe is asked each time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from billing.errors import CodeRefused, StripeGone
from billing.gateway import Gateway
from billing.models import Price
from billing.snapshots import CodeSnapshot, CouponTerms

_TYPED = re.compile(r"[A-Za-z0-9-]{1,60}")


@dataclass(frozen=True, slots=True)
class Code:
    """A code that can be used; `terms` say what it takes off."""

    id: str
    text: str
    name: str
    terms: CouponTerms
    is_for_newcomers: bool
    minimum_amount: int | None
    minimum_currency: str


def find(text: str, *, customer: str, gateway: Gateway, now: datetime) -> Code:
    """Return the code that a reader typed. `customer` is who they are at Stripe; "" for who never got that far.

    :raises CodeRefused: nobody knows it, it has run out, or it is used up.
    :raises StripeTrouble: Stripe did not answer.
    """
    typed = text.strip()
    if not _TYPED.fullmatch(typed):
        raise _unknown()
    known = [code for code in gateway.codes(text=typed) if code.code.casefold() == typed.casefold()]
    ours = [code for code in known if code.customer in {"", customer}]
    # Of several of one name at most one is active; somebody else's own is as unknown as one that never was.
    code = next((code for code in ours if code.active), ours[0] if ours else None)
    if code is None:
        raise _unknown()
    try:
        coupon = gateway.coupon(code.terms.coupon)
    except StripeGone:
        raise _over() from None
    _check_in_time(code, coupon.terms, now=now)
    if not code.active or not coupon.valid:
        raise _over()
    return Code(
        id=code.id,
        text=code.code,
        name=coupon.name,
        terms=coupon.terms,
        is_for_newcomers=code.terms.first_time,
        minimum_amount=code.minimum_amount,
        minimum_currency=code.minimum_currency,
    )


def refusal(code: Code, price: Price, *, is_newcomer: bool) -> str:
    """Say why this price cannot be had with the code; nothing where it can."""
    terms = code.terms
    if not price.interval:  # paid once; codes are for subscriptions
        return _("This code is not for this price.")
    if terms.products and price.plan.stripe_id not in terms.products:
        return _("This code is not for this subscription.")
    if terms.currency not in {"", price.currency}:
        return _("This code is not for prices in this currency.")
    if code.is_for_newcomers and not is_newcomer:
        return _("This code is for new subscribers only.")
    if code.minimum_amount is not None and (
        code.minimum_currency != price.currency or (price.unit_amount or 0) < code.minimum_amount
    ):
        return _("This code is not for this price.")
    return ""


def _check_in_time(code: CodeSnapshot, terms: CouponTerms, *, now: datetime) -> None:
    ends = [moment for moment in (code.terms.expires_at, terms.redeem_by) if moment is not None]
    if any(moment <= now for moment in ends):
        raise CodeRefused(_("This code has expired."))
    most = code.terms.max_redemptions
    if most is not None and code.times_redeemed >= most:
        raise CodeRefused(_("This code has been used up."))


def _unknown() -> CodeRefused:
    return CodeRefused(_("We do not know this code."))


def _over() -> CodeRefused:
    return CodeRefused(_("This code is no longer valid."))
