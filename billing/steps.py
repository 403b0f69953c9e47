"""What a reader can do next about a subscription, and what helps against a failed payment. Reads the mirror only."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from django.utils.translation import gettext as _

from billing import advice, words
from billing.advice import Advice
from billing.models import Invoice, Subscription


class Step(StrEnum):
    """What the reader can do next, where anything is to be done."""

    NONE = ""
    FIX_CARD = "fix_card"
    CONFIRM_PAYMENT = "confirm_payment"
    ADD_CARD = "add_card"
    SUBSCRIBE = "subscribe"


def next_for(
    row: Subscription, *, waiting: Invoice | None, charge_at: datetime | None, has_card: bool
) -> Step:
    """Return the next step; `waiting` is the invoice in trouble, `charge_at` the next charge."""
    if waiting is not None:
        return Step.CONFIRM_PAYMENT if waiting.needs_action else Step.FIX_CARD
    if not row.is_open:
        return Step.SUBSCRIBE
    return Step.ADD_CARD if charge_at is not None and row.automatic and not has_card else Step.NONE


def text(step: Step, *, waiting: Invoice | None, charge_at: datetime | None) -> str:
    """Say the step in a sentence; "" where there is nothing to do."""
    if waiting is not None:
        return words.help_with(what_helps(waiting))
    if step is Step.ADD_CARD and charge_at is not None:
        return _("No card is on file. Please add one before %(date)s.") % {"date": words.day(charge_at)}
    return _("You can subscribe again at any time.") if step is Step.SUBSCRIBE else ""


def failure_code(waiting: Invoice) -> str:
    """Return why the last try to charge failed, in the bank's word."""
    return words.AUTHENTICATION if waiting.needs_action else waiting.failure_code or "card_declined"


def what_helps(waiting: Invoice) -> Advice:
    """Return what helps against the failure."""
    return advice.of(failure_code(waiting), advice_code=waiting.advice_code)


def retry_at(waiting: Invoice | None, *, has_card: bool) -> datetime | None:
    """Return when Stripe tries again by itself: never without a card, nor one of which the bank said "never"."""
    if waiting is None or not has_card:
        return None
    return advice.retry_at(
        waiting.next_payment_attempt, code=failure_code(waiting), advice_code=waiting.advice_code
    )
