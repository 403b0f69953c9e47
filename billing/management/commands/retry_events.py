"""Work through events again that were given up."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import clock
from billing import inbox
from billing.models import StripeEvent


class Command(BaseCommand):
    """Put events back to the start: those given up, or those named, whatever became of them."""

    help = "Work through events again: all that were given up, or the named ones."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take which ones, and whether to change anything."""
        parser.add_argument("events", nargs="*", metavar="evt_…", help="these, whatever became of them")
        parser.add_argument("--dry-run", action="store_true", help="list them and change nothing")

    def handle(self, *args: Any, events: list[str], dry_run: bool, **options: Any) -> None:
        """List them, and put them back; workers take them within seconds."""
        chosen = StripeEvent.objects.filter(event_id__in=events) if events else inbox.given_up()
        rows = list(chosen.defer("payload"))
        if unknown := set(events) - {row.event_id for row in rows}:
            raise CommandError(f"Not in the inbox: {', '.join(sorted(unknown))}. Try replay_events first.")
        for row in rows:
            self.stdout.write(f"{row}: {row.state} {row.last_error}".rstrip())
        if dry_run:
            self.stdout.write(f"{len(rows)} events would be worked through again; nothing was changed.")
            return
        count = inbox.again([row.pk for row in rows], now=clock.now())
        self.stdout.write(f"{count} events will be worked through again.")
