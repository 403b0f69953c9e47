"""What of an invoice went back, what is left to give back, and what its reader is told: once, when the money is gone.

`tell` is called in the transaction that made it true; the outbox keeps one mail per refund for ever.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Sum
from django.utils.translation import gettext as _

from accounts.models import Mail, User
from billing import card_faces, letters, links, money, outlook
from billing.models import Customer, Invoice, Refund

_KIND = "refunded"
# A refund may be pending for days before it is one.
_NEWS = timedelta(days=10)


def refunded(invoice: Invoice) -> int:
    """Return how much of an invoice is back, or on its way."""
    kept = invoice.refunds.exclude(status__in=Refund.UNDONE)
    return kept.aggregate(sum=Sum("amount"))["sum"] or 0


def left(invoice: Invoice) -> int:
    """Return how much of an invoice can still be given back: nothing where no payment of ours paid it."""
    if invoice.status != "paid" or not invoice.charge:
        return 0
    return max(0, invoice.amount_paid - refunded(invoice))


def is_contested(invoice: Invoice) -> bool:
    """Whether a bank has taken the money of an invoice back, for good or until it decides."""
    contested = invoice.disputes.exclude(status__startswith="warning")
    return contested.exclude(status__in=("won", "prevented")).exists()


def card_of(refund: Refund) -> str:
    """Return the card that money goes back to, as its holder knows it."""
    return card_faces.text(refund.brand, refund.last4)


def tell(customer: Customer, *, now: datetime) -> None:
    """Queue a mail for every refund that has succeeded and is still news, each once for ever.

    Never raises because of a mail: what is true must not wait for a template.
    """
    reader = customer.reader
    if reader is None or customer.deleted_at is not None or not reader.is_active:
        return
    fresh = customer.refunds.filter(status="succeeded", created_at__gte=now - _NEWS)
    for refund in fresh.select_related("invoice__subscription"):
        if not Mail.objects.filter(dedup_key=f"{_KIND}:{refund.stripe_id}").exists():
            _queue(reader, refund, now=now)


def _queue(reader: User, refund: Refund, *, now: datetime) -> None:
    letters.queue(
        reader.email,
        kind=_KIND,
        about=refund.stripe_id,
        language=reader.language,
        reader=reader,
        write=lambda: letters.of_templates(_KIND, _context(reader, refund, now=now)),
        now=now,
    )


def _context(reader: User, refund: Refund, *, now: datetime) -> dict[str, object]:
    subscription = refund.invoice.subscription if refund.invoice else None
    return {
        "reader": reader,
        "state": outlook.of_subscription(subscription, now=now) if subscription else None,
        "amount_text": money.text(refund.amount, currency=refund.currency),
        "card_text": card_of(refund) if refund.brand else _("your means of payment"),
        "number": refund.invoice.number if refund.invoice else "",
        "site_name": settings.SITE_NAME,
        "site_url": settings.SITE_URL,
        "account_url": links.account(),
    }
