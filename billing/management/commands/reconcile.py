"""Compare every subscription with Stripe's, repair what differs, and report."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import clock
from billing import backlog, comparison, gateway, reckoning
from billing.errors import StripeTrouble
from billing.models import ReconcileRun

# Each step takes the comparison anew, and with it a fresh lease and the time as it is by then.
_STEP = 30.0


class Command(BaseCommand):
    """Walk everything, both ways; go on where an earlier walk stopped."""

    help = 'Compare every subscription with Stripe and report "N of N equal".'

    def add_arguments(self, parser: CommandParser) -> None:
        """Take whether to change anything, and where to begin."""
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--dry-run", action="store_true", help="report what differs and change nothing")
        how.add_argument("--anew", action="store_true", help="begin again where an earlier walk stopped")
        how.add_argument("--report", action="store_true", help="repeat what the last walk reported")

    def handle(self, *args: Any, **options: Any) -> None:
        """Report each page, then the whole."""
        try:
            if options["report"]:
                self._repeat()
            elif options["dry_run"]:
                self._look_through()
            else:
                self._repair(anew=options["anew"])
        except StripeTrouble as trouble:
            raise CommandError(f"Stripe did not answer: {trouble}. Run it again to go on.") from trouble
        except KeyboardInterrupt as stop:
            raise CommandError(
                "Stopped. Run it again to go on; a worker does so too.", returncode=130
            ) from stop

    def _repair(self, *, anew: bool) -> None:
        run = self._take_part(comparison.start(now=clock.now(), anew=anew))
        for line in run.drift:
            self.stdout.write(line)
        self._report(run.equal, run.checked, f", {run.repaired} repaired", at=run.started_at)
        self._report_returns(run.returns_equal, run.returns_checked)

    def _take_part(self, run_pk: int) -> ReconcileRun:
        """Take the comparison to its end, in turn with workers who are at it as well."""
        while True:
            moment = clock.now()
            if comparison.unfinished(now=moment) == run_pk:
                run = comparison.advance(
                    run_pk, gateway=gateway.default(), now=moment, seconds=_STEP, tell=self._progress
                )
            else:
                time.sleep(0.5)
                run = ReconcileRun.objects.get(pk=run_pk)
                self._progress(run)
            if run.finished_at is not None:
                return run

    def _progress(self, run: ReconcileRun) -> None:
        self.stderr.write(f"{run.stage}: {run.checked + run.returns_checked} compared …")

    def _look_through(self) -> None:
        moment = clock.now()
        equal = checked = 0
        for finding in comparison.look_through(gateway=gateway.default(), now=moment):
            checked += 1
            equal += not finding.difference
            if finding.difference:
                self.stdout.write(str(finding))
            if checked % 100 == 0:
                self.stderr.write(f"{checked} compared …")
        self._report(equal, checked, "; nothing was changed", at=moment)
        returns = list(reckoning.look_through(gateway=gateway.default()))
        for returned in returns:
            if returned.difference:
                self.stdout.write(str(returned))
        self._report_returns(sum(not finding.difference for finding in returns), len(returns))

    def _repeat(self) -> None:
        last = backlog.equality()
        if last.at is None:
            raise CommandError("Nothing was compared yet.")
        for line in last.drift:
            self.stdout.write(line)
        self._report(last.equal, last.checked, f", {last.repaired} repaired", at=last.at)
        self._report_returns(last.returns_equal, last.returns_checked)

    def _report(self, equal: int, checked: int, rest: str, *, at: datetime) -> None:
        # What is proven is proven of the moment at which the walk began.
        said = (
            f"{equal} of {checked} subscriptions proven equal to Stripe at {at.isoformat(timespec='seconds')}"
        )
        self.stdout.write(f"{said}{rest}")

    def _report_returns(self, equal: int, checked: int) -> None:
        self.stdout.write(
            f"{equal} of {checked} payments made once, refunds, disputes and warnings of fraud equal"
        )
