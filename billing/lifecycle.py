"""From a subscription's picture to the term of a right: paid until when, grace until when, suspended for what.

Pure: standard library only. The table is stripe.md section 6.3, every row of it is a test. All of it can be told from
one fetch, so a lost or late event never moves a date.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from billing.snapshots import InvoiceSnapshot, Status, SubscriptionSnapshot


class Suspension(StrEnum):
    """Why a right is not honoured once its term and grace are over; the paywall's words, not Stripe's."""

    PAYMENT_FAILED = "payment_failed"
    PAYMENT_ACTION_REQUIRED = "payment_action_required"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class Term:
    """What a subscription is worth: `starts_at <= t < paid_until` is paid, `paid_until <= t < grace_until` is grace.

    `paid_until` None has no end by itself. `after` says why reading stops; PAUSED stops it at once, until
    `resumes_at` where that is known. `unpaid` is the invoice in trouble, where one is.
    """

    starts_at: datetime
    paid_until: datetime | None
    grace_until: datetime | None = None
    after: Suspension | None = None
    resumes_at: datetime | None = None
    unpaid: InvoiceSnapshot | None = None


def term(
    theirs: SubscriptionSnapshot,
    *,
    invoices: Iterable[InvoiceSnapshot],
    past_due_grace: timedelta,
    renewal_slack: timedelta,
) -> Term | None:
    """Return the term that this subscription gives; None where it gave nothing and nothing is to be fixed."""
    own = tuple(invoice for invoice in invoices if invoice.subscription == theirs.id)
    if not theirs.items and theirs.status is not Status.CANCELED:
        return None
    match theirs.status:
        case Status.TRIALING | Status.ACTIVE:
            return _running(theirs, own, slack=renewal_slack)
        case Status.PAST_DUE:
            return _failing(theirs, own, grace=past_due_grace)
        case Status.UNPAID:
            return _failing(theirs, own, grace=timedelta())
        case Status.INCOMPLETE:
            return _never_paid(theirs, own)
        case Status.PAUSED:
            return Term(starts_at=theirs.starts_at, paid_until=None, after=Suspension.PAUSED)
        case Status.CANCELED:
            return _ended(theirs, own, grace=past_due_grace)
        case Status.INCOMPLETE_EXPIRED | Status.UNKNOWN:
            return None


def past_due_since(theirs: SubscriptionSnapshot, invoices: Iterable[InvoiceSnapshot]) -> datetime | None:
    """Return since when a payment is owed; None where none is.

    Stripe opens the next period before it is paid for, so this is when the oldest open invoice that was tried was
    finalised: a fact that every fetch tells anew.
    """
    if theirs.status not in {Status.PAST_DUE, Status.UNPAID}:
        return None
    owed = _oldest_owed(theirs, invoices)
    if owed is not None and owed.finalized_at is not None:
        return owed.finalized_at
    # The invoice was voided or is not due yet: what is owed then is the period that is running.
    return theirs.period_starts_at


def _oldest_owed(theirs: SubscriptionSnapshot, invoices: Iterable[InvoiceSnapshot]) -> InvoiceSnapshot | None:
    owed = (
        invoice
        for invoice in invoices
        if invoice.subscription == theirs.id and invoice.status == "open" and invoice.attempted
    )
    return min(
        owed, key=lambda invoice: (invoice.finalized_at or invoice.created_at, invoice.id), default=None
    )


def _running(theirs: SubscriptionSnapshot, own: tuple[InvoiceSnapshot, ...], *, slack: timedelta) -> Term:
    if theirs.status is Status.TRIALING:
        return _renewing(theirs, until=theirs.trial_ends_at or theirs.period_ends_at, slack=slack)
    if theirs.pause_behavior:
        return _uncollected(theirs, own, slack=slack)
    return _renewing(theirs, until=theirs.period_ends_at, slack=slack)


def _renewing(theirs: SubscriptionSnapshot, *, until: datetime | None, slack: timedelta) -> Term:
    """Paid up; the slack bridges the hour that Stripe waits before it charges, and our own delays."""
    end = theirs.scheduled_end
    if until is None or (end is not None and end <= until):
        return Term(starts_at=theirs.starts_at, paid_until=_not_before(theirs, end or until))
    grace_until = until + slack
    return Term(
        starts_at=theirs.starts_at,
        paid_until=_not_before(theirs, until),
        grace_until=grace_until if end is None else min(grace_until, end),
    )


def _uncollected(theirs: SubscriptionSnapshot, own: tuple[InvoiceSnapshot, ...], *, slack: timedelta) -> Term:
    """Collection is paused: the service is free, unless its invoices are voided, which ends it with what was paid."""
    if theirs.pause_behavior != "void":
        moments = (theirs.period_ends_at, theirs.pause_resumes_at)
        return _renewing(theirs, until=max(moment for moment in moments if moment), slack=slack)
    latest = next((invoice for invoice in own if invoice.id == theirs.latest_invoice), None)
    if latest is not None and latest.status in {"void", "draft"}:
        return Term(
            starts_at=theirs.starts_at,
            paid_until=_not_before(theirs, theirs.period_ends_at),
            after=Suspension.PAUSED,
            resumes_at=theirs.pause_resumes_at,
        )
    return Term(starts_at=theirs.starts_at, paid_until=_not_before(theirs, theirs.period_ends_at))


def _failing(theirs: SubscriptionSnapshot, own: tuple[InvoiceSnapshot, ...], *, grace: timedelta) -> Term:
    """A payment is owed: what was paid ended when the invoice fell due, and from there the grace counts."""
    since = _not_before(theirs, past_due_since(theirs, own))
    until = since + grace
    if theirs.scheduled_end is not None:
        until = max(since, min(until, theirs.scheduled_end))
    owed = _oldest_owed(theirs, own)
    return Term(
        starts_at=theirs.starts_at, paid_until=since, grace_until=until, after=_trouble(owed), unpaid=owed
    )


def _never_paid(theirs: SubscriptionSnapshot, own: tuple[InvoiceSnapshot, ...]) -> Term:
    """The first payment is still awaited: nothing opens, and the way in is that payment, not a second purchase."""
    owed = _oldest_owed(theirs, own) or next((invoice for invoice in own if invoice.status == "open"), None)
    return Term(starts_at=theirs.starts_at, paid_until=theirs.starts_at, after=_trouble(owed), unpaid=owed)


def _ended(theirs: SubscriptionSnapshot, own: tuple[InvoiceSnapshot, ...], *, grace: timedelta) -> Term:
    """Over. The time before the end was paid for, but for what is owed to this day: that had its grace and no more."""
    end = _not_before(theirs, theirs.ended_at or theirs.canceled_at or theirs.cancel_at)
    owed = _oldest_owed(theirs, own)
    since = _not_before(theirs, owed.finalized_at or owed.created_at) if owed is not None else end
    if since >= end:
        return Term(starts_at=theirs.starts_at, paid_until=end)
    return Term(starts_at=theirs.starts_at, paid_until=since, grace_until=min(since + grace, end))


def _trouble(owed: InvoiceSnapshot | None) -> Suspension:
    if owed is not None and owed.needs_action:
        return Suspension.PAYMENT_ACTION_REQUIRED
    return Suspension.PAYMENT_FAILED


def _not_before(theirs: SubscriptionSnapshot, moment: datetime | None) -> datetime:
    """A term never ends before it starts, whatever dates a backdated subscription carries."""
    return max(theirs.starts_at, moment or theirs.starts_at)
