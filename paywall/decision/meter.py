"""Free reads: how many there are, in which window, and how many of them somebody has used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class CalendarMonth:
    """A window that begins anew on the first of each month, at midnight of the publisher's zone."""

    zone: str = "UTC"

    def counts_since(self, *, at: datetime) -> datetime:
        """Return the moment from which reads count at `at`."""
        return _midnight(at.astimezone(ZoneInfo(self.zone)), months=0)

    def counts_until(self, spent_at: datetime) -> datetime:
        """Return the moment from which a read no longer counts."""
        return _midnight(spent_at.astimezone(ZoneInfo(self.zone)), months=1)


@dataclass(frozen=True, slots=True)
class Rolling:
    """A window that each read leaves so many days after it was spent."""

    days: int

    def counts_since(self, *, at: datetime) -> datetime:
        """Return the moment after which reads count at `at`."""
        return at - timedelta(days=self.days)

    def counts_until(self, spent_at: datetime) -> datetime:
        """Return the moment from which a read no longer counts."""
        return spent_at + timedelta(days=self.days)


Window = CalendarMonth | Rolling


@dataclass(frozen=True, slots=True)
class MeterTerms:
    """How many articles may be read for nothing in a window, by a stranger and by a registered reader."""

    stranger_limit: int
    reader_limit: int
    window: Window

    def limit(self, *, is_known: bool) -> int:
        """Return the allowance of a reader or of a stranger's device."""
        return self.reader_limit if is_known else self.stranger_limit

    @property
    def rewards_registering(self) -> bool:
        """Whether a stranger who registers may read more than before."""
        return self.reader_limit > self.stranger_limit


@dataclass(frozen=True, slots=True)
class MeterReading:
    """A meter as read for one article.

    `frees_at` says when each counted read stops to count, earliest first; `counted_until` until when the article
    asked about is one of them, None where it is not.
    """

    limit: int
    frees_at: tuple[datetime, ...] = ()
    counted_until: datetime | None = None

    def used(self, *, at: datetime) -> int:
        """Return how many reads count at `at`."""
        return sum(moment > at for moment in self.frees_at)

    def remaining(self, *, at: datetime) -> int:
        """Return how many are left at `at`; never less than none, also where a limit was lowered."""
        return max(0, self.limit - self.used(at=at))

    def has_counted(self, *, at: datetime) -> bool:
        """Whether the article asked about is paid for already."""
        return self.counted_until is not None and at < self.counted_until

    def opens(self, *, at: datetime) -> bool:
        """Whether the article can be read for nothing, again or with a read that is left."""
        return self.has_counted(at=at) or self.remaining(at=at) > 0

    def resets_at(self, *, at: datetime) -> datetime | None:
        """Return when the next read comes back, None where none is used."""
        return next((moment for moment in self.frees_at if moment > at), None)

    @property
    def boundaries(self) -> tuple[datetime, ...]:
        """The moments at which the reading changes by itself."""
        return self.frees_at if self.counted_until is None else (*self.frees_at, self.counted_until)


def reading(
    spent: Mapping[str, datetime], *, article: str, limit: int, window: Window, at: datetime
) -> MeterReading:
    """Return what a wallet's reads (`spent`: article to moment) mean for one article at `at`."""
    until = {name: window.counts_until(moment) for name, moment in spent.items()}
    counted = {name: moment for name, moment in until.items() if moment > at}
    return MeterReading(
        limit=limit, frees_at=tuple(sorted(counted.values())), counted_until=counted.get(article)
    )


def _midnight(local: datetime, *, months: int) -> datetime:
    """Return the midnight that begins the month of `local`, or one so many months later, in UTC."""
    year, month = divmod(local.year * 12 + local.month - 1 + months, 12)
    return datetime(year, month + 1, 1, tzinfo=local.tzinfo).astimezone(UTC)
