"""Months as calendars count them: Stripe bills by them, and gifts last so many."""

from __future__ import annotations

import calendar
from datetime import datetime


def later(moment: datetime, months: int) -> datetime:
    """Return the same day and hour so many months later; the last day where that month is shorter."""
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return moment.replace(year=year, month=month + 1, day=min(moment.day, last))
