"""A reader's e-mail address at Stripe, where receipts go: told when it changes, and again until it has arrived."""

from __future__ import annotations

import hashlib
import logging
from datetime import datetime

from billing import calls
from billing.errors import BillingError
from billing.gateway import Gateway
from billing.models import Customer

logger = logging.getLogger(__name__)


def differs(customer: Customer) -> bool:
    """Tell whether Stripe, as last seen, has another address than a reader who is still with us."""
    reader = customer.reader
    return (
        reader is not None
        and reader.is_active
        and customer.deleted_at is None
        and customer.email != reader.email
    )


def tell(customer: Customer, *, gateway: Gateway, now: datetime) -> bool:
    """Tell Stripe the reader's address; False where that failed, which is never raised.

    The address is changed here already, where sign-in and our own mails need it. The next look at this customer finds
    the difference and tells it again.
    """
    if customer.reader is None:
        return False
    email = customer.reader.email
    try:
        calls.recorded(
            # Named after the address, so that a later one overtakes an earlier one whose outcome is unknown.
            purpose=f"email {hashlib.sha256(email.encode()).hexdigest()[:16]}",
            subject=customer.stripe_id,
            call=lambda key: gateway.update_email(customer=customer.stripe_id, email=email, key=key),
            now=now,
        )
    except BillingError as trouble:
        logger.warning("Customer %s has an old address at Stripe: %s", customer.stripe_id, trouble)
        return False
    return True
