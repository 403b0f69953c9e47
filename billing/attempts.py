"""Attempts that lead to no Checkout: agreements that the card on file pays, and when they stand in nobody's way.

They share the one open attempt per reader with Checkout, so of a change, a return and a purchase at the same moment
one comes after the other.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from billing import waiting
from billing.gateway import Gateway
from billing.models import CheckoutAttempt, Customer

# Stripe may still be at work on a call of which we heard nothing. After so long it is not.
_SETTLED = timedelta(minutes=2)
# Stripe forgets a key after a day at the earliest; from then on the same call would be made a second time.
_KEY_LIFE = timedelta(hours=23)


def is_agreement(attempt: CheckoutAttempt) -> bool:
    """Tell whether the card on file pays for this one, at once."""
    return attempt.kind != CheckoutAttempt.Kind.CHECKOUT


def may_repeat(attempt: CheckoutAttempt, *, now: datetime) -> bool:
    """Tell whether making its call again would still be the same call at Stripe."""
    return attempt.asked_at is None or now < attempt.asked_at + _KEY_LIFE


def claim(attempt: CheckoutAttempt, *, now: datetime) -> bool:
    """Take an agreement that nobody is at, for as long as a call to Stripe may last; tell whether it is ours."""
    return _free(attempt, now=now).update(leased_until=now + CheckoutAttempt.LEASE) == 1


def give_way(attempt: CheckoutAttempt, *, gateway: Gateway, now: datetime) -> bool:
    """Close an agreement that nobody is at any more; tell whether it stands in the way no longer.

    One of which Stripe was asked is closed only when nothing can come of that call any more, and after a look at
    what came of it.

    :raises StripeTrouble: Stripe did not answer.
    """
    if not _free(attempt, now=now).exists():
        return False
    if attempt.asked_at is not None:
        if now < attempt.asked_at + _SETTLED:
            return False
        for customer in Customer.objects.filter(reader=attempt.reader, deleted_at=None):
            waiting.for_sync(customer.pk, gateway=gateway, now=now)
    unchanged = _free(attempt, now=now).filter(asked_at=attempt.asked_at)
    return unchanged.update(state=CheckoutAttempt.State.CLOSED, leased_until=None, closed_at=now) == 1


def _free(attempt: CheckoutAttempt, *, now: datetime) -> QuerySet[CheckoutAttempt]:
    unleased = Q(leased_until=None) | Q(leased_until__lte=now)
    return CheckoutAttempt.objects.filter(unleased, pk=attempt.pk, state=CheckoutAttempt.State.OPEN)
