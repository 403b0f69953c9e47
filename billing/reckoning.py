"""Compare what was paid once, and what went back, with Stripe's: every pass, gift, refund, dispute, warning of fraud.

A part of the comparison of everything. There are few of them, so all are walked, a page at a time; of those unknown
here only the recent ones are asked about, because the rest of an account may be somebody else's business.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice

from billing import alerts, passes, presents, sync
from billing.gateway import Gateway
from billing.models import Alert, Customer, DayPass, Dispute, Present, ReconcileRun, Refund
from billing.snapshots import CheckoutSnapshot, DisputeSnapshot, RefundSnapshot, WarningSnapshot

Theirs = CheckoutSnapshot | RefundSnapshot | DisputeSnapshot | WarningSnapshot

_OVERLAP = timedelta(days=30)
_PAGE = 100


class Stage(StrEnum):
    """What is walked over, in this order; subscriptions come before."""

    SALES = "sales"
    REFUNDS = "refunds"
    DISPUTES = "disputes"
    WARNINGS = "warnings"


@dataclass(frozen=True, slots=True)
class Finding:
    """What the comparison says of one of them; no `difference` means equal."""

    about: Theirs
    customer: str  # Stripe's id
    difference: str = ""

    def __str__(self) -> str:
        return f"{self.about.id}: {self.difference or 'equal'}"


def walk(stage: Stage, *, gateway: Gateway, after: str) -> Iterator[Theirs]:
    """Walk all that Stripe has of a kind, newest first."""
    match stage:
        case Stage.SALES:
            return gateway.sales(after=after)
        case Stage.REFUNDS:
            return gateway.refunds(after=after)
        case Stage.DISPUTES:
            return gateway.disputes(after=after)
        case Stage.WARNINGS:
            return gateway.fraud_warnings(after=after)


def recent() -> datetime | None:
    """Return since when something unknown here is asked about; None asks about everything."""
    last = ReconcileRun.objects.exclude(finished_at=None).first()
    return last.started_at - _OVERLAP if last else None


def look_through(*, gateway: Gateway) -> Iterator[Finding]:
    """Compare all of it and change nothing."""
    since = recent()
    for stage in Stage:
        everything = walk(stage, gateway=gateway, after="")
        while page := list(islice(everything, _PAGE)):
            yield from compare(page, since=since, gateway=gateway)


def compare(page: Sequence[Theirs], *, since: datetime | None, gateway: Gateway) -> list[Finding]:
    """Compare a page with ours. What belongs to no customer of ours is left out."""
    ours = _ours(page)
    findings = []
    for theirs in page:
        known = ours.get(theirs.id)
        if known is not None:
            findings.append(Finding(theirs, known[0], _difference(known[1], _said(theirs))))
        elif since is None or theirs.created_at >= since:
            customer = _whose(theirs, gateway=gateway)
            if _is_ours(theirs, customer):
                findings.append(Finding(theirs, customer, f"{_said(theirs)} at Stripe, unknown here"))
    return findings


def repair(finding: Finding, *, gateway: Gateway, now: datetime) -> bool:
    """Make ours equal; tell whether it is now."""
    theirs = finding.about
    customer = Customer.objects.filter(stripe_id=finding.customer).first()
    is_of_a_present = _is_of_a_present(theirs)
    if customer is None and not is_of_a_present:
        return False
    if isinstance(theirs, WarningSnapshot):
        alerts.take_warning(theirs, customer=customer, now=now)
    elif is_of_a_present:
        _look_at_present(theirs, gateway=gateway, now=now)
    elif customer is not None:
        sync.request([customer.pk], now=now)
        sync.customer(customer.pk, gateway=gateway, now=now)
    known = _ours([theirs]).get(theirs.id)
    return known is not None and known[1] == _said(theirs)


def _look_at_present(theirs: Theirs, *, gateway: Gateway, now: datetime) -> None:
    is_session = isinstance(theirs, CheckoutSnapshot)
    paid_by = theirs.id if isinstance(theirs, CheckoutSnapshot) else theirs.charge or ""
    presents.hear(object_id=paid_by, is_session=is_session, gateway=gateway, now=now)


def _ours(page: Sequence[Theirs]) -> dict[str, tuple[str, str]]:
    """Return of each that we know whose it is, and what we say of it."""
    ids = [theirs.id for theirs in page]
    found = _sold(page)
    for model in (Refund, Dispute):
        rows = model._default_manager.filter(stripe_id__in=ids)
        for name, customer, status, amount in rows.values_list(
            "stripe_id", "customer__stripe_id", "status", "amount"
        ):
            found[name] = (customer or "", f"{status} {amount}")
    for alert in Alert.objects.filter(kind=Alert.Kind.FRAUD_WARNING, about__in=ids).select_related(
        "customer"
    ):
        found[alert.about] = (
            alert.customer.stripe_id if alert.customer else "",
            "open" if alert.closed_at is None else "closed",
        )
    return found


def _sold(page: Sequence[Theirs]) -> dict[str, tuple[str, str]]:
    """Return the same of what was sold once. A gift is nobody's until it is redeemed."""
    sessions = {
        theirs.payment.id: theirs.id
        for theirs in page
        if isinstance(theirs, CheckoutSnapshot) and theirs.payment is not None
    }
    found = {
        row.session_id: ("", _paid(is_paid=row.paid_at is not None, is_refunded=row.is_refunded))
        for row in Present.objects.filter(session_id__in=sessions.values())
    }
    for row in DayPass.objects.filter(stripe_id__in=sessions).select_related("customer"):
        said = _paid(is_paid=row.starts_at is not None, is_refunded=row.is_refunded)
        found[sessions[row.stripe_id]] = (row.customer.stripe_id, said)
    return found


def _paid(*, is_paid: bool, is_refunded: bool) -> str:
    if is_refunded:
        return "given back"
    return "paid" if is_paid else "not paid yet"


def _said(theirs: Theirs) -> str:
    if isinstance(theirs, CheckoutSnapshot):
        payment = theirs.payment
        is_paid = payment is not None and payment.paid_at is not None
        return _paid(is_paid=is_paid, is_refunded=payment is not None and payment.refunded)
    if isinstance(theirs, WarningSnapshot):
        return "open" if theirs.is_actionable else "closed"
    return f"{theirs.status} {theirs.amount}"


def _difference(ours: str, theirs: str) -> str:
    # What staff have closed may still be open to be acted on at Stripe.
    return "" if ours == theirs or (ours, theirs) == ("closed", "open") else f"{ours}, not {theirs}"


def _whose(theirs: Theirs, *, gateway: Gateway) -> str:
    if isinstance(theirs, CheckoutSnapshot):
        return theirs.customer or ""
    return gateway.customer_of(object_type="charge", object_id=theirs.charge or "") or ""


def _is_of_a_present(theirs: Theirs) -> bool:
    """Whether it is about a gift subscription. Refunds of one are told by its Checkout."""
    if isinstance(theirs, CheckoutSnapshot):
        return theirs.purpose == presents.PURPOSE
    return not isinstance(theirs, RefundSnapshot) and presents.paid_by(theirs.charge).exists()


def _is_ours(theirs: Theirs, customer: str) -> bool:
    # A warning that nobody can act on any more never was an alert here, and needs to be none.
    if isinstance(theirs, WarningSnapshot) and not theirs.is_actionable:
        return False
    if _is_of_a_present(theirs):
        return True
    if isinstance(theirs, CheckoutSnapshot) and theirs.purpose != passes.PURPOSE:
        return False
    return Customer.objects.filter(stripe_id=customer).exclude(reader=None).exists()
