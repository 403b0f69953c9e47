"""The link in a mail about a failed payment: of which invoice it is, whose, and for how long it opens anything.

It takes nobody into an account. Whoever holds it may store a card for that one customer and pay what is open there.
It is signed and not stored: a mail is written while a customer is locked, and there is nothing to steal from a table.
The signature covers whom the mail went to, so that a new address, another customer and a closed account end it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.core import signing

from accounts.models import User
from billing import links
from billing.errors import LinkRefused
from billing.models import Customer, Invoice

_LONGEST = 300


@dataclass(frozen=True, slots=True)
class FixLink:
    """A link that holds: the invoice it may pay, and whose it is."""

    invoice: Invoice
    customer: Customer
    reader: User

    @property
    def is_settled(self) -> bool:
        """Whether there is nothing left to do: the invoice is paid, or given up."""
        return self.invoice.status != "open"


def address(invoice: Invoice, *, reader: User, now: datetime) -> str:
    """Return the address to put into a mail to `reader` about this invoice."""
    ends = int((now + settings.FIX_LINK_LIFE).timestamp())
    token = _signer(invoice.customer, reader).sign(f"{invoice.stripe_id}.{ends}")
    return links.fix(token=token)


def read(token: str, *, now: datetime) -> FixLink:
    """Return what a link of ours is about.

    :raises LinkRefused: it is none of ours, has run out, or whom it was sent to is not that customer any more.
    """
    name, _, ends = token[:_LONGEST].rpartition(":")[0].partition(".")
    rows = Invoice.objects.select_related("customer__reader", "subscription")
    invoice = rows.filter(stripe_id=name, customer__deleted_at=None, customer__reader__is_active=True).first()
    if invoice is None or invoice.customer.reader is None:
        raise LinkRefused
    reader = invoice.customer.reader
    try:
        _signer(invoice.customer, reader).unsign(token)
    except signing.BadSignature:
        raise LinkRefused from None
    if now.timestamp() >= int(ends):
        raise LinkRefused
    return FixLink(invoice=invoice, customer=invoice.customer, reader=reader)


def _signer(customer: Customer, reader: User) -> signing.Signer:
    return signing.Signer(salt=f"billing.fix {customer.stripe_id} {reader.public_id} {reader.email}")
