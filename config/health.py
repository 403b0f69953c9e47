"""Is this process alive, and can it do its work?"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from django.db import Error as AnyDatabaseError
from django.http import HttpRequest, JsonResponse

from accounts import clock, emails
from billing import backlog, inbox
from config import vitals


def live(request: HttpRequest) -> JsonResponse:
    """Answer 200 as long as the process answers at all."""
    return JsonResponse({"status": "ok"})


def ready(request: HttpRequest) -> JsonResponse:
    """Answer 200 when database, cache, broker and inbox are well, else 503; each is named with its state.

    Access checks go on without a broker, so take an instance out only when `database` is not ok. The figures beside
    them make nobody unready: they are about the installation, not about this instance.
    """
    state, figures = _inbox()
    parts = {
        "database": vitals.database(),
        "cache": vitals.cache(),
        "broker": vitals.broker(),
        "inbox": state,
    }
    is_well = all(part == "ok" for part in parts.values())
    status = HTTPStatus.OK if is_well else HTTPStatus.SERVICE_UNAVAILABLE
    return JsonResponse({"status": "ok" if is_well else "trouble", **parts, **figures}, status=status)


def _inbox() -> tuple[str, Mapping[str, object]]:
    """Tell whether events that are due are taken, also those nobody was rung for; and what waits or was left."""
    now = clock.now()
    try:
        waiting = backlog.events(now=now)
        equal_at = backlog.equality().at
        figures = {
            "oldest_event_seconds": int((now - waiting.oldest).total_seconds()) if waiting.oldest else 0,
            "events_given_up": inbox.given_up().count(),
            "mails_given_up": emails.given_up(now=now).count(),
            "equal_to_stripe_at": equal_at.isoformat() if equal_at else None,
        }
    except AnyDatabaseError:
        return "unreachable", {}
    return "behind" if waiting.is_behind else "ok", figures
