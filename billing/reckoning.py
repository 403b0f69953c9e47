"""Compare what went back with Stripe's: every refund, every dispute, every early warning of fraud.

A part of the comparison of everything. There are few of them, so all are walked, a page at a time; of those unknown
here only the recent ones are asked about, because the rest of an account may be somebody else's business.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice

from billing import alerts, sync
from billing.gateway import Gateway
from billing.models import Alert, Customer, Dispute, ReconcileRun, Refund
from billing.snapshots import DisputeSnapshot, RefundSnapshot, WarningSnapshot

Theirs = RefundSnapshot | DisputeSnapshot | WarningSnapshot

_OVERLAP = timedelta(days=30)
_PAGE = 100


class Stage(StrEnum):
    """What is walked over, in this order; subscriptions come before."""

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
            customer = gateway.customer_of(object_type="charge", object_id=theirs.charge or "")
            if customer and _is_ours(theirs, customer):
                findings.append(Finding(theirs, customer, f"{_said(theirs)} at Stripe, unknown here"))
    return findings


def repair(finding: Finding, *, gateway: Gateway, now: datetime) -> bool:
    """Make ours equal; tell whether it is now."""
    customer = Customer.objects.filter(stripe_id=finding.customer).first()
    if customer is None:
        return False
    if isinstance(finding.about, WarningSnapshot):
        alerts.take_warning(finding.about, customer=customer, now=now)
    else:
        sync.request([customer.pk], now=now)
        sync.customer(customer.pk, gateway=gateway, now=now)
    known = _ours([finding.about]).get(finding.about.id)
    return known is not None and known[1] == _said(finding.about)


def _ours(page: Sequence[Theirs]) -> dict[str, tuple[str, str]]:
    """Return of each that we know whose it is, and what we say of it."""
    ids = [theirs.id for theirs in page]
    found: dict[str, tuple[str, str]] = {}
    for model in (Refund, Dispute):
        rows = model._default_manager.filter(stripe_id__in=ids)
        for name, customer, status, amount in rows.values_list(
            "stripe_id", "customer__stripe_id", "status", "amount"
        ):
            found[name] = (customer, f"{status} {amount}")
    for alert in Alert.objects.filter(kind=Alert.Kind.FRAUD_WARNING, about__in=ids).select_related(
        "customer"
    ):
        found[alert.about] = (
            alert.customer.stripe_id if alert.customer else "",
            "open" if alert.closed_at is None else "closed",
        )
    return found


def _said(theirs: Theirs) -> str:
    if isinstance(theirs, WarningSnapshot):
        return "open" if theirs.is_actionable else "closed"
    return f"{theirs.status} {theirs.amount}"


def _difference(ours: str, theirs: str) -> str:
    # What staff have closed may still be open to be acted on at Stripe.
    return "" if ours == theirs or (ours, theirs) == ("closed", "open") else f"{ours}, not {theirs}"


def _is_ours(theirs: Theirs, customer: str) -> bool:
    # A warning that nobody can act on any more never was an alert here, and needs to be none.
    if isinstance(theirs, WarningSnapshot) and not theirs.is_actionable:
        return False
    return Customer.objects.filter(stripe_id=customer).exclude(reader=None).exists()
