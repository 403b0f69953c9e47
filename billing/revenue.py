"""The figures of a finance desk, per day and currency, from what subscriptions were worth and what was paid.

Pure: standard library only. Days are UTC. What is told of a day is true at its end, at midnight; README.md ("Revenue")
has every figure in words.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate

from billing.worth import Stretch

_DAY = timedelta(days=1)
_ASKED_FOR = "cancellation_requested"


@dataclass(frozen=True, slots=True)
class Contract:
    """A subscription as the books see it: `began_at` is its first payment, None where it never came to one."""

    reader: int | str
    currency: str
    began_at: datetime | None
    stretches: tuple[Stretch, ...] = ()
    trial: tuple[datetime, datetime] | None = None
    ended_at: datetime | None = None
    ended_because: str = ""


@dataclass(frozen=True, slots=True)
class Payment:
    """An invoice that was paid; `was_late` says that it had to be recovered."""

    currency: str
    at: datetime
    amount: int
    was_late: bool = False


@dataclass(frozen=True, slots=True)
class Figures:
    """A day, or a month, in one currency. Money is in minor units; the first four are as at its end."""

    day: date  # of a month the first
    currency: str
    mrr: int = 0
    active: int = 0
    paused: int = 0
    trial: int = 0
    new: int = 0
    returned: int = 0
    churned_voluntary: int = 0
    churned_involuntary: int = 0
    recovered: int = 0
    recovered_amount: int = 0
    paid: int = 0


STOCKS = ("mrr", "active", "paused", "trial")
FLOWS = tuple(each.name for each in fields(Figures) if each.name not in {"day", "currency", *STOCKS})


def by_day(
    contracts: Iterable[Contract], payments: Iterable[Payment], *, first: date, last: date
) -> list[Figures]:
    """Return the figures of each day from `first` to `last`, the currencies in order within a day."""
    sheet = _Sheet(first=first, days=(last - first).days + 1)
    known = list(contracts)
    ends = _ends_by_reader(known)
    for contract in known:
        _enter(sheet, contract, earlier=ends[contract.reader])
    for payment in payments:
        sheet.count(payment.currency, "paid", payment.at, payment.amount)
        if payment.was_late:
            sheet.count(payment.currency, "recovered", payment.at)
            sheet.count(payment.currency, "recovered_amount", payment.at, payment.amount)
    return list(sheet.figures())


def by_month(days: Iterable[Figures]) -> list[Figures]:
    """Return the figures of months from those of all their days, which come in order."""
    months: dict[tuple[date, str], Figures] = {}
    for each in days:
        key = (each.day.replace(day=1), each.currency)
        before = months.get(key, Figures(*key))
        flows = {name: getattr(before, name) + getattr(each, name) for name in FLOWS}
        months[key] = replace(each, day=key[0], **flows)
    return list(months.values())


def end_of(day: date) -> datetime:
    """Return the midnight that ends a day."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + _DAY


@dataclass(slots=True)
class _Sheet:
    """Counts per currency, figure and day. A stock is kept as what it changes by, and added up in the end."""

    first: date
    days: int
    columns: dict[str, dict[str, list[int]]] = field(default_factory=dict)

    def count(self, currency: str, figure: str, at: datetime, amount: int = 1) -> None:
        """Add to the day on which something happened."""
        index = (at.date() - self.first).days
        if 0 <= index < self.days:
            self._column(currency, figure)[index] += amount

    def hold(
        self, currency: str, figure: str, since: datetime, until: datetime | None, amount: int = 1
    ) -> None:
        """Add to every day at whose end something was so: `since <= midnight < until`."""
        start = self._first_end(since)
        stop = self.days if until is None else self._first_end(until)
        if start < stop:
            column = self._column(currency, figure)
            column[start] += amount
            column[stop] -= amount

    def figures(self) -> Iterator[Figures]:
        """Return the whole."""
        added = {
            currency: {
                name: list(accumulate(column)) if name in STOCKS else column
                for name, column in columns.items()
            }
            for currency, columns in sorted(self.columns.items())
        }
        for index in range(self.days):
            day = self.first + index * _DAY
            for currency, columns in added.items():
                yield Figures(day, currency, **{name: column[index] for name, column in columns.items()})

    def _first_end(self, moment: datetime) -> int:
        """Return the first day that ends at a moment or later, as far as the sheet goes."""
        late = moment - end_of(self.first)
        return min(max(0, -(-late // _DAY)), self.days)

    def _column(self, currency: str, figure: str) -> list[int]:
        columns = self.columns.setdefault(currency, {})
        return columns.setdefault(figure, [0] * (self.days + 1))


def _ends_by_reader(contracts: list[Contract]) -> dict[int | str, list[datetime]]:
    """Return when each reader's paid subscriptions ended."""
    ends: dict[int | str, list[datetime]] = defaultdict(list)
    for contract in contracts:
        if contract.began_at is not None and contract.ended_at is not None:
            ends[contract.reader].append(contract.ended_at)
    return ends


def _enter(sheet: _Sheet, contract: Contract, *, earlier: list[datetime]) -> None:
    currency, began_at = contract.currency, contract.began_at
    if contract.trial is not None:
        _enter_trial(sheet, contract, trial=contract.trial)
    if began_at is None:
        return
    is_back = any(end <= began_at for end in earlier)
    sheet.count(currency, "returned" if is_back else "new", began_at)
    # What runs and is not billed is paused: everything there is, less the stretches.
    sheet.hold(currency, "paused", began_at, contract.ended_at)
    for stretch in contract.stretches:
        sheet.hold(currency, "mrr", stretch.starts_at, stretch.ends_at, stretch.monthly)
        sheet.hold(currency, "active", stretch.starts_at, stretch.ends_at)
        sheet.hold(currency, "paused", stretch.starts_at, stretch.ends_at, -1)
    if contract.ended_at is not None:
        is_asked_for = contract.ended_because == _ASKED_FOR
        figure = "churned_voluntary" if is_asked_for else "churned_involuntary"
        sheet.count(currency, figure, contract.ended_at)


def _enter_trial(sheet: _Sheet, contract: Contract, *, trial: tuple[datetime, datetime]) -> None:
    """A trial ends at its date, with the subscription, or with the first payment; a payer's gift of time is none."""
    start, end = trial
    ends = (end, contract.ended_at, contract.began_at)
    sheet.hold(contract.currency, "trial", start, min(moment for moment in ends if moment is not None))
