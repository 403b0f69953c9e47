"""When the money for a period goes back, does reading end with it? One rule, told from one fetch. Pure.

A wish stated with a refund decides. Where none was (a refund made in Stripe's dashboard, a dispute that was lost) the
publisher's one policy does, and only when nothing of the period's money is left.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from billing.lifecycle import Term
from billing.snapshots import (
    Access,
    ChargeSnapshot,
    CustomerPicture,
    InvoiceSnapshot,
    PaymentSnapshot,
    RefundSnapshot,
    SubscriptionSnapshot,
)

# An invoice is made with the period that it pays for, give or take what Stripe needs to make it.
_ABOUT = timedelta(hours=1)


class Cause(StrEnum):
    """Why reading ended before the period did."""

    REFUNDED = "refunded"
    DISPUTED = "disputed"


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Reading ended at that moment, because the money for it went back."""

    at: datetime
    cause: Cause


def of(theirs: SubscriptionSnapshot, *, picture: CustomerPicture, policy: Access) -> Withdrawal | None:
    """Return since when a subscription gives nothing because its money went back; None where it goes on giving.

    A dispute still open changes nothing: it is a claim, and the bank decides. Money for earlier periods neither.
    """
    paid = [invoice for invoice in picture.invoices if _pays_for_this_period(invoice, theirs)]
    gone = [_gone(invoice, picture=picture, policy=policy) for invoice in paid]
    wished = [found for found in gone if found is not None and found.is_wished]
    if wished:
        return max((found.withdrawal for found in wished), key=lambda found: found.at)
    ended = [found.withdrawal for found in gone if found is not None]
    if not ended or len(ended) < len(paid):
        return None
    return max(ended, key=lambda found: found.at)


def of_payment(payment: PaymentSnapshot, *, policy: Access) -> Cause | None:
    """Return why what was paid once gives nothing any more; None where it goes on giving.

    Nobody gives all of a payment back but by wish, so the policy is for what a bank took back.
    """
    if payment.refunded:
        return Cause.REFUNDED
    if policy is Access.WITHDRAW and any(dispute.is_lost for dispute in payment.disputes):
        return Cause.DISPUTED
    return None


def cut(term: Term | None, withdrawal: Withdrawal | None) -> Term | None:
    """Return what is left of a term: nothing is honoured from the moment at which the money went back."""
    if term is None or withdrawal is None:
        return term
    end = max(term.starts_at, min(term.paid_until or withdrawal.at, withdrawal.at))
    return replace(term, paid_until=end, grace_until=None, after=None, resumes_at=None, unpaid=None)


@dataclass(frozen=True, slots=True)
class _Gone:
    """An invoice whose money went back, and with it what it paid for; `is_wished` where somebody said so."""

    withdrawal: Withdrawal
    is_wished: bool = False


def _pays_for_this_period(invoice: InvoiceSnapshot, theirs: SubscriptionSnapshot) -> bool:
    begins = theirs.period_starts_at or theirs.starts_at
    return (
        invoice.subscription == theirs.id
        and invoice.status == "paid"
        and invoice.amount_paid > 0
        and invoice.created_at >= begins - _ABOUT
    )


def _gone(invoice: InvoiceSnapshot, *, picture: CustomerPicture, policy: Access) -> _Gone | None:
    charges = [charge for charge in picture.charges if invoice.was_paid_by(charge)]
    refunds = _given_back(charges)
    for refund in refunds:
        if refund.access is Access.WITHDRAW:
            return _Gone(Withdrawal(refund.created_at, Cause.REFUNDED), is_wished=True)
    if refunds and sum(refund.amount for refund in refunds) >= invoice.amount_paid:
        if (refunds[-1].access or policy) is Access.KEEP:
            return None
        return _Gone(Withdrawal(refunds[-1].created_at, Cause.REFUNDED))
    ids = {charge.id for charge in charges}
    lost = [dispute for dispute in picture.disputes if dispute.is_lost and dispute.charge in ids]
    if lost and policy is Access.WITHDRAW:
        # When the bank decided is not told; from the moment of the claim the money was not the publisher's.
        return _Gone(Withdrawal(min(dispute.created_at for dispute in lost), Cause.DISPUTED))
    return None


def _given_back(charges: Iterable[ChargeSnapshot]) -> list[RefundSnapshot]:
    found = [refund for charge in charges for refund in charge.refunds if refund.counts]
    return sorted(found, key=lambda refund: (refund.created_at, refund.id))
