"""State what is sold from a file, and show what is sold as one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import clock
from billing import assortment, gateway
from billing.assortment import Proposal
from billing.errors import StatementRefused, StripeRefused, StripeTrouble


class Command(BaseCommand):
    """Say what would be done; do it; write down what is there."""

    help = "Make plans, prices, coupons and codes at Stripe equal to a file (apply), or print them as one (show)."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take what to do, and a file."""
        acts = parser.add_subparsers(dest="act", required=True)
        applying = acts.add_parser("apply", help="make Stripe equal to a file; what it does not name is left")
        applying.add_argument(
            "file", type=Path, help="a TOML file; `catalogue show` writes one to begin with"
        )
        applying.add_argument("--dry-run", action="store_true", help="only say what would be done")
        acts.add_parser("show", help="print what is on sale as a file")

    def handle(self, *args: Any, **options: Any) -> None:
        """Report each step once it is taken."""
        try:
            if options["act"] == "show":
                self.stdout.write(assortment.show(gateway=gateway.default()), ending="")
            else:
                self._apply(options["file"], is_rehearsal=options["dry_run"])
        except StatementRefused as refused:
            raise CommandError("\n".join((*refused.problems, "Nothing was changed."))) from refused
        except StripeRefused as refusal:
            raise CommandError(f"Stripe said no: {refusal}. What is printed above was done.") from refusal
        except StripeTrouble as trouble:
            raise CommandError(f"Stripe did not answer: {trouble}. Run it again to go on.") from trouble

    def _apply(self, file: Path, *, is_rehearsal: bool) -> None:
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{file} cannot be read ({type(error).__name__}).") from error
        proposal = assortment.propose(text, gateway=gateway.default(), now=clock.now())
        for name in proposal.left_alone:
            self.stderr.write(f"The file does not speak of {name}; it is left as it is.")
        if is_rehearsal:
            self._rehearse(proposal)
            return
        assortment.apply(
            proposal,
            gateway=gateway.default(),
            now=clock.now(),
            tell=lambda step: self.stdout.write(step.text),
        )
        self.stdout.write(f"{len(proposal.steps)} steps taken; Stripe equals the file.")

    def _rehearse(self, proposal: Proposal) -> None:
        for step in proposal.steps:
            self.stdout.write(step.text)
        self.stdout.write(f"{len(proposal.steps)} steps would be taken; nothing was changed.")
