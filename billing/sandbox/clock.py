"""What time it is at the sandbox's Stripe, and how months are counted there.

Simulated time is wall time plus an offset. While due work runs, the clock stands at the moment the work was due,
so that objects and events carry the time they would have had.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class Clock:
    """The sandbox's time. If `file` is given, it always holds the present offset in seconds."""

    def __init__(self, *, wall: Callable[[], float], file: Path | None = None) -> None:
        self.wall = wall
        self.offset = 0.0
        self._file = file
        self._standing_at: int | None = None
        self._publish()

    def now(self) -> int:
        """Return simulated time in epoch seconds."""
        if self._standing_at is not None:
            return self._standing_at
        return int(self.wall() + self.offset)

    def set_offset(self, offset: float) -> None:
        """Move to another distance from wall time, and tell those who follow by file."""
        self.offset = offset
        self._publish()

    @contextmanager
    def standing_at(self, moment: int) -> Iterator[None]:
        """Let `now` answer `moment` for the length of the block."""
        before, self._standing_at = self._standing_at, moment
        try:
            yield
        finally:
            self._standing_at = before

    def _publish(self) -> None:
        if self._file is None:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._file.with_name(self._file.name + ".new")
        fresh.write_text(f"{self.offset:.3f}\n")
        fresh.replace(self._file)


def add_interval(anchor: int, *, interval: str, count: int) -> int:
    """Return the moment `count` intervals after `anchor`; a month that is too short ends on its last day."""
    start = datetime.fromtimestamp(anchor, UTC)
    if interval in {"day", "week"}:
        days = count if interval == "day" else 7 * count
        return int((start + timedelta(days=days)).timestamp())
    months = start.year * 12 + (start.month - 1) + (count if interval == "month" else 12 * count)
    year, month = divmod(months, 12)
    day = min(start.day, calendar.monthrange(year, month + 1)[1])
    return int(start.replace(year=year, month=month + 1, day=day).timestamp())


def period_end(anchor: int, *, after: int, interval: str, count: int) -> int:
    """Return the first end of a billing period later than `after`, counted in whole intervals from `anchor`.

    Counting from the anchor, not from the last end, is what brings 31 January back to 31 March after February.
    """
    steps = 1
    while (end := add_interval(anchor, interval=interval, count=steps * count)) <= after:
        steps += 1
    return end
