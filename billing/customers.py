"""The reader as Stripe's customer: found, or made known there, one at a time."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts.models import User
from billing import calls, sync
from billing.gateway import Gateway
from billing.models import Customer


def of(reader: User) -> Customer | None:
    """Return the reader at Stripe, if they ever got that far."""
    return every(reader).filter(merged_into=None).first()


def every(reader: User) -> QuerySet[Customer]:
    """Return all that Stripe knows the reader as: more than one where two were merged."""
    return Customer.objects.filter(reader=reader, livemode=settings.STRIPE_LIVEMODE, deleted_at=None)


def ensure(reader: User, *, gateway: Gateway, now: datetime) -> Customer:
    """Return the reader at Stripe, making them known there first if need be.

    A customer that was deleted at Stripe is followed by a new one; so the name of the call counts them.

    :raises PermissionDenied: the account was closed meanwhile.
    """
    known = of(reader)
    if known is not None:
        return known
    subject = f"{reader.public_id}:{Customer.objects.filter(reader=reader).count()}"
    stripe_id = calls.outcome(purpose="customer", subject=subject) or calls.recorded(
        purpose="customer",
        subject=subject,
        call=lambda key: gateway.create_customer(email=reader.email, reader=reader.public_id, key=key),
        now=now,
    )
    try:
        customer, is_open = _noted(reader, stripe_id, now=now)
    except IntegrityError:  # a parallel story made them known first
        return every(reader).get(merged_into=None)
    if not is_open:
        raise _closed()
    return customer


@transaction.atomic
def _noted(reader: User, stripe_id: str, *, now: datetime) -> tuple[Customer, bool]:
    """Write down that a reader is this customer; return whether their account is still open.

    The customer is held before the reader, as by every look, which may have found it already by a webhook.
    """
    customer, is_new = Customer.objects.get_or_create(
        stripe_id=stripe_id,
        defaults={
            "reader": reader,
            "livemode": settings.STRIPE_LIVEMODE,
            "email": reader.email,
            "created_at": now,
        },
    )
    Customer.objects.filter(pk=customer.pk, reader=None).update(reader=reader)
    # Closing the account locks this row too: it finds this customer, or this finds it closed.
    current = User.objects.select_for_update(no_key=True).get(pk=reader.pk)
    if is_new and current.email != reader.email:
        Customer.objects.filter(pk=customer.pk).update(email=current.email if current.is_active else "")
    if not current.is_active:  # whoever looks at it lets go of it
        sync.request([customer.pk], now=now)
    return customer, current.is_active


def refuse_closed(reader: User) -> None:
    """Let nobody begin anything whose account was closed since their page was shown.

    :raises PermissionDenied: so it is.
    """
    if not User.objects.filter(pk=reader.pk, is_active=True).exists():
        raise _closed()


def _closed() -> PermissionDenied:
    return PermissionDenied(_("This account was closed meanwhile."))
