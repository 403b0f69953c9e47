"""From a subscription's invoices to what it was worth a month, from when to when.

Pure: standard library only. Invoices are what Stripe never forgets, so the same stretches come out of every look,
however late it is and whatever news was lost before. The rules in words stand in README.md, "Revenue".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from itertools import pairwise

from billing.snapshots import InvoiceSnapshot, LineSnapshot, SubscriptionSnapshot

# What these bill happens only if it is paid: the beginning, and a change that is charged at once.
_PAID_FIRST = frozenset({"subscription_create", "subscription_update"})
_A_MONTH = {"day": Fraction(365, 12), "week": Fraction(52, 12), "month": Fraction(1), "year": Fraction(1, 12)}
_SECONDS_OF_A_MONTH = Fraction(365 * 24 * 3600, 12)


@dataclass(frozen=True, slots=True)
class Stretch:
    """What a subscription was worth a month while `starts_at <= t < ends_at`, less discounts and taxes."""

    starts_at: datetime
    ends_at: datetime
    monthly: int
    currency: str


@dataclass(frozen=True, slots=True)
class _Billed:
    """A line that counts, from when to when; `order` is the order of what began at the same moment."""

    line: LineSnapshot
    since: datetime
    until: datetime
    order: tuple[datetime, str]
    monthly: int


def stretches(theirs: SubscriptionSnapshot, *, invoices: Iterable[InvoiceSnapshot]) -> tuple[Stretch, ...]:
    """Return what a subscription was and is worth, in order; nothing lies in what nobody billed or paid for."""
    own = [invoice for invoice in invoices if invoice.subscription == theirs.id]
    first = _first_payment(theirs, own)
    if first is None:
        return ()
    billed = sorted(_billed(theirs, own, first=first), key=lambda one: (one.line.starts_at, one.order))
    moments = sorted({moment for one in billed for moment in (one.since, one.until)})
    found: list[Stretch] = []
    for start, end in pairwise(moments):
        monthly = _at(start, billed)
        if monthly is None:
            continue
        is_same = found and found[-1].ends_at == start and found[-1].monthly == monthly
        since = found.pop().starts_at if is_same else start
        found.append(Stretch(since, end, monthly, theirs.currency))
    return tuple(found)


def monthly(amount: int | Fraction, *, interval: str, interval_count: int) -> int:
    """Return what so much per interval is a month, to the minor unit, halves away from zero."""
    return _rounded(amount * _A_MONTH[interval] / interval_count)


def _first_payment(theirs: SubscriptionSnapshot, own: list[InvoiceSnapshot]) -> datetime | None:
    """Return when a period that is no trial was first paid for: before, nobody is a subscriber.

    A change alone is no such payment: it may give credit for what nobody ever paid.
    """
    return min(
        (
            invoice.paid_at
            for invoice in own
            if invoice.paid_at is not None
            and any(_is_counted(line, theirs) for line in invoice.lines if not line.is_proration)
        ),
        default=None,
    )


def _is_counted(line: LineSnapshot, theirs: SubscriptionSnapshot) -> bool:
    """Tell whether a line bills a time at all: known intervals, an actual period, no trial."""
    if line.rate.interval not in _A_MONTH or line.ends_at <= line.starts_at:
        return False
    trial = (theirs.trial_starts_at, theirs.trial_ends_at)
    return trial[0] is None or trial[1] is None or not trial[0] <= line.starts_at < trial[1]


def _billed(
    theirs: SubscriptionSnapshot, own: list[InvoiceSnapshot], *, first: datetime
) -> Iterator[_Billed]:
    for invoice in own:
        since = _counts_since(invoice, first=first)
        if since is None:
            continue
        given_up = invoice.given_up_at if invoice.status != "paid" else None
        for line in invoice.lines:
            start = max(line.starts_at, since)
            end = min(end for end in (line.ends_at, given_up, theirs.ended_at) if end is not None)
            if _is_counted(line, theirs) and start < end:
                yield _Billed(line, start, end, (invoice.created_at, invoice.number), _monthly(line))


def _counts_since(invoice: InvoiceSnapshot, *, first: datetime) -> datetime | None:
    """Return from when on an invoice counts; None where it does not."""
    if invoice.billing_reason in _PAID_FIRST:
        return max(first, invoice.paid_at) if invoice.paid_at is not None else None
    if invoice.status == "draft" and not invoice.advances:
        return None
    return first


def _at(moment: datetime, billed: list[_Billed]) -> int | None:
    """Add up what is in force at a moment: of each item the latest period, with the changes made in it since."""
    latest = {one.line.item: one for one in billed if not one.line.is_proration and one.since <= moment}
    periods = [one for one in latest.values() if moment < one.until]
    if not periods:
        return None
    changes = (one for one in billed if one.line.is_proration and one.since <= moment < one.until)
    return sum(one.monthly for one in periods) + sum(
        one.monthly for one in changes if any(_is_inside(one.line, period.line) for period in periods)
    )


def _is_inside(change: LineSnapshot, period: LineSnapshot) -> bool:
    """Tell whether a change was made in this period: the rest of a period ends where the period does."""
    return period.starts_at <= change.starts_at and change.ends_at == period.ends_at


def _monthly(line: LineSnapshot) -> int:
    """Return what a line is worth a month: a period by what was billed, a change by the price that it is about."""
    if not line.is_proration:
        return _per_month(Fraction(line.amount - line.discount - line.tax), line)
    if line.rate.unit_amount is None or line.amount == 0:
        seconds = Fraction(int((line.ends_at - line.starts_at).total_seconds()))
        return _rounded((line.amount - line.tax) * _SECONDS_OF_A_MONTH / seconds)
    # The amount is that of the time which is left, to a cent: of a day it is no measure of a month.
    whole = line.rate.unit_amount * line.quantity * (1 if line.amount > 0 else -1)
    return _per_month(whole * Fraction(line.amount - line.tax, line.amount), line)


def _per_month(amount: Fraction, line: LineSnapshot) -> int:
    return monthly(amount, interval=line.rate.interval, interval_count=line.rate.interval_count)


def _rounded(amount: Fraction) -> int:
    whole = int(abs(amount) + Fraction(1, 2))
    return whole if amount >= 0 else -whole
