"""The clock: the one place where entry points learn the time.

Domain functions are given `now`; views, tasks, commands and admin actions ask here. In the demo and in
journey tests `CLOCK_FILE` names a file that holds an offset in seconds, so that the application's time
follows the sandbox's. The file is refused outside DEBUG (a system check of this app).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.utils import timezone


def now() -> datetime:
    """Return the present moment as aware UTC, moved by the offset of `CLOCK_FILE` where one is set."""
    moment = timezone.now()
    if settings.CLOCK_FILE is None:
        return moment
    return moment + _offset(Path(settings.CLOCK_FILE))


def _offset(path: Path) -> timedelta:
    try:
        return timedelta(seconds=float(path.read_text(encoding="ascii") or 0))
    except FileNotFoundError:
        return timedelta()
