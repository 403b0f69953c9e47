"""The figures of revenue as people get them: the command, the page, CSV, and how far they are proven."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from billing import books, comparison
from billing.models import Invoice, Subscription
from tests.billing.market import Market
from tests.factories.accounts import a_member_of_staff, a_reader

PAGE = "/admin/billing/billedtime/revenue/"


@pytest.fixture
def sold(market: Market) -> Market:
    market.buy(a_reader())
    return market


@pytest.fixture
def staff(client: Client, db: None) -> Client:
    client.force_login(a_member_of_staff())
    return client


def test_the_command_tells_days_months_and_csv(sold: Market) -> None:
    today = sold.now.date().isoformat()
    told = StringIO()
    call_command("revenue", "--from", today, "--to", today, stdout=told, stderr=StringIO())
    assert told.getvalue().splitlines()[1].split()[2:5] == ["9.90", "1", "0"]
    monthly = StringIO()
    call_command("revenue", "--to", today, "--monthly", stdout=monthly, stderr=StringIO())
    assert f"{today[:8]}01" in monthly.getvalue()
    sheet = StringIO()
    call_command("revenue", "--from", today, "--to", today, "--csv", stdout=sheet, stderr=StringIO())
    assert sheet.getvalue().splitlines()[1] == f"{today},eur,9.90,1,0,0,1,0,0,0,0,0.00,9.90"


def test_the_command_refuses_days_in_the_wrong_order(db: None) -> None:
    with pytest.raises(CommandError):
        call_command("revenue", "--from", "2026-02-02", "--to", "2026-02-01")
    with pytest.raises(CommandError):
        call_command("revenue", "--from", "yesterday")


def test_the_page_has_a_table_and_says_what_is_proven(sold: Market, staff: Client) -> None:
    days = {"first": sold.now.date().isoformat(), "last": sold.now.date().isoformat()}
    page = staff.get(PAGE, days).content.decode()
    assert "€9.90" in page
    assert "nothing was compared" in page
    assert "may change" in page
    later = sold.now + timedelta(days=1)
    comparison.advance(comparison.start(now=later), gateway=sold.gateway, now=later)
    page = staff.get(PAGE, days).content.decode()
    assert "Proven equal to Stripe at" in page
    assert "<td>yes</td>" in page


def test_what_differs_from_stripe_proves_nothing(sold: Market, staff: Client) -> None:
    now = sold.now + timedelta(days=1)
    run = comparison.advance(comparison.start(now=now), gateway=sold.gateway, now=now)
    type(run).objects.filter(pk=run.pk).update(equal=0)
    assert not books.report(first=sold.now.date(), last=sold.now.date()).is_proven(sold.now.date())
    assert "1 subscriptions differ" in staff.get(PAGE).content.decode()


@pytest.mark.parametrize(
    "query",
    [
        {"first": "2026-02-02", "last": "2026-02-01"},
        {"first": "1000-01-01", "last": "9999-12-31"},
        {"first": "0001-01-01", "last": "0001-01-01"},
        {"first": "9999-12-31", "last": "9999-12-31"},
        {"first": "yesterday"},
        {"by": "century"},
    ],
)
def test_odd_days_are_refused_with_a_word(query: dict[str, str], staff: Client) -> None:
    answer = staff.get(PAGE, query)
    assert answer.status_code == 200
    assert "errorlist" in answer.content.decode()


def test_the_page_gives_csv(sold: Market, staff: Client) -> None:
    today = sold.now.date().isoformat()
    answer = staff.get(PAGE, {"first": today, "last": today, "form": "csv"})
    assert answer["Content-Type"].startswith("text/csv")
    assert answer.content.decode().splitlines()[1].startswith(f"{today},eur,9.90,1,")


def test_the_list_of_billed_times_leads_to_the_page(staff: Client) -> None:
    assert reverse("admin:billing_revenue") == PAGE
    assert PAGE in staff.get(reverse("admin:billing_billedtime_changelist")).content.decode()


def test_a_payment_of_which_no_news_came_is_found_at_night(market: Market) -> None:
    """The renewal is a draft when we look, and paid an hour later; the subscription says nothing of it."""
    reader = a_reader()
    market.buy(reader)
    renewal = Subscription.objects.get().period_ends_at
    assert renewal is not None
    market.pass_time(reader, to=int(renewal.timestamp()) + 60)
    draft = Invoice.objects.get(status="draft")
    market.sandbox.advance(seconds=2 * 3600)
    now = market.now
    comparison.advance(comparison.start(now=now), gateway=market.gateway, now=now)
    draft.refresh_from_db()
    assert draft.status == "paid"
