"""Give money back, in whole or in part, and end what it paid for where that is wished. Ends in a sync.

A wish is kept before Stripe is asked, one at a time per invoice, under the name of the form it was made in: a double
click is the same wish, and two members of staff cannot both give back what there is once. Stripe is told the wish's
name with the refund, so that whoever finds the wish unfulfilled can see whether it was.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts.models import User
from billing import calls, disputes, money, returns, waiting
from billing.errors import RefundRefused, StripeRefused
from billing.gateway import Gateway
from billing.models import Invoice, Refund, RefundOrder, Subscription
from billing.snapshots import OVER, Access

logger = logging.getLogger(__name__)

# Whoever made a wish is still at it for so long.
_PATIENCE = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a form says: how much, why, what becomes of reading, and what had been given back when it was shown."""

    key: str
    amount: int
    reason: str
    access: Access
    seen: int


def refund(invoice: Invoice, *, wish: Wish, by: User, gateway: Gateway, now: datetime) -> RefundOrder:
    """Give back so much of a paid invoice. The same wish again changes nothing and returns what became of it.

    :raises RefundRefused: there is not so much left, something changed since the form was shown, or Stripe said no.
    :raises StripeTrouble: Stripe did not answer; the same wish may be repeated, and is fulfilled by itself if need be.
    """
    # What was given back in Stripe's dashboard counts too, and so does this wish where nobody noted that it was met.
    waiting.until_synced(invoice.customer_id, gateway=gateway, now=now)
    known = RefundOrder.objects.filter(key=wish.key, invoice=invoice).first()
    order = known or _placed(invoice, wish=wish, by=by, now=now)
    return fulfil(order, gateway=gateway, now=now)


def fulfil(order: RefundOrder, *, gateway: Gateway, now: datetime) -> RefundOrder:
    """Do what a wish asks for, however far it has come; a look was taken just before. Repeating it changes nothing.

    :raises RefundRefused: Stripe said no.
    :raises StripeTrouble: Stripe did not answer; repeat it.
    """
    if order.state == RefundOrder.State.REFUSED:
        raise RefundRefused(order.error)
    if order.state == RefundOrder.State.OPEN and not _is_given_back(order):
        _give_back(order, gateway=gateway, now=now)
    customer = order.invoice.customer_id
    waiting.for_sync(customer, gateway=gateway, now=now)
    if order.access == Access.WITHDRAW and order.invoice.subscription is not None:
        _end(order.invoice.subscription, gateway=gateway, now=now)
    _finish(order, RefundOrder.State.DONE, now=now)
    order.refresh_from_db()
    return order


def end_withdrawn(customer: int, *, gateway: Gateway, now: datetime) -> None:
    """End at Stripe what gives nothing any more because its money went back: it must not be charged again.

    :raises StripeTrouble: Stripe did not answer; what still runs, runs on here too.
    """
    for row in _withdrawn().filter(customer=customer):
        _end(row, gateway=gateway, now=now)


def go_on(customer: int, *, gateway: Gateway, now: datetime) -> None:
    """Fulfil the wishes about this customer that somebody made and nobody is at.

    :raises StripeTrouble: Stripe did not answer.
    """
    for order in _lying(now=now).filter(invoice__customer=customer):
        try:
            fulfil(order, gateway=gateway, now=now)
        except RefundRefused as refusal:
            logger.warning("Refund %s was refused: %s", order.key, refusal)


def unfinished(*, now: datetime) -> set[int]:
    """Return the customers (primary keys) for whom `go_on` or `end_withdrawn` has something to do."""
    lying = _lying(now=now).values_list("invoice__customer", flat=True)
    withdrawn = _withdrawn().filter(customer__deleted_at=None).values_list("customer", flat=True)
    return {*lying, *withdrawn}


def _placed(invoice: Invoice, *, wish: Wish, by: User, now: datetime) -> RefundOrder:
    """Keep a wish, if what it asks for is there."""
    try:
        with transaction.atomic():
            locked = Invoice.objects.select_for_update(of=("self",)).get(pk=invoice.pk)
            _check(locked, wish)
            return RefundOrder.objects.create(
                key=wish.key,
                invoice=locked,
                amount=wish.amount,
                reason=wish.reason[:300],
                access=wish.access,
                by=by,
                started_at=now,
            )
    except IntegrityError:
        # A parallel click was first: with this wish, which is then ours too, or with another one.
        same = RefundOrder.objects.filter(key=wish.key, invoice=invoice).first()
        if same is None:
            raise RefundRefused(_("Another refund of this invoice is under way.")) from None
        return same


def _check(invoice: Invoice, wish: Wish) -> None:
    if returns.is_contested(invoice):
        raise RefundRefused(disputes.refusal())
    back, left = returns.refunded(invoice), returns.left(invoice)
    if back != wish.seen:
        amount = money.text(back, currency=invoice.currency)
        raise RefundRefused(
            _("Meanwhile %(amount)s of this invoice were given back. Please look again.") % {"amount": amount}
        )
    if not 0 < wish.amount <= left:
        amount = money.text(left, currency=invoice.currency)
        raise RefundRefused(_("At most %(amount)s can be given back.") % {"amount": amount})


def _is_given_back(order: RefundOrder) -> bool:
    """Tell whether a look at Stripe has met the refund: whoever made it may have died before it was noted."""
    return Refund.objects.filter(order=order.key).exists()


def _give_back(order: RefundOrder, *, gateway: Gateway, now: datetime) -> None:
    try:
        calls.recorded(
            purpose="refund",
            subject=order.key,
            call=lambda key: gateway.refund(
                charge=order.invoice.charge,
                amount=order.amount,
                order=order.key,
                access=Access(order.access),
                key=key,
            ),
            now=now,
        )
    except StripeRefused as refusal:
        _finish(order, RefundOrder.State.REFUSED, error=str(refusal), now=now)
        waiting.for_sync(order.invoice.customer_id, gateway=gateway, now=now)
        raise RefundRefused(
            _("Stripe refused the refund: %(why)s") % {"why": refusal.code or refusal}
        ) from refusal


def _end(row: Subscription, *, gateway: Gateway, now: datetime) -> None:
    row.refresh_from_db()
    if not row.is_open:
        return
    calls.recorded(
        purpose="cancel_now",
        subject=row.stripe_id,
        call=lambda key: gateway.cancel_now(subscription=row.stripe_id, key=key),
        now=now,
    )
    waiting.for_sync(row.customer_id, gateway=gateway, now=now)


def _finish(order: RefundOrder, state: RefundOrder.State, *, now: datetime, error: str = "") -> None:
    RefundOrder.objects.filter(pk=order.pk, state=RefundOrder.State.OPEN).update(
        state=state, error=error[:300], finished_at=now
    )


def _lying(*, now: datetime) -> QuerySet[RefundOrder]:
    return RefundOrder.objects.filter(state=RefundOrder.State.OPEN, started_at__lte=now - _PATIENCE)


def _withdrawn() -> QuerySet[Subscription]:
    return Subscription.objects.exclude(status__in=OVER).exclude(withdrawn_at=None)
