"""Tell the figures of revenue, per day or month and currency."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import clock
from billing import books, money, revenue

_A_MONTH = timedelta(days=30)
_COLUMNS = (
    "day", "cur", "mrr", "active", "paused", "trial", "new", "back", "left", "lost", "recovered", "paid",
)  # fmt: skip


class Command(BaseCommand):
    """Print what `billing.books` says."""

    help = "Tell MRR, subscribers, churn and payments per day (UTC) and currency, from our mirror of Stripe."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take which days, and in which form."""
        parser.add_argument("--from", dest="first", type=_day, help="first day, 2026-11-25; a month ago")
        parser.add_argument("--to", dest="last", type=_day, help="last day; yesterday")
        parser.add_argument("--monthly", action="store_true", help="by month, as at its end")
        parser.add_argument("--csv", action="store_true", help="all figures as CSV")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the days, and how far they are proven."""
        last = options["last"] or clock.now().date() - timedelta(days=1)
        first = options["first"] or last - _A_MONTH
        if not books.can_tell(first, last):
            raise CommandError(f"--from has to be before --to, by {books.LONGEST.days} days at most.")
        told = books.report(first=first, last=last)
        rows = revenue.by_month(told.days) if options["monthly"] else told.days
        if options["csv"]:
            books.write_csv(self.stdout, rows)
        else:
            self.stdout.write("".join(f"{name:>11}" for name in _COLUMNS))
            for each in rows:
                self.stdout.write(_line(each))
        self.stderr.write(_standing(told))


def _day(text: str) -> date:
    return date.fromisoformat(text)


def _line(told: revenue.Figures) -> str:
    return "".join(
        f"{cell!s:>11}"
        for cell in (
            told.day, told.currency, money.major(told.mrr, currency=told.currency), told.active, told.paused,
            told.trial, told.new, told.returned, told.churned_voluntary, told.churned_involuntary,
            told.recovered, money.major(told.paid, currency=told.currency),
        )
    )  # fmt: skip


def _standing(told: books.Report) -> str:
    if told.differing:
        return f"Not proven: {told.differing} subscriptions differ from Stripe's (manage.py reconcile)."
    if told.proven_at is None:
        return "Not proven: nothing was compared with Stripe yet (manage.py reconcile)."
    return f"Proven equal to Stripe at {told.proven_at.isoformat(timespec='seconds')}; later days may still change."
