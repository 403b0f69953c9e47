"""The state of everything on one screen: what needs a person is marked, and the exit code says so."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from accounts.models import Mail
from billing import sync
from billing.models import Cursor, Customer, ReconcileRun, StripeEvent
from tests.factories.accounts import a_mail, a_reader

pytestmark = pytest.mark.django_db
NOW = timezone.now()
HOUR = timedelta(hours=1)


def status(*options: str) -> tuple[str, int]:
    out, code = StringIO(), 0
    try:
        call_command("status", *options, stdout=out)
    except SystemExit as end:
        code = int(end.code or 0)
    return out.getvalue(), code


def marked() -> dict[str, str]:
    said, _code = status("--json")
    return {part["name"]: part["do"] for part in json.loads(said)["parts"] if part["do"]}


def an_event(**fields: Any) -> StripeEvent:
    at = fields.pop("at", NOW - 2 * HOUR)
    known = {"type": "invoice.paid", "livemode": False, "created_at": at, "received_at": at}
    key = f"evt_{StripeEvent.objects.count()}"
    return StripeEvent.objects.create(
        **{"event_id": key, **known, "next_attempt_at": at, "state": "done", **fields}
    )


def a_customer(**fields: Any) -> Customer:
    return Customer.objects.create(stripe_id="cus_1", reader=a_reader(), created_at=NOW, **fields)


def a_comparison(**fields: Any) -> None:
    known = {"started_at": NOW - HOUR, "finished_at": NOW, "checked": 3, "equal": 3}
    ReconcileRun.objects.create(**{**known, **fields})


@pytest.fixture
def _all_is_well() -> None:
    Cursor.objects.create(name="events", moved_at=NOW)
    a_comparison()


@pytest.mark.usefixtures("_all_is_well")
def test_where_all_is_well_nobody_is_called() -> None:
    said, code = status()
    assert code == 0
    assert "Nothing needs a person." in said
    assert "3 of 3 equal to Stripe" in said
    assert "!" not in said


def many_tries() -> None:
    customer = a_customer(sync_attempts=9, sync_error="StripeRefused: no", next_sync_at=NOW + HOUR)
    sync.request([customer.pk], now=NOW + HOUR)


def a_dead_mail(**fields: Any) -> None:
    Mail.objects.filter(pk=a_mail(now=NOW - HOUR).pk).update(state="dead", last_error="SMTPError", **fields)


TROUBLES: list[tuple[str, Callable[[], object], str]] = [
    ("events", lambda: an_event(state="received"), "start relay"),
    ("events given up", lambda: an_event(state="dead", last_error="StripeRefused"), "retry_events"),
    ("webhooks", lambda: an_event(source="replay"), "STRIPE_WEBHOOK_SECRETS"),
    ("events fetched", lambda: Cursor.objects.update(moved_at=NOW - 3 * HOUR), "replay_events"),
    ("customers", many_tries, "sync_customer"),
    ("mails", lambda: a_mail(now=NOW - HOUR), "start relay"),
    ("mails given up", a_dead_mail, "retry_mails"),
    ("comparison", lambda: ReconcileRun.objects.all().delete(), "reconcile"),
    ("comparison", lambda: ReconcileRun.objects.update(started_at=NOW - 40 * HOUR), "reconcile"),
    ("comparison", lambda: ReconcileRun.objects.update(equal=2), "reconcile --report"),
]


@pytest.mark.usefixtures("_all_is_well")
@pytest.mark.parametrize(("part", "trouble", "mend"), TROUBLES)
def test_each_trouble_is_marked_alone_with_what_to_do(
    part: str, trouble: Callable[[], object], mend: str
) -> None:
    trouble()
    assert list(marked()) == [part]
    assert mend in marked()[part]
    said, code = status()
    assert code == 1
    assert f"! {part}" in said


@pytest.mark.usefixtures("_all_is_well")
def test_what_passes_by_itself_calls_nobody() -> None:
    an_event(state="received", attempts=3, next_attempt_at=timezone.now() + HOUR)
    an_event(state="parked", next_attempt_at=timezone.now() + HOUR)
    an_event()
    an_event(source="replay", at=NOW)  # still on its way, perhaps
    a_dead_mail(kind="login_code")
    a_customer(sync_attempts=2, sync_requested=1, next_sync_at=timezone.now() + HOUR)
    assert marked() == {}


@pytest.mark.usefixtures("_all_is_well")
def test_events_that_a_webhook_brought_later_are_no_sign_of_a_dumb_one() -> None:
    an_event(source="replay", at=NOW - 3 * HOUR)
    an_event(source="webhook", at=NOW - 2 * HOUR)
    assert marked() == {}


@pytest.mark.usefixtures("_all_is_well")
def test_a_broker_that_is_gone_is_named(settings: Any) -> None:
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    settings.CELERY_BROKER_TRANSPORT_OPTIONS = {}
    assert list(marked()) == ["broker"]


def test_a_database_that_is_not_migrated_is_said_to_be_so() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE billing_reconcilerun RENAME TO elsewhere")
    assert marked() == {"database": "manage.py migrate"}
