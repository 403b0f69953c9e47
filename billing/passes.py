"""Day passes: paid once, for so many hours from the payment. What was paid is learnt from Stripe, by each look.

The payment itself bears what was promised for it, so that a look alone, at any time and by anybody, says what it
opens: neither a lost event, nor a backup brought back, nor a price changed since makes a difference.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from accounts.models import User
from billing import letters, withdrawal
from billing.errors import PassRunning
from billing.models import Customer, DayPass, Price
from billing.snapshots import Access, PaymentSnapshot
from paywall import entitlements
from paywall.decision.facts import Grant

PURPOSE = "pass"
_ON_ITS_WAY = "processing"


def promise(price: Price, *, reader: User) -> dict[str, str]:
    """Return what the payment shall bear."""
    return {
        "purpose": PURPOSE,
        "reader_id": reader.public_id,
        "price": price.stripe_id,
        "unlocks": ",".join(price.plan.unlocks),
        "lasts_hours": str(price.lasts_hours),
    }


def refuse_second(reader: User, wanted: Price, *, now: datetime) -> None:
    """Let nobody pay twice for the same hours.

    :raises PassRunning: a pass of theirs opens some of it already, or is being paid.
    """
    held = DayPass.objects.filter(customer__reader=reader).filter(
        Q(pk__in=running(reader, now=now)) | Q(status=_ON_ITS_WAY)
    )
    if any({*row.products} & {*wanted.plan.unlocks} for row in held):
        raise PassRunning(_("A pass of yours opens this already."))


def running(reader: User, *, now: datetime) -> QuerySet[DayPass]:
    """Return the passes that open something to a reader now."""
    return DayPass.objects.filter(
        customer__reader=reader, status="succeeded", withdrawn_because="", ends_at__gt=now
    )


def restate(
    customer: Customer, reader: User, payments: Iterable[PaymentSnapshot], *, policy: Access, now: datetime
) -> None:
    """Make passes and what they open equal to Stripe's payments. Called by a look, in its transaction.

    `policy` says what becomes of a pass when a bank took its money back.
    """
    for theirs in payments:
        if theirs.purpose == PURPOSE:
            _restate(customer, reader, theirs, policy=policy, now=now)


def _restate(
    customer: Customer, reader: User, theirs: PaymentSnapshot, *, policy: Access, now: datetime
) -> None:
    known = entitlements.product_names()
    ends_at = theirs.paid_at + timedelta(hours=theirs.lasts_hours) if theirs.paid_at else None
    row, _created = DayPass.objects.update_or_create(
        stripe_id=theirs.id,
        defaults={
            "customer": customer,
            "price": Price.objects.filter(stripe_id=theirs.price).first(),
            "products": [product for product in theirs.unlocks if product in known],
            "hours": theirs.lasts_hours,
            "amount": theirs.amount,
            "currency": theirs.currency,
            "status": theirs.status,
            "starts_at": theirs.paid_at if theirs.lasts_hours else None,
            "ends_at": ends_at if theirs.lasts_hours else None,
            "is_refunded": theirs.refunded,
            "withdrawn_because": withdrawal.of_payment(theirs, policy=policy) or "",
            "receipt_url": theirs.receipt_url,
        },
    )
    entitlements.replace(reader, source=row.source, grants=_grants(row, theirs, now=now), now=now)
    _tell(row, reader, theirs, names=known, now=now)


def _grants(row: DayPass, theirs: PaymentSnapshot, *, now: datetime) -> tuple[Grant, ...]:
    if not theirs.is_paid or row.withdrawn_because or row.starts_at is None:
        return ()
    # What was paid has begun, also where our clock is behind Stripe's.
    starts_at = min(row.starts_at, now)
    return tuple(
        Grant(product=product, source=row.source, starts_at=starts_at, ends_at=row.ends_at)
        for product in row.products
    )


def _tell(
    row: DayPass, reader: User, theirs: PaymentSnapshot, *, names: dict[str, str], now: datetime
) -> None:
    if not theirs.is_paid or row.withdrawn_because:
        letters.withdraw("day_pass", about=row.stripe_id)
    elif row.ends_at is not None and row.ends_at > now and reader.is_active:
        letters.to_reader(
            reader,
            kind="day_pass",
            about=row.stripe_id,
            now=now,
            day_pass=row,
            product_names=[names[product] for product in row.products],
        )
