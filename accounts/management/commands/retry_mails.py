"""Send mails that were given up."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from accounts import clock, emails


class Command(BaseCommand):
    """Put mails that were given up back into the outbox, but for codes that have run out."""

    help = "Try again to send mails that were given up; codes that have run out are left."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take whether to change anything."""
        parser.add_argument("--dry-run", action="store_true", help="list them and change nothing")

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        """List them, and put them back; workers send them within seconds."""
        moment = clock.now()
        dead = list(emails.given_up(now=moment))
        for mail in dead:
            self.stdout.write(f"{mail.queued_at:%Y-%m-%d %H:%M} {mail.kind}: {mail.last_error}")
        if dry_run:
            self.stdout.write(f"{len(dead)} mails would be sent again; nothing was changed.")
            return
        count = emails.again([mail.pk for mail in dead], now=moment)
        self.stdout.write(f"{count} mails will be sent again.")
