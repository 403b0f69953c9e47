"""What a change left behind that could still be paid and no longer should.

That is a Checkout for what its reader holds by now, an invoice of a subscription that its reader ended at once, a
subscription whose money went back, and whatever a click began for a reader whose account was closed in that moment.
Nobody has to be told of it: rows say what is left over, so that a look which died halfway is followed by another one.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.models import User
from billing import calls, contracts, refunding, subscribing, sync, waiting
from billing.errors import BillingError, StripeGone
from billing.gateway import Gateway
from billing.models import (
    CheckoutAttempt,
    Customer,
    OpenProduct,
    OutboundCall,
    PaymentMethod,
    StripeEvent,
    Subscription,
)
from billing.snapshots import Status
from billing.subscribing import Arrival

logger = logging.getLogger(__name__)


def look(customer_pk: int, *, gateway: Gateway, now: datetime) -> None:
    """Look at a customer (see `sync.customer`), then clear away what the news left behind.

    Trouble at Stripe is not raised. What is still left over then is found by `customers`.
    """
    if sync.customer(customer_pk, gateway=gateway, now=now) is sync.SyncOutcome.FAILED:
        return
    try:
        clear(customer_pk, gateway=gateway, now=now)
    except BillingError as trouble:
        logger.warning("Something of customer %s can still be paid: %s", customer_pk, trouble)


def clear(customer_pk: int, *, gateway: Gateway, now: datetime) -> None:
    """See to it that nothing left over at this customer can be paid any more. Repeating it changes nothing.

    :raises StripeTrouble: Stripe did not answer; what is left is left here too.
    """
    for attempt in _superseded(reader__customers=customer_pk):
        _withdraw(attempt, gateway=gateway, now=now)
    for ended in _given_up().filter(customer=customer_pk):
        contracts.void_what_is_open(ended, gateway=gateway, now=now)
    refunding.go_on(customer_pk, gateway=gateway, now=now)
    refunding.end_withdrawn(customer_pk, gateway=gateway, now=now)
    for reader in User.objects.closed().filter(customers__in=_without_a_reader().filter(pk=customer_pk)):
        let_go(reader, gateway=gateway, now=now)


def customers(*, now: datetime) -> set[int]:
    """Return the customers (primary keys) at whom something is left over."""
    readers = {attempt.reader_id for attempt in _superseded()}
    found = Customer.objects.filter(Q(reader__in=readers) | Q(subscriptions__in=_given_up()), deleted_at=None)
    kinds = (found, _without_a_reader())
    return refunding.unfinished(now=now).union(*(kind.values_list("pk", flat=True) for kind in kinds))


def let_go(reader: User, *, gateway: Gateway, now: datetime) -> None:
    """Delete `reader` at Stripe, which ends every subscription at once, and keep nothing that says who it was.

    What lies open at Checkout is closed first: it could be paid although nobody is there any more. The invoices stay,
    which tax law asks for. Repeating it changes nothing.

    :raises StripeTrouble: Stripe did not answer; what still is, is here too.
    """
    abandon(reader, gateway=gateway, now=now)
    for customer in Customer.objects.filter(reader=reader, deleted_at=None):
        _delete(customer, gateway=gateway, now=now)
    customers_of = Customer.objects.filter(reader=reader)
    PaymentMethod.objects.filter(customer__in=customers_of).delete()
    StripeEvent.objects.filter(customer_id__in=customers_of.values("stripe_id")).update(payload=None)
    customers_of.update(email="")


def abandon(reader: User, *, gateway: Gateway, now: datetime) -> None:
    """See to it that nothing which `reader` left open at Checkout can be paid any more. Repeating it changes nothing.

    :raises StripeTrouble: Stripe did not answer; what is still open is open here too.
    """
    open_attempts = CheckoutAttempt.objects.filter(reader=reader, state=CheckoutAttempt.State.OPEN)
    while (attempt := open_attempts.first()) is not None:
        with suppress(StripeGone):
            _expire(attempt, gateway=gateway, now=now)
        _close(attempt, now=now)


def _delete(customer: Customer, *, gateway: Gateway, now: datetime) -> None:
    calls.recorded(
        purpose="delete_customer",
        subject=customer.stripe_id,
        call=lambda key: gateway.delete_customer(customer=customer.stripe_id, key=key),
        now=now,
    )
    waiting.for_sync(customer.pk, gateway=gateway, now=now)


def _without_a_reader() -> QuerySet[Customer]:
    """Return customers whose reader has closed the account."""
    return Customer.objects.filter(reader__in=User.objects.closed(), deleted_at=None)


def _superseded(**of: Any) -> Iterator[CheckoutAttempt]:
    """Walk open attempts that would give what their reader has a subscription for by now."""
    # While the bank is asked, Stripe has a subscription already that is `incomplete`, and the session is still in use.
    held = OpenProduct.objects.exclude(subscription__status=Status.INCOMPLETE)
    candidates = CheckoutAttempt.objects.filter(
        state=CheckoutAttempt.State.OPEN,
        kind=CheckoutAttempt.Kind.CHECKOUT,
        reader__in=held.values("reader"),
        **of,
    )
    for attempt in candidates.select_related("reader", "price__plan"):
        if held.filter(reader=attempt.reader, product__in=attempt.price.plan.unlocks).exists():
            yield attempt


def _given_up() -> QuerySet[Subscription]:
    """Return subscriptions that their reader ended at once and for which Stripe still takes money.

    What became of that call does not matter, as whoever made it may have died; that the end came with it does. A
    subscription that ended otherwise owes what it owes.
    """
    wish = OutboundCall.objects.filter(
        purpose="cancel_now",
        subject=OuterRef("stripe_id"),
        started_at__gte=OuterRef("ended_at") - timedelta(days=1),
    )
    owing = Subscription.objects.filter(invoices__status="open", invoices__automatic=True)
    return owing.filter(Exists(wish), status=Status.CANCELED).distinct()


def _withdraw(attempt: CheckoutAttempt, *, gateway: Gateway, now: datetime) -> None:
    """Close an attempt, or finish it where it was paid: then it is what the reader holds."""
    with suppress(StripeGone):
        arrival = subscribing.finish(attempt, session_id=attempt.session_id, gateway=gateway, now=now)
        if arrival is not Arrival.UNPAID or _expire(attempt, gateway=gateway, now=now) == "complete":
            return
    _close(attempt, now=now)


def _expire(attempt: CheckoutAttempt, *, gateway: Gateway, now: datetime) -> str:
    """Close the session at Stripe; return what it is by then: `expired`, or `complete` if somebody was faster."""
    if not attempt.session_id:
        return ""
    return subscribing.expire(attempt.session_id, gateway=gateway, now=now).status


def _close(attempt: CheckoutAttempt, *, now: datetime) -> None:
    # A click that is asking for its session finds its attempt closed, and expires what it gets. If it has just got
    # one, the attempt stays open for the next look.
    still_so = CheckoutAttempt.objects.filter(
        pk=attempt.pk, state=CheckoutAttempt.State.OPEN, session_id=attempt.session_id
    )
    still_so.update(state=CheckoutAttempt.State.CLOSED, leased_until=None, closed_at=now)
