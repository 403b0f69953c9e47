"""Each day everybody whose subscription goes on is thought of once: a round, gone on with by whoever is rung.

How many fit into one task does not matter: the next one goes on where the last one stopped.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from billing import dunning
from billing.models import Cursor

_NAME = "reminders"
# Of each day, in UTC: when a round begins.
_HOUR = 9


def due(*, now: datetime, limit: int) -> list[int]:
    """Return customers (primary keys) who are still to be reminded in this day's round, in its order."""
    rest = dunning.to_remind().filter(pk__gt=_position(now=now)).order_by("pk")
    return list(rest.values_list("pk", flat=True)[:limit])


def pass_by(customer: int) -> None:
    """Let the round go on behind this customer: called before they are reminded, so that nobody can hold it up."""
    Cursor.objects.filter(name=_NAME).update(position=str(customer))


def _position(*, now: datetime) -> int:
    """Return the customer whom the round has come to; 0 where one begins."""
    cursor, _is_first = Cursor.objects.get_or_create(name=_NAME, defaults={"moved_at": now})
    if cursor.moved_at >= _begun(now):
        return int(cursor.position or 0)
    Cursor.objects.filter(name=_NAME, moved_at=cursor.moved_at).update(position="", moved_at=now)
    return 0


def _begun(now: datetime) -> datetime:
    today = now.replace(hour=_HOUR, minute=0, second=0, microsecond=0)
    return today if today <= now else today - timedelta(days=1)
