"""Staff give money back in the admin: with a reason, once, and on the record."""

from __future__ import annotations

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from accounts.models import User
from billing.models import Alert, Invoice, ReconcileRun, RefundOrder, Subscription
from tests.billing.market import Market
from tests.factories.accounts import a_member_of_staff, a_reader


@pytest.fixture
def invoice(market: Market) -> Invoice:
    market.buy(a_reader())
    return Invoice.objects.get()


@pytest.fixture
def desk(client: Client, db: None) -> Client:
    client.force_login(a_member_of_staff())
    return client


def address(invoice: Invoice) -> str:
    return reverse("admin:billing_invoice_refund", args=[invoice.pk])


def filled(desk: Client, invoice: Invoice, **said: str) -> dict[str, str]:
    """Return the form as it is shown, filled in."""
    page = desk.get(address(invoice)).content.decode()
    hidden = dict(re.findall(r'type="hidden" name="(key|seen)" value="([^"]*)"', page))
    return {**hidden, "amount": "9.90", "reason": "asked on the phone", "access": "keep", **said}


class TestRefund:
    def test_the_form_says_in_money_what_is_left(self, desk: Client, invoice: Invoice) -> None:
        page = desk.get(address(invoice)).content.decode()
        assert "at most €9.90" in page
        assert 'value="9.90"' in page

    def test_it_is_given_back_and_kept_in_the_log(
        self, desk: Client, invoice: Invoice, market: Market
    ) -> None:
        answer = desk.post(address(invoice), filled(desk, invoice, amount="4.00", access="withdraw"))
        assert answer.status_code == 302, answer.content.decode()
        assert [one["amount"] for one in market.objects("refund")] == [400]
        assert Subscription.objects.get().status == "canceled"
        order = RefundOrder.objects.get()
        assert (order.reason, order.by, order.state) == (
            "asked on the phone",
            User.objects.get(is_staff=True),
            "done",
        )
        assert "asked on the phone" in LogEntry.objects.get().change_message

    def test_a_form_sent_twice_gives_back_once(self, desk: Client, invoice: Invoice, market: Market) -> None:
        form = filled(desk, invoice, amount="4.00")
        assert [desk.post(address(invoice), form).status_code for _click in range(2)] == [302, 302]
        assert len(market.objects("refund")) == 1

    @pytest.mark.parametrize(
        ("said", "told"),
        [
            ({"reason": ""}, "required"),
            ({"amount": "9.905"}, "no amount"),
            ({"amount": "-1"}, "no amount"),
            ({"amount": "NaN"}, "number"),
            ({"amount": "1e9"}, "At most"),
            ({"amount": "10.00"}, "At most"),
            ({"access": ""}, "required"),
            ({"access": "perhaps"}, "valid choice"),
            ({"key": "x"}, "valid value"),
            ({"seen": "500"}, "Meanwhile"),
        ],
    )
    def test_what_cannot_be_meant_is_said_and_nothing_is_given_back(
        self, desk: Client, invoice: Invoice, market: Market, said: dict[str, str], told: str
    ) -> None:
        answer = desk.post(address(invoice), filled(desk, invoice, **said))
        assert answer.status_code == 400
        assert told in answer.content.decode()
        assert market.objects("refund") == []

    def test_stripe_without_an_answer_is_said_and_the_same_form_goes_on(
        self, desk: Client, invoice: Invoice, market: Market
    ) -> None:
        form = filled(desk, invoice)
        market.fault(target="api", kind="drop_request", match="POST /v1/refunds", left=3)
        assert "nothing is done twice" in desk.post(address(invoice), form).content.decode()
        assert desk.post(address(invoice), form).status_code == 302
        assert len(market.objects("refund")) == 1

    def test_it_needs_the_right_to_give_back(self, client: Client, invoice: Invoice) -> None:
        looking = a_reader("looks@desk.example", is_staff=True)
        looking.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
        client.force_login(looking)
        assert client.get(address(invoice)).status_code == 403
        assert client.post(address(invoice), {"amount": "1"}).status_code == 403
        client.force_login(a_reader("reader@example.org"))
        assert client.get(address(invoice)).status_code == 302

    def test_an_invoice_that_is_none_is_unknown(self, desk: Client) -> None:
        for odd in ("999999", "x", "0"):
            assert desk.get(f"/admin/billing/invoice/{odd}/refund/").status_code == 404

    def test_the_page_of_the_invoice_leads_there(self, desk: Client, invoice: Invoice) -> None:
        page = desk.get(reverse("admin:billing_invoice_change", args=[invoice.pk])).content.decode()
        assert address(invoice) in page


def test_whoever_paid_leads_to_all_that_went_back(desk: Client, invoice: Invoice) -> None:
    page = desk.get(reverse("admin:billing_customer_change", args=[invoice.customer_id])).content.decode()
    for kind in ("refund", "dispute", "alert"):
        listing = f"{reverse(f'admin:billing_{kind}_changelist')}?customer__id__exact={invoice.customer_id}"
        assert listing in page
        assert desk.get(listing).status_code == 200


def test_the_comparison_says_how_many_were_equal_and_when(desk: Client, market: Market) -> None:
    ReconcileRun.objects.create(
        started_at=market.now, checked=7, equal=6, returns_checked=2, returns_equal=2, finished_at=market.now
    )
    page = desk.get(reverse("admin:billing_reconcilerun_changelist")).content.decode()
    assert f"6 of 7 equal at {market.now:%Y-%m-%d %H:%M} UTC" in page
    assert "2 of 2 equal" in page


class TestAlert:
    def test_it_is_closed_with_what_was_done(self, desk: Client, invoice: Invoice, market: Market) -> None:
        market.sandbox.dispute(invoice.charge)
        reader = invoice.customer.reader
        assert reader is not None
        market.look(reader)
        alert = Alert.objects.get()
        page = reverse("admin:billing_alert_close", args=[alert.pk])
        assert "dashboard.stripe.com/test/disputes/" in desk.get(page).content.decode()
        assert desk.post(page, {"note": ""}).status_code == 400
        assert desk.post(page, {"note": "sent the logs"}).status_code == 302
        alert.refresh_from_db()
        assert (alert.note, alert.closed_by is not None) == ("sent the logs", True)
        market.look(reader)
        alert.refresh_from_db()
        assert alert.closed_at is not None, "who closed it is not asked again"
