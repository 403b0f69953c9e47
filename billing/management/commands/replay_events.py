"""Fetch events that never arrived."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from accounts import clock
from billing import gateway, reconciliation
from billing.errors import StripeTrouble


class Command(BaseCommand):
    """Keep what Stripe sent and we do not have."""

    help = "Fetch Stripe's events since the last replay, or from further back (Stripe keeps 30 days)."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take how far to go back, and whether to change anything."""
        begin = parser.add_mutually_exclusive_group()
        begin.add_argument("--hours", type=int, default=None, help="go back at least that far")
        begin.add_argument("--since", default=None, help="go back at least to this day or moment (UTC)")
        parser.add_argument("--dry-run", action="store_true", help="list what is missing and change nothing")

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        """Replay, and say how many were looked at; workers take it from there."""
        self._reached: datetime | None = None
        moment = clock.now()
        since = _since(options["hours"], options["since"], now=moment)
        try:
            if dry_run:
                self._list(since, now=moment)
            else:
                self._replay(since, now=moment)
        except StripeTrouble as trouble:
            raise CommandError(f"Stripe did not answer: {trouble}. {self._how_to_go_on()}") from trouble
        except KeyboardInterrupt as stop:
            raise CommandError(f"Stopped. {self._how_to_go_on()}", returncode=130) from stop

    def _replay(self, since: datetime | None, *, now: datetime) -> None:
        replayed = reconciliation.replay(gateway=gateway.default(), now=now, since=since, tell=self._progress)
        self.stdout.write(f"{replayed.events} events looked at.")
        if not replayed.is_complete:
            self.stdout.write("Stripe keeps no events that old: run `reconcile` as well.")

    def _list(self, since: datetime | None, *, now: datetime) -> None:
        count = 0
        for delivery in reconciliation.missed(gateway=gateway.default(), now=now, since=since):
            count += 1
            event = delivery.event
            self.stdout.write(f"{event.created_at.isoformat()} {event.type} {event.id}")
        self.stdout.write(f"{count} events are missing here; nothing was changed.")

    def _progress(self, until: datetime, looked_at: int) -> None:
        self._reached = until
        self.stderr.write(f"{looked_at} events up to {until.isoformat(timespec='minutes')} …")

    def _how_to_go_on(self) -> str:
        if self._reached is None:
            return "Run it again."
        return f"Go on with: manage.py replay_events --since {self._reached.isoformat(timespec='seconds')}"


def _since(hours: int | None, text: str | None, *, now: datetime) -> datetime | None:
    if hours is not None:
        return now - timedelta(hours=hours)
    if text is None:
        return None
    try:
        moment = parse_datetime(text)
        day = parse_date(text) if moment is None else None
    except ValueError as problem:
        raise CommandError(f"--since: {problem}.") from problem
    if moment is None and day is not None:
        moment = datetime(day.year, day.month, day.day)  # noqa: DTZ001  made aware below
    if moment is None:
        raise CommandError("--since takes a day or a moment, such as 2026-11-25 or 2026-11-25T03:00:00Z.")
    return timezone.make_aware(moment) if timezone.is_naive(moment) else moment
