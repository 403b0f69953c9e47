"""The books: figures of revenue out of our mirror, and up to when the mirror is proven equal to Stripe. Only reads."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from typing import Protocol

from django.db.models import F, Min, Q

from billing import backlog, money, revenue
from billing.models import BilledTime, Invoice, Subscription
from billing.revenue import Contract, Figures, Payment
from billing.worth import Stretch

# The bank answers at once. What is paid later than this was refused before, or came in without a card.
_PROMPT = timedelta(hours=1)
# More days than that are no table.
LONGEST = timedelta(days=1100)
_YEARS = range(2000, 3000)
_OF_MONEY = frozenset({"mrr", "recovered_amount", "paid"})


class Sink(Protocol):
    """What text can be written to: a file, a command's output, an answer."""

    def write(self, text: str, /) -> object:
        """Write it."""
        ...


@dataclass(frozen=True, slots=True)
class Report:
    """Figures per day, and the moment up to which they were proven; later ones may still change."""

    first: date
    last: date
    days: tuple[Figures, ...]
    proven_at: datetime | None
    differing: int

    @property
    def currencies(self) -> tuple[str, ...]:
        """The currencies that occur, in order."""
        return tuple(sorted({each.currency for each in self.days}))

    def is_proven(self, day: date) -> bool:
        """Tell whether our mirror was proven equal to Stripe when this day was over."""
        return self.proven_at is not None and revenue.end_of(day) <= self.proven_at


def can_tell(first: date, last: date) -> bool:
    """Tell whether these are days of which there can be a report: in order, of our times, not too many."""
    return first.year in _YEARS and last.year in _YEARS and first <= last <= first + LONGEST


def report(*, first: date, last: date) -> Report:
    """Reckon the days from `first` to `last`."""
    said = backlog.equality()
    return Report(
        first=first,
        last=last,
        days=tuple(
            revenue.by_day(
                _contracts(first=first, last=last), _payments(first=first, last=last), first=first, last=last
            )
        ),
        proven_at=said.at if not said.differing else None,
        differing=said.differing,
    )


def write_csv(sink: Sink, told: Iterable[Figures]) -> None:
    """Write figures as CSV, money as exact amounts of its currency."""
    names = [each.name for each in fields(Figures)]
    writer = csv.writer(sink)
    writer.writerow(names)
    for each in told:
        writer.writerow(_cell(each, name) for name in names)


def _cell(told: Figures, name: str) -> object:
    value = getattr(told, name)
    return money.major(value, currency=told.currency) if name in _OF_MONEY else value


def _contracts(*, first: date, last: date) -> Iterator[Contract]:
    """Return all subscriptions, those of the past as well: they say who has returned."""
    stretches = _stretches(first=first, last=last)
    rows = Subscription.objects.annotate(began_at=Min("billed_times__starts_at")).filter(
        Q(began_at__isnull=False) | Q(trial_starts_at__isnull=False)
    )
    for key, reader, customer, currency, began_at, starts, ends, ended_at, reason in rows.values_list(
        "pk", "customer__reader", "customer", "currency", "began_at",
        "trial_starts_at", "trial_ends_at", "ended_at", "cancel_reason",
    ):  # fmt: skip
        yield Contract(
            reader=reader or f"customer {customer}",
            currency=currency,
            began_at=began_at,
            stretches=tuple(stretches.get(key, ())),
            trial=(starts, ends) if starts and ends else None,
            ended_at=ended_at,
            ended_because=reason,
        )


def _stretches(*, first: date, last: date) -> dict[int, list[Stretch]]:
    """Return the stretches that reach the end of one of these days."""
    found: dict[int, list[Stretch]] = defaultdict(list)
    rows = BilledTime.objects.filter(
        ends_at__gt=revenue.end_of(first), starts_at__lte=revenue.end_of(last)
    ).order_by()
    said = rows.values_list("subscription", "starts_at", "ends_at", "monthly", "currency")
    for key, starts_at, ends_at, monthly, currency in said:
        found[key].append(Stretch(starts_at, ends_at, monthly, currency))
    return found


def _payments(*, first: date, last: date) -> Iterator[Payment]:
    """Return the invoices that were paid on these days, with what they came to."""
    paid = Invoice.objects.filter(
        status="paid",
        paid_at__gte=revenue.end_of(first) - timedelta(days=1),
        paid_at__lt=revenue.end_of(last),
        amount_paid__gt=0,
    )
    late = Q(billing_reason="subscription_cycle") & (
        Q(attempt_count__gt=1) | Q(paid_at__gt=F("finalized_at") + _PROMPT)
    )
    recovered = set(paid.filter(late).values_list("pk", flat=True))
    for key, currency, paid_at, amount in paid.order_by().values_list(
        "pk", "currency", "paid_at", "amount_paid"
    ):
        if paid_at is not None:  # as all of them are
            yield Payment(currency, paid_at, amount, was_late=key in recovered)
