"""Compare every subscription with Stripe's, repair what differs, and report."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import clock
from billing import comparison, gateway
from billing.errors import StripeTrouble
from billing.models import ReconcileRun


class Command(BaseCommand):
    """Walk everything, both ways; go on where an earlier walk stopped."""

    help = 'Compare every subscription with Stripe and report "N of N equal".'

    def add_arguments(self, parser: CommandParser) -> None:
        """Take whether to change anything."""
        parser.add_argument("--dry-run", action="store_true", help="report what differs and change nothing")

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        """Report each page, then the whole."""
        try:
            if dry_run:
                self._look_through()
            else:
                self._repair()
        except StripeTrouble as trouble:
            raise CommandError(f"Stripe did not answer: {trouble}. Run it again to go on.") from trouble

    def _repair(self) -> None:
        moment = clock.now()
        run = comparison.advance(
            comparison.start(now=moment), gateway=gateway.default(), now=moment, tell=self._progress
        )
        if run.finished_at is None:
            raise CommandError("Another process is at it; its report will be in the admin.")
        for line in run.drift:
            self.stdout.write(line)
        self._report(run.equal, run.checked, f", {run.repaired} repaired", at=run.started_at)

    def _progress(self, run: ReconcileRun) -> None:
        self.stderr.write(f"{run.checked} compared …")

    def _look_through(self) -> None:
        moment = clock.now()
        equal = checked = 0
        for finding in comparison.look_through(gateway=gateway.default(), now=moment):
            checked += 1
            equal += not finding.difference
            if finding.difference:
                self.stdout.write(str(finding))
        self._report(equal, checked, "; nothing was changed", at=moment)

    def _report(self, equal: int, checked: int, rest: str, *, at: datetime) -> None:
        # What is proven is proven of the moment at which the walk began.
        said = (
            f"{equal} of {checked} subscriptions proven equal to Stripe at {at.isoformat(timespec='seconds')}"
        )
        self.stdout.write(f"{said}{rest}")
