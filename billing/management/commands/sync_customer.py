"""Look at somebody at Stripe now, and say what came of it."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Q

from accounts import clock
from billing import gateway, sync
from billing.errors import StripeTrouble
from billing.models import Customer


class Command(BaseCommand):
    """Sync the customers of one reader."""

    help = "Make ours equal to Stripe's for one reader: by e-mail, public id, or Stripe's customer id."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take whom to look at."""
        parser.add_argument("who", help="e-mail address, rdr_… or cus_…")

    def handle(self, *args: Any, who: str, **options: Any) -> None:
        """Look at each customer of theirs; one that only Stripe knows is taken over first."""
        moment = clock.now()
        found = self._customers(who)
        if not found:
            raise CommandError(f"Nobody here or at Stripe is known as {who}.")
        for customer in found:
            sync.request([customer], now=moment)
            outcome = sync.customer(customer, gateway=gateway.default(), now=moment)
            row = Customer.objects.get(pk=customer)
            self.stdout.write(f"{row.stripe_id} ({row}): {outcome} {row.sync_error}".rstrip())
            for ours in row.subscriptions.all():
                self.stdout.write(f"  {ours.stripe_id}: {ours.status} until {ours.period_ends_at}")

    def _customers(self, who: str) -> list[int]:
        known = Customer.objects.filter(
            Q(stripe_id=who) | Q(reader__public_id=who) | Q(reader__email=who.lower())
        )
        found = list(known.order_by("pk").values_list("pk", flat=True))
        if found or not who.startswith("cus_"):
            return found
        try:
            taken = sync.adopt(who, gateway=gateway.default(), now=clock.now())
        except StripeTrouble as trouble:
            raise CommandError(f"Stripe did not answer: {trouble}") from trouble
        return [taken] if taken is not None else []
