"""A subscription that a reader has: found by its name, ended, kept after all. Each change ends in a sync."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from accounts.models import User
from billing import calls, outlook, waiting
from billing.errors import BillingError, NothingToDo
from billing.gateway import Gateway
from billing.models import Subscription
from billing.snapshots import OVERDUE

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Why:
    """Why a reader leaves, if they like to say: one of Stripe's codes, and their own words."""

    feedback: str = ""
    comment: str = ""


def cancel(
    reader: User,
    *,
    subscription: str | None = None,
    why: Why | None = None,
    gateway: Gateway,
    now: datetime,
) -> None:
    """End a subscription with the period already paid, or at once where a payment failed.

    `subscription` is the outlook's id; without it the one that matters most is meant. Repeating it changes nothing.

    :raises NothingToDo: the reader has no such subscription, or it has ended.
    :raises StripeTrouble: Stripe did not answer; ask again.
    """
    row = own_open(reader, subscription, now=now)
    if row.status in OVERDUE:
        # This ends reading at once, so it must not rest on old news: the payment may have come in meanwhile.
        waiting.until_synced(row.customer_id, gateway=gateway, now=now)
        row.refresh_from_db()
    if row.status in OVERDUE:
        ask(
            row,
            purpose="cancel_now",
            call=lambda key: gateway.cancel_now(subscription=row.stripe_id, key=key),
            gateway=gateway,
            now=now,
        )
        void_what_is_open(row, gateway=gateway, now=now)
    elif row.is_open and outlook.scheduled_end(row) is None:
        ask(
            row,
            purpose="cancel",
            call=lambda key: gateway.cancel_at_period_end(subscription=row.stripe_id, key=key),
            gateway=gateway,
            now=now,
        )

    if why is not None and (why.feedback or why.comment):
        _explain(row, why, gateway=gateway, now=now)


def _explain(row: Subscription, why: Why, *, gateway: Gateway, now: datetime) -> None:
    """Note the reason, once cancelled: whatever becomes of this call, the cancellation stands."""
    digest = hashlib.sha256(f"{why.feedback}:{why.comment}".encode()).hexdigest()[:16]
    try:
        calls.recorded(
            purpose="explain",
            subject=f"{row.stripe_id}:{digest}",
            call=lambda key: gateway.explain_end(
                subscription=row.stripe_id, feedback=why.feedback, comment=why.comment, key=key
            ),
            now=now,
        )
    except BillingError as trouble:
        logger.warning("Why %s was cancelled could not be noted: %s", row.stripe_id, trouble)


def void_what_is_open(row: Subscription, *, gateway: Gateway, now: datetime) -> None:
    """Ask no more money for the period that a reader gave up: whoever comes back pays for a new one.

    Repeating it changes nothing.

    :raises StripeTrouble: Stripe did not answer.
    """

    def void(invoice: str) -> None:
        calls.recorded(
            purpose="void",
            subject=invoice,
            call=lambda key: gateway.void_invoice(invoice=invoice, key=key),
            now=now,
        )

    for invoice in row.invoices.filter(status="open"):
        void(invoice.stripe_id)
    waiting.for_sync(row.customer_id, gateway=gateway, now=now)


def resume(reader: User, *, subscription: str | None = None, gateway: Gateway, now: datetime) -> None:
    """Take back a scheduled end. Repeating it changes nothing.

    :raises NothingToDo: the reader has no such subscription, or it has already ended.
    """
    row = own_open(reader, subscription, now=now)
    if outlook.scheduled_end(row) is not None:
        ask(
            row,
            purpose="resume",
            call=lambda key: gateway.keep(subscription=row.stripe_id, key=key),
            gateway=gateway,
            now=now,
        )


def own_open(reader: User, subscription: str | None, *, now: datetime) -> Subscription:
    """Return the reader's open subscription of that name; without a name the one that matters most.

    :raises NothingToDo: there is none.
    """
    states = [state for state in outlook.every(reader, now=now) if state.is_open]
    chosen = next((state for state in states if subscription in {None, state.id}), None)
    if chosen is None:
        raise NothingToDo(_("There is no such subscription."))
    return Subscription.objects.get(pk=chosen.id)


def ask(
    row: Subscription, *, purpose: str, call: Callable[[str], object], gateway: Gateway, now: datetime
) -> None:
    """Make one recorded change to a subscription, then look at what became of it."""
    try:
        calls.recorded(purpose=purpose, subject=row.stripe_id, call=call, now=now)
    finally:
        # Also after a refusal: Stripe says no to what has already happened, and then we did not know it.
        waiting.for_sync(row.customer_id, gateway=gateway, now=now)
