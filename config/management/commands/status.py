"""The state of everything on one screen, for whoever is woken at night."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from accounts import clock
from config import vitals
from config.vitals import Vital


class Command(BaseCommand):
    """Print what waits, what was given up and what is not as it should be; end with 1 where a person is needed."""

    help = "Show the state of everything; the exit code is 1 where something needs a person."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take for whom to print."""
        parser.add_argument("--json", action="store_true", help="print JSON, for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print each part; those that need a person carry a mark and what to do."""
        found = vitals.read(now=clock.now())
        wanting = [vital for vital in found if vital.do]
        if options["json"]:
            document = {"needs_a_person": bool(wanting), "parts": [asdict(vital) for vital in found]}
            self.stdout.write(json.dumps(document, indent=2, default=str))
        else:
            self._print(found)
            self.stdout.write(f"{len(wanting)} need a person." if wanting else "Nothing needs a person.")
        if wanting:
            sys.exit(1)

    def _print(self, found: list[Vital]) -> None:
        for vital in found:
            self.stdout.write(f"{'!' if vital.do else ' '} {vital.name:<16} {vital.text}")
            if vital.do:
                self.stdout.write(f"{'':<18} -> {vital.do}")
