"""Change the key that signs access tokens, or take one out of use at once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from accounts import clock
from paywall import keys
from paywall.errors import SigningKeyUnknown
from paywall.models import SigningKey


class Command(BaseCommand):
    """Do what is due; begin a change before its time; withdraw a key that somebody else may have."""

    help = "Publish, use and retire the keys of access tokens as it is due. The schedule does the same each hour."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take what to do beyond what is due."""
        parser.add_argument("--now", action="store_true", help="begin a change of keys before its time")
        parser.add_argument(
            "--withdraw",
            metavar="KID",
            default="",
            help="a key that leaked: nothing it signed counts any more",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would be done, and change nothing"
        )

    def handle(self, *args: Any, withdraw: str, dry_run: bool, **options: Any) -> None:
        """Do it, and show the keys that are published."""
        now = clock.now()
        with transaction.atomic():
            done = (
                self._withdrawn(withdraw, now=now) if withdraw else keys.turn(now=now, at_once=options["now"])
            )
            for line in done or ("nothing is due",):
                self.stdout.write(f"{line}{' (not done: --dry-run)' if dry_run and done else ''}")
            self._show()
            transaction.set_rollback(dry_run)

    def _withdrawn(self, kid: str, *, now: datetime) -> tuple[str, ...]:
        try:
            signing = keys.withdraw(kid, now=now)
        except SigningKeyUnknown as error:
            raise CommandError(str(error)) from error
        return (f"{kid} counts for nothing any more; {signing} signs",)

    def _show(self) -> None:
        for key in SigningKey.objects.exclude(state=SigningKey.State.GONE).order_by("created_at"):
            self.stdout.write(f"  {key.kid}  {key.state:<8}  published {key.created_at:%Y-%m-%d %H:%M} UTC")
