"""News from accounts: a reader's address changed, a reader leaves."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction
from django.dispatch import receiver

from accounts.models import User
from accounts.signals import email_changed, reader_closing
from billing import addresses, calls, gateway, leftovers, sync, waiting
from billing.gateway import Gateway
from billing.models import Customer, PaymentMethod, StripeEvent


@receiver(email_changed)
def tell_stripe_the_address(sender: object, *, reader: User, now: datetime, **_more: Any) -> None:
    """Send receipts to the new address, once it is really stored."""
    transaction.on_commit(partial(_tell_addresses, reader.pk, now=now))


@receiver(reader_closing)
def end_billing(sender: object, *, reader: User, now: datetime, **_more: Any) -> None:
    """Delete the reader at Stripe, which ends every subscription at once, before anything is erased here.

    What lies open at Checkout is closed first: it could be paid although nobody is there any more.

    Whatever goes wrong is raised and stops the closing: nobody may be charged for an account they no longer have.

    :raises StripeTrouble: Stripe did not answer.
    """
    stripe = gateway.default()
    leftovers.abandon(reader, gateway=stripe, now=now)
    for customer in Customer.objects.filter(reader=reader, deleted_at=None):
        _delete(customer, stripe=stripe, now=now)
    _forget_who_it_was(reader)


def _delete(customer: Customer, *, stripe: Gateway, now: datetime) -> None:
    calls.recorded(
        purpose="delete_customer",
        subject=customer.stripe_id,
        call=lambda key: stripe.delete_customer(customer=customer.stripe_id, key=key),
        now=now,
    )
    waiting.for_sync(customer.pk, gateway=stripe, now=now)


def _forget_who_it_was(reader: User) -> None:
    """Keep the invoices, which tax law asks for, and nothing that says whose they were."""
    customers = Customer.objects.filter(reader=reader)
    PaymentMethod.objects.filter(customer__in=customers).delete()
    StripeEvent.objects.filter(customer_id__in=customers.values("stripe_id")).update(payload=None)
    customers.update(email="")


def _tell_addresses(reader_pk: int, *, now: datetime) -> None:
    for customer in Customer.objects.filter(reader=reader_pk, deleted_at=None).select_related("reader"):
        addresses.tell(customer, gateway=gateway.default(), now=now)
        sync.request([customer.pk], now=now)
