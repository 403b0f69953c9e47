"""News from accounts and from the wall: an address changed, a reader leaves, a reader is about to be refused."""

from __future__ import annotations

import logging
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction
from django.dispatch import receiver

from accounts.models import User
from accounts.signals import email_changed, reader_closed, reader_closing
from billing import addresses, comps, gateway, groups, leftovers, presents, sync
from billing.errors import BillingError
from billing.models import Customer
from paywall.signals import refusing

logger = logging.getLogger(__name__)


@receiver(email_changed)
def tell_stripe_the_address(sender: object, *, reader: User, now: datetime, **_more: Any) -> None:
    """Send receipts to the new address, once it is really stored."""
    transaction.on_commit(partial(_tell_addresses, reader.pk, now=now))


@receiver(reader_closing)
def end_billing(sender: object, *, reader: User, now: datetime, **_more: Any) -> None:
    """Let go of the reader at Stripe before anything is erased here.

    Whatever goes wrong is raised and stops the closing: nobody may be charged for an account they no longer have.

    :raises StripeTrouble: Stripe did not answer.
    """
    leftovers.let_go(reader, gateway=gateway.default(), now=now)
    groups.forget(reader, now=now)


@receiver(reader_closed)
def end_what_began_meanwhile(sender: object, *, reader: User, now: datetime, **_more: Any) -> None:
    """Let go once more: of what a click made at Stripe after the first time and before the account was closed."""
    groups.forget(reader, now=now)
    comps.forget(reader, now=now)
    presents.forget(reader)
    try:
        leftovers.let_go(reader, gateway=gateway.default(), now=now)
    except BillingError as trouble:
        # The account is closed all the same. The sweep finds what is left.
        logger.warning("Something of reader %s is still at Stripe: %s", reader.pk, trouble)


@receiver(refusing)
def doubt_a_refusal(sender: object, *, reader: User, now: datetime, **_more: Any) -> bool:
    """Have somebody look at Stripe before a reader with a history there is refused for long."""
    return sync.doubt(reader, now=now)


def _tell_addresses(reader_pk: int, *, now: datetime) -> None:
    for customer in Customer.objects.filter(reader=reader_pk, deleted_at=None).select_related("reader"):
        addresses.tell(customer, gateway=gateway.default(), now=now)
        sync.request([customer.pk], now=now)
