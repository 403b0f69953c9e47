"""Payments that are contested at the bank: their rows, and how a bank stands to what was paid once.

A row is a customer's, or of a gift subscription, which is bought by nobody known. Stripe forgets no dispute.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.utils.translation import gettext as _

from billing.models import Customer, Dispute, Present
from billing.snapshots import DisputeSnapshot, PaymentSnapshot

_TOLD = ("charge", "amount", "currency", "status", "reason", "due_by", "created_at")


def write(found: Iterable[DisputeSnapshot], *, customer: Customer, invoices: Mapping[str, int]) -> None:
    """State the disputes of a customer; `invoices` are ours (primary keys) by the charge that paid them."""
    rows = [_row(theirs, customer=customer, invoice_id=invoices.get(theirs.charge)) for theirs in found]
    _restate(rows, "customer", "invoice")


def write_of_gift(found: Iterable[DisputeSnapshot], *, present: Present) -> None:
    """State the disputes of the payment of a gift."""
    _restate([_row(theirs, present=present) for theirs in found], "present")


def standing(payment: PaymentSnapshot) -> Present.Contested | None:
    """Tell whether a bank has the money of a payment, until it decides or for good; None where it has not."""
    if any(dispute.is_lost for dispute in payment.disputes):
        return Present.Contested.LOST
    if any(dispute.takes_the_money for dispute in payment.disputes):
        return Present.Contested.OPEN
    return None


def refusal() -> str:
    """Say to staff why money that a bank has is not given back as well."""
    return _(
        "The bank took this money back, as its payment is disputed. Accept the dispute at Stripe instead."
    )


def _row(theirs: DisputeSnapshot, **whose: object) -> Dispute:
    told = {name: getattr(theirs, name) for name in _TOLD}
    return Dispute(stripe_id=theirs.id, **told, **whose)


def _restate(rows: list[Dispute], *whose: str) -> None:
    # Of a row that is there the other owner, if there is one, stays.
    Dispute.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["stripe_id"], update_fields=[*_TOLD, *whose]
    )
