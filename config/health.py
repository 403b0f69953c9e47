"""Is this process alive, and can it do its work?"""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus

from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from kombu import Connection
from kombu.exceptions import OperationalError

from accounts import clock
from billing.models import StripeEvent

# An event not processed for this long means that no worker is at it.
_INBOX_LIMIT = timedelta(seconds=60)


def live(request: HttpRequest) -> JsonResponse:
    """Answer 200 as long as the process answers at all."""
    return JsonResponse({"status": "ok"})


def ready(request: HttpRequest) -> JsonResponse:
    """Answer 200 when database, cache, broker and inbox are well, else 503; each is named with its state.

    Access checks go on without a broker, so take an instance out only when `database` is not ok.
    """
    parts = {"database": _database(), "cache": _cache(), "broker": _broker(), "inbox": _inbox()}
    is_well = all(part == "ok" for part in parts.values())
    status = HTTPStatus.OK if is_well else HTTPStatus.SERVICE_UNAVAILABLE
    return JsonResponse({"status": "ok" if is_well else "trouble", **parts}, status=status)


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "unreachable"
    return "ok"


def _cache() -> str:
    try:
        cache.set("health", "ok", 30)
        return "ok" if cache.get("health") == "ok" else "forgetful"
    except DatabaseError:
        return "unreachable"


def _broker() -> str:
    try:
        options = {**settings.CELERY_BROKER_TRANSPORT_OPTIONS, "max_retries": 0}
        with Connection(settings.CELERY_BROKER_URL, transport_options=options, connect_timeout=1) as broker:
            broker.ensure_connection(max_retries=1, timeout=1)
    except (OperationalError, OSError):
        return "unreachable"
    return "ok"


def _inbox() -> str:
    try:
        oldest = StripeEvent.objects.filter(state=StripeEvent.State.RECEIVED).order_by("received_at").first()
    except DatabaseError:
        return "unreachable"
    if oldest is None or clock.now() - oldest.received_at <= _INBOX_LIMIT:
        return "ok"
    return "behind"
