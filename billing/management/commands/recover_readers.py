"""Give paying customers their readers back whom a restored backup has forgotten."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import clock
from billing import gateway, strays
from billing.errors import StripeTrouble


class Command(BaseCommand):
    """Make readers again who pay at Stripe and are not known here; repeating it goes on."""

    help = "After restoring a backup: make the readers again who pay at Stripe and are not known here."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take whether to change anything."""
        parser.add_argument("--dry-run", action="store_true", help="list them and change nothing")

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        """List each, and take it in."""
        found = taken = 0
        try:
            for stray in strays.find(gateway=gateway.default()):
                found += 1
                why_not = "" if dry_run else strays.take_in(stray, now=clock.now())
                taken += not (dry_run or why_not)
                self.stdout.write(f"{stray}: {why_not}" if why_not else str(stray))
        except StripeTrouble as trouble:
            raise CommandError(f"Stripe did not answer: {trouble}. Run it again to go on.") from trouble
        except KeyboardInterrupt as stop:
            raise CommandError(f"Stopped after {taken}. Run it again to go on.", returncode=130) from stop
        self.stdout.write(f"{taken} of {found} readers made again{'; nothing was changed' * dry_run}.")
