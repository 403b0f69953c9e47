"""Stripe's errors to ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import stripe

from billing.errors import BillingError, CardRefused, StripeGone, StripeRefused, StripeTrouble

# What Stripe answers when a payment stops at the bank's wish for a confirmation, in one word for all of them.
_CONFIRMATION = "authentication_required"
_WANTS_CONFIRMATION = {
    _CONFIRMATION,
    "invoice_payment_intent_requires_action",
    "payment_intent_action_required",
    "subscription_payment_intent_requires_action",
}


@contextmanager
def translated() -> Iterator[None]:
    """Turn an error of the SDK into one of ours; the text of ours names no secret and no personal data.

    :raises StripeTrouble: Stripe did not answer, or not now.
    :raises StripeRefused: Stripe said no.
    """
    try:
        yield
    except stripe.StripeError as error:
        raise _ours(error) from error


def _ours(error: stripe.StripeError) -> BillingError:
    code = error.code or ""
    text = f"{type(error).__name__} {error.http_status or ''} {code} {error.request_id or ''}"
    text = " ".join(text.split())
    if isinstance(error, stripe.CardError):
        return CardRefused(text, code=_card_code(error))
    if code in _WANTS_CONFIRMATION:
        return CardRefused(text, code=_CONFIRMATION)
    if _may_pass(error):
        return StripeTrouble(text, answered=(error.http_status or 0) >= HTTPStatus.INTERNAL_SERVER_ERROR)
    if code == "resource_missing":
        return StripeGone(text, code=code)
    return StripeRefused(text, code=code)


def _may_pass(error: stripe.StripeError) -> bool:
    """Tell whether the same call may do better later: no answer, too many calls, or a fault of ours or theirs."""
    if isinstance(error, stripe.InvalidRequestError | stripe.IdempotencyError):
        return error.http_status in {HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS}
    # A wrong or restricted key says nothing about the object that was asked for, so it is trouble, not an answer.
    return True


def _card_code(error: stripe.CardError) -> str:
    code = error.code or ""
    if code in _WANTS_CONFIRMATION:
        return _CONFIRMATION
    decline = getattr(error.error, "decline_code", None)
    return decline if isinstance(decline, str) and decline else code
