"""Look at somebody, or at everybody, at Stripe now, and say what came of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Q
from django.utils.dateparse import parse_datetime

from accounts import clock
from billing import gateway, sync
from billing.errors import StripeTrouble
from billing.models import Customer
from billing.sync import SyncOutcome

# So many failures in a row are not the customers' fault.
_ENOUGH = 5


class Command(BaseCommand):
    """Sync the customers of one reader, or all."""

    help = "Make ours equal to Stripe's for one reader (e-mail, public id, Stripe's customer id), or for all."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take whom to look at."""
        parser.add_argument("who", nargs="?", default="", help="e-mail address, rdr_… or cus_…")
        parser.add_argument("--all", action="store_true", help="everybody, those first looked at longest ago")
        parser.add_argument("--before", default="", help="with --all: only those last looked at before then")
        parser.add_argument("--dry-run", action="store_true", help="say who, and change nothing")

    def handle(self, *args: Any, who: str, dry_run: bool, **options: Any) -> None:
        """Look at each customer; one that only Stripe knows is taken over first."""
        if bool(who) == options["all"]:
            raise CommandError("Say who, or --all.")
        if options["all"]:
            self._look_at_all(_moment(options["before"]) or clock.now(), dry_run=dry_run)
            return
        found = self._customers(who, adopt=not dry_run)
        if not found:
            raise CommandError(f"Nobody here or at Stripe is known as {who}.")
        for customer in found:
            if not dry_run:
                self._look_at(customer)
            self._tell_of(customer)

    def _look_at_all(self, before: datetime, *, dry_run: bool) -> None:
        wanted = Customer.objects.filter(Q(synced_at=None) | Q(synced_at__lt=before), deleted_at=None)
        ids = list(wanted.order_by("synced_at", "pk").values_list("pk", flat=True))
        go_on = f"Go on with: manage.py sync_customer --all --before {before.isoformat()}"
        if dry_run:
            self.stdout.write(f"{len(ids)} customers would be looked at; nothing was changed.")
            return
        failed = in_a_row = 0
        try:
            for number, customer in enumerate(ids, start=1):
                has_failed = self._look_at(customer) is SyncOutcome.FAILED
                failed, in_a_row = failed + has_failed, (in_a_row + 1) * has_failed
                if in_a_row >= _ENOUGH:
                    raise CommandError(f"Stripe refuses all of them. {go_on}")
                if number % 20 == 0 or number == len(ids):
                    self.stderr.write(f"{number} of {len(ids)} …")
        except KeyboardInterrupt as stop:
            raise CommandError(f"Stopped. {go_on}", returncode=130) from stop
        self.stdout.write(f"{len(ids) - failed} of {len(ids)} customers looked at.")
        if failed:
            raise CommandError(f"{failed} failed, and stay waiting: `manage.py status` tells of them.")

    def _look_at(self, customer: int) -> SyncOutcome:
        moment = clock.now()
        sync.request([customer], now=moment)
        outcome = sync.customer(customer, gateway=gateway.default(), now=moment)
        if outcome is not SyncOutcome.DONE:
            self.stderr.write(f"{Customer.objects.get(pk=customer).stripe_id}: {outcome}")
        return outcome

    def _tell_of(self, customer: int) -> None:
        row = Customer.objects.get(pk=customer)
        state = f"waiting {row.sync_error}" if row.sync_requested > row.sync_done else "done"
        self.stdout.write(f"{row.stripe_id} ({row}): {state}, looked at {row.synced_at}".rstrip())
        for ours in row.subscriptions.all():
            self.stdout.write(f"  {ours.stripe_id}: {ours.status} until {ours.period_ends_at}")

    def _customers(self, who: str, *, adopt: bool) -> list[int]:
        known = Customer.objects.filter(
            Q(stripe_id=who) | Q(reader__public_id=who) | Q(reader__email=who.lower())
        )
        found = list(known.order_by("pk").values_list("pk", flat=True))
        if found or not adopt or not who.startswith("cus_"):
            return found
        try:
            taken = sync.adopt(who, gateway=gateway.default(), now=clock.now())
        except StripeTrouble as trouble:
            raise CommandError(f"Stripe did not answer: {trouble}") from trouble
        return [taken] if taken is not None else []


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise CommandError("--before takes a moment such as 2026-11-25T03:00:00Z.")
    return moment
