"""Fetch events that never arrived."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import clock
from billing import gateway, reconciliation
from billing.errors import StripeTrouble


class Command(BaseCommand):
    """Keep what Stripe sent and we do not have."""

    help = "Fetch Stripe's events since the last replay, or of the last hours (Stripe keeps 30 days)."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take how far to go back."""
        parser.add_argument("--hours", type=int, default=None, help="go back that far, whatever was replayed")

    def handle(self, *args: Any, hours: int | None, **options: Any) -> None:
        """Replay, and say how many were looked at; workers take it from there."""
        moment = clock.now()
        since = moment - timedelta(hours=hours) if hours is not None else None
        try:
            replayed = reconciliation.replay(gateway=gateway.default(), now=moment, since=since)
        except StripeTrouble as trouble:
            raise CommandError(f"Stripe did not answer: {trouble}. Run it again to go on.") from trouble
        self.stdout.write(f"{replayed.events} events looked at.")
        if not replayed.is_complete:
            self.stdout.write("Stripe keeps no events that old: run `reconcile` as well.")
