"""Rings workers for whatever the database says is due: waiting customers, unprocessed events, unsent mails.

The request path never publishes a task; it writes a row. This loop looks a few times a second and rings. Without it
the sweeper's ten seconds are the worst case. A broker that is gone costs a warning and a pause, never a row.
"""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import Error as AnyDatabaseError
from django.db import close_old_connections
from kombu.exceptions import OperationalError

from accounts import clock, emails
from accounts.tasks import deliver_mails
from billing import inbox, sync
from billing.tasks import process_events, sync_customers

logger = logging.getLogger(__name__)

_BATCH = 50
_RING_AGAIN = 5.0  # seconds before the same row is rung for again
_TROUBLE_PAUSE = 2.0


@dataclass(slots=True)
class Bell:
    """One kind of work: how to find it and whom to ring; remembers whom it rang for lately."""

    name: str
    find: Callable[[datetime], Iterable[int]]
    ring: Callable[[list[int]], Any]
    _rung: dict[int, float] = field(default_factory=dict)

    def look(self, *, now: datetime) -> int:
        """Ring once for all rows that are due and not rung for lately; return how many."""
        moment = time.monotonic()
        self._rung = {row: at for row, at in self._rung.items() if moment - at < _RING_AGAIN}
        fresh = [row for row in self.find(now) if row not in self._rung][:_BATCH]
        if fresh:
            self.ring(fresh)
            self._rung.update(dict.fromkeys(fresh, moment))
        return len(fresh)


def bells() -> tuple[Bell, ...]:
    """Return every kind of work that waits in the database."""
    return (
        Bell(
            "events",
            lambda now: inbox.due_ids(now=now, limit=_BATCH),
            lambda ids: process_events.delay(ids=ids),
        ),
        Bell(
            "customers",
            lambda now: sync.waiting_ids(now=now, limit=_BATCH),
            lambda ids: sync_customers.delay(ids=ids),
        ),
        Bell(
            "mails",
            lambda now: emails.due_ids(now=now, limit=_BATCH),
            lambda ids: deliver_mails.delay(ids=ids),
        ),
    )


class Command(BaseCommand):
    """Look, ring, wait; until a signal."""

    help = "Ring workers for work that waits in the database."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take how often to look, and whether to look only once."""
        parser.add_argument("--interval", type=float, default=0.25, help="seconds between looks")
        parser.add_argument("--once", action="store_true", help="look once and end")

    def handle(self, *args: Any, **options: Any) -> None:
        """Look until asked to stop."""
        self._stopping = False
        if not options["once"]:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, self._stop)
        kinds = bells()
        while not self._stopping:
            pause = options["interval"] if self._look(kinds) else _TROUBLE_PAUSE
            if options["once"]:
                return
            time.sleep(pause)

    def _look(self, kinds: tuple[Bell, ...]) -> bool:
        try:
            for bell in kinds:
                bell.look(now=clock.now())
        except (AnyDatabaseError, OperationalError, OSError) as error:
            logger.warning("Cannot ring at the moment: %s", type(error).__name__)
            return False
        finally:
            close_old_connections()
        return True

    def _stop(self, number: int, frame: object) -> None:
        self._stopping = True
