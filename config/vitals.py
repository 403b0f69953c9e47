"""How the whole is: every part with what it says and, where a person is needed, what that person should do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.core.cache import cache as default_cache
from django.db import Error as AnyDatabaseError
from django.db import connection
from kombu import Connection
from kombu.exceptions import OperationalError

from accounts import emails
from accounts.models import Mail
from billing import alerts, backlog, inbox

# The comparison runs each night, the replay every ten minutes: later than this, neither is only slow.
_COMPARED_EVERY = timedelta(hours=30)
_READ_EVERY = timedelta(hours=1)
# Whoever asks whether we are well waits for the answer, on a thread that readers need.
_BROKER_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Vital:
    """One part. `do` says what a person should do; empty means that nobody is needed."""

    name: str
    text: str
    do: str = ""
    figures: Mapping[str, object] = field(default_factory=dict)


def read(*, now: datetime) -> list[Vital]:
    """Return every part, the ones that the others rest on first; without a database there is nothing more to tell."""
    if (state := database()) != "ok":
        return [Vital("database", state, do="bring the database back; everything waits for it")]
    try:
        return [Vital("database", "ok"), _cache(), _broker(), *_work(now), _equality(now)]
    except AnyDatabaseError as problem:
        state = f"answers, but cannot be read ({type(problem).__name__})"
        return [Vital("database", state, do="manage.py migrate")]


def database() -> str:
    """Ask the database: `ok` or `unreachable`."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except AnyDatabaseError:
        return "unreachable"
    return "ok"


def cache() -> str:
    """Write to the cache and read it back: `ok`, `forgetful` or `unreachable`."""
    try:
        default_cache.set("health", "ok", 30)
        return "ok" if default_cache.get("health") == "ok" else "forgetful"
    except AnyDatabaseError:
        return "unreachable"


def broker() -> str:
    """Connect to the broker: `ok` or `unreachable`, within a second or so also where it is frozen."""
    patience = {"socket_timeout": _BROKER_SECONDS, "socket_connect_timeout": _BROKER_SECONDS}
    options = {**settings.CELERY_BROKER_TRANSPORT_OPTIONS, **patience, "max_retries": 0}
    try:
        with Connection(settings.CELERY_BROKER_URL, transport_options=options, connect_timeout=1) as bell:
            bell.ensure_connection(max_retries=1, timeout=1, interval_start=0)
    except (OperationalError, OSError):
        return "unreachable"
    return "ok"


def _work(now: datetime) -> list[Vital]:
    heard = backlog.hearing(now=now)
    return [
        _events(now),
        _dead_events(),
        _hearing(heard, now=now),
        _reading(heard.read_until, now=now),
        _looks(now),
        _mails(now),
        _dead_mails(now),
        _alerts(),
    ]


def _cache() -> Vital:
    state = cache()
    return Vital("cache", state, do="" if state == "ok" else "manage.py createcachetable")


def _broker() -> Vital:
    state = broker()
    return Vital("broker", state, do="" if state == "ok" else "start Redis; nothing is lost meanwhile")


def _events(now: datetime) -> Vital:
    found = backlog.events(now=now)
    text = f"{found.waiting} waiting{_since(found.oldest, now=now)}, {found.parked} parked"
    figures = {"waiting": found.waiting, "oldest": found.oldest, "parked": found.parked}
    return Vital("events", text, do=_NOBODY_WORKS if found.is_behind else "", figures=figures)


def _dead_events() -> Vital:
    dead = inbox.given_up()
    newest, count = dead.first(), dead.count()
    if newest is None:
        return Vital("events given up", "none", figures={"count": 0})
    text = f"{count}, the newest {newest}: {newest.last_error or 'its workers died'}"
    return Vital(
        "events given up", text, do="mend why, then: manage.py retry_events", figures={"count": count}
    )


def _hearing(found: backlog.Hearing, *, now: datetime) -> Vital:
    text = f"the last came {_ago(found.heard_at, now=now)}"
    if found.missed:
        text += f"; {found.missed} events made since then had to be fetched"
    do = "see that Stripe's endpoint and STRIPE_WEBHOOK_SECRETS agree" if found.missed else ""
    return Vital("webhooks", text, do=do, figures={"last": found.heard_at, "missed": found.missed})


def _reading(until: datetime | None, *, now: datetime) -> Vital:
    do = ""
    if until is None or until < now - _READ_EVERY:
        do = "start schedule and worker, or see why Stripe does not answer: manage.py replay_events"
    return Vital("events fetched", f"up to {_ago(until, now=now)}", do=do, figures={"until": until})


def _looks(now: datetime) -> Vital:
    found = backlog.looks(now=now)
    text = f"{found.waiting} wait for a look at Stripe"
    do = _NOBODY_WORKS if found.is_behind else ""
    if found.failing:
        text += f"; {found.failing} fail for long, longest {found.worst}"
        do = do or "mend why, then: manage.py sync_customer cus_…"
    figures = {"waiting": found.waiting, "failing": found.failing}
    return Vital("customers", text, do=do, figures=figures)


def _mails(now: datetime) -> Vital:
    queued = Mail.objects.filter(state=Mail.State.QUEUED)
    oldest = queued.order_by("queued_at").first()
    is_behind = emails.due(now=now - backlog.PATIENCE).exists()
    text = f"{queued.count()} queued{_since(oldest.queued_at if oldest else None, now=now)}"
    if oldest is not None and oldest.last_error:
        text += f" ({oldest.last_error})"
    return Vital("mails", text, do=_NOBODY_WORKS if is_behind else "", figures={"queued": queued.count()})


def _dead_mails(now: datetime) -> Vital:
    dead = emails.given_up(now=now)
    newest, count = dead.first(), dead.count()
    if newest is None:
        return Vital("mails given up", "none", figures={"count": 0})
    text = f"{count}, the newest {newest.kind}: {newest.last_error}"
    return Vital("mails given up", text, do="mend why, then: manage.py retry_mails", figures={"count": count})


def _alerts() -> Vital:
    waiting = alerts.waiting()
    first, count = waiting.first(), waiting.count()
    if first is None:
        return Vital("alerts", "none", figures={"count": 0})
    due = f", to be answered by {first.due_by:%Y-%m-%d %H:%M} UTC" if first.due_by else ""
    text = f"{count}, first {first.get_kind_display()}: {first.text}{due}"
    do = "see to it and close it: admin, Billing, Alerts"
    return Vital("alerts", text, do=do, figures={"count": count})


def _equality(now: datetime) -> Vital:
    found = backlog.equality()
    if found.at is None:
        return Vital("comparison", "never made", do="manage.py reconcile", figures={"at": None})
    text = f"{found.equal} of {found.checked} equal to Stripe {_ago(found.at, now=now)}, {found.repaired} repaired"
    text += f"; {found.returns_equal} of {found.returns_checked} payments, refunds and disputes"
    do = ""
    if found.at < now - _COMPARED_EVERY:
        do = "see why schedule makes none, then: manage.py reconcile"
    elif found.differing:
        text += f", {found.differing} left"
        do = "manage.py reconcile --report"
    figures = {"at": found.at, "checked": found.checked, "equal": found.equal, "repaired": found.repaired}
    return Vital("comparison", text, do=do, figures=figures)


_NOBODY_WORKS = "start relay, schedule and worker: nobody has taken this for a minute"


def _since(moment: datetime | None, *, now: datetime) -> str:
    return f", the oldest since {_span(now - moment)}" if moment else ""


def _ago(moment: datetime | None, *, now: datetime) -> str:
    if moment is None:
        return "never"
    return f"{_span(now - moment)} ago ({moment.isoformat(timespec='seconds')})"


def _span(span: timedelta) -> str:
    """Return a span as people say it: 40 s, 12 min, 5 h, 3 days."""
    seconds = max(0, int(span.total_seconds()))
    for size, unit in ((2 * 86400, "days"), (2 * 3600, "h"), (120, "min")):
        if seconds >= size:
            return f"{seconds // {'days': 86400, 'h': 3600, 'min': 60}[unit]} {unit}"
    return f"{seconds} s"
