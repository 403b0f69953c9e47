"""What a form of ours repeats of the page that it stood on: a moment, an amount that was shown."""

from __future__ import annotations

from datetime import UTC, datetime

from django.http import HttpRequest

_DIGITS = 16


def shown(request: HttpRequest) -> tuple[datetime, int] | None:
    """Return when which amount was shown, as the form repeats it; None where it does not."""
    shown_at, amount = moment(request.POST.get("shown_at", "")), request.POST.get("amount", "")
    if shown_at is None or not (amount.isascii() and amount.isdecimal() and len(amount) < _DIGITS):
        return None
    return shown_at, int(amount)


def moment(seconds: str) -> datetime | None:
    """Read a moment as our forms repeat it; None where it is none."""
    is_one = seconds.isascii() and seconds.isdecimal() and len(seconds) < 12
    return datetime.fromtimestamp(int(seconds), tz=UTC) if is_one else None
