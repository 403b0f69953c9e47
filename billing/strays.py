"""Paying customers at Stripe whose reader is not known here any more: what a restored backup cannot remember.

Stripe knows of such a reader the public id and the address. Both are enough to make the reader again, who then signs
in by code as before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from django.db import transaction

from accounts.models import User
from billing import sync
from billing.errors import StripeGone
from billing.gateway import Gateway
from billing.models import Customer
from billing.snapshots import CustomerSnapshot

_PUBLIC_ID = re.compile(r"rdr_[0-9a-f]{24}")
_PAGE = 100


@dataclass(frozen=True, slots=True)
class Stray:
    """A customer whose reader is missing here."""

    customer: str  # Stripe's id
    reader: str  # the public id that its metadata name
    email: str
    livemode: bool

    def __str__(self) -> str:
        return f"{self.customer}: {self.email} ({self.reader})"


def find(*, gateway: Gateway) -> Iterator[Stray]:
    """Walk the customers with a subscription that Stripe may still charge for, and whose reader is not known here.

    :raises StripeTrouble: Stripe did not answer.
    """
    charged = dict.fromkeys(theirs.customer for theirs in gateway.subscriptions() if theirs.status.is_open)
    names = iter(charged)
    while page := list(islice(names, _PAGE)):
        ours = Customer.objects.filter(stripe_id__in=page).exclude(reader=None)
        known = set(ours.values_list("stripe_id", flat=True))
        for unknown in (name for name in page if name not in known):
            try:
                stray = _stray(gateway.customer(unknown))
            except StripeGone:
                continue
            if stray is not None:
                yield stray


def take_in(stray: Stray, *, now: datetime) -> str:
    """Give a customer its reader back, made again where nobody here has the address; ask for a look.

    Returns why not, or nothing. Somebody who signed up again meanwhile, and has proven the address, is that reader.
    """
    with transaction.atomic():
        reader = User.objects.filter(email=stray.email).first()
        if reader is None:
            reader = User.objects.create_user(stray.email, public_id=stray.reader)
        elif not reader.email_is_proven:
            return "signed up again, but has not proven the address yet"
        elif reader.customers.filter(deleted_at=None, livemode=stray.livemode).exists():
            return "has become another customer meanwhile: end and refund one of the two in Stripe"
        ours, _is_new = Customer.objects.update_or_create(
            stripe_id=stray.customer,
            defaults={"reader": reader},
            create_defaults={
                "reader": reader,
                "livemode": stray.livemode,
                "email": stray.email,
                "created_at": now,
            },
        )
        sync.request([ours.pk], now=now)
    return ""


def _stray(theirs: CustomerSnapshot) -> Stray | None:
    if theirs.deleted or not theirs.email or not _PUBLIC_ID.fullmatch(theirs.reader or ""):
        return None
    if User.objects.filter(public_id=theirs.reader).exists():
        return None  # an ordinary look takes this one over
    return Stray(
        customer=theirs.id, reader=theirs.reader or "", email=theirs.email.lower(), livemode=theirs.livemode
    )
