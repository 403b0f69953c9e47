"""A reader's one open attempt to buy, by constraint: begun, claimed, closed; and when it gives way to another.

Checkout and the agreements that the card on file pays share it, so of a change, a return and a purchase at the same
moment one comes after the other.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from accounts.models import User
from billing import customers, waiting
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


def begin(reader: User, *, now: datetime, **columns: Any) -> CheckoutAttempt:
    """Open an attempt; its key, which says of what kind it is, is the idempotency key at Stripe.

    :raises IntegrityError: the reader has one that is open; the transaction around goes on.
    :raises PermissionDenied: the account was closed meanwhile.
    """
    customers.refuse_closed(reader)
    kind = columns.get("kind", CheckoutAttempt.Kind.CHECKOUT)
    key = f"{kind}-{secrets.token_hex(16)}"
    with transaction.atomic():
        return CheckoutAttempt.objects.create(reader=reader, key=key, started_at=now, **columns)


def claim(attempt: CheckoutAttempt, *, now: datetime) -> bool:
    """Take an attempt that nobody is at, for as long as a call to Stripe may last; tell whether it is ours.

    One that has its session is nobody's to take.
    """
    free = _free(attempt, now=now).filter(session_id="")
    return free.update(leased_until=now + CheckoutAttempt.LEASE) == 1


def close(
    attempt: CheckoutAttempt, state: CheckoutAttempt.State, *, refusal: str = "", now: datetime
) -> None:
    """Close an attempt that is open still. Repeating it changes nothing."""
    still_open = CheckoutAttempt.objects.filter(pk=attempt.pk, state=CheckoutAttempt.State.OPEN)
    still_open.update(state=state, refusal=refusal[:80], leased_until=None, closed_at=now)


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
            if not waiting.for_sync(customer.pk, gateway=gateway, now=now):
                return False
    unchanged = _free(attempt, now=now).filter(asked_at=attempt.asked_at)
    return unchanged.update(state=CheckoutAttempt.State.CLOSED, leased_until=None, closed_at=now) == 1


def _free(attempt: CheckoutAttempt, *, now: datetime) -> QuerySet[CheckoutAttempt]:
    unleased = Q(leased_until=None) | Q(leased_until__lte=now)
    return CheckoutAttempt.objects.filter(unleased, pk=attempt.pk, state=CheckoutAttempt.State.OPEN)
