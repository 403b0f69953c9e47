"""Staff see everything of billing, change nothing by hand, and can look and replay."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from accounts import clock
from billing import catalogue, inbox, refunding
from billing.models import (
    Cursor,
    Customer,
    Invoice,
    OutboundCall,
    Plan,
    ReconcileRun,
    Seat,
    StripeEvent,
    Subscription,
)
from billing.refunding import Wish
from billing.snapshots import Access
from tests.billing.market import Market
from tests.factories.accounts import a_member_of_staff, a_reader
from tests.factories.billing import a_delivery

# Lines have no pages of their own; what is held without a subscription is tested where it is given or sold.
ELSEWHERE = ("SubscriptionItem", "Comp", "DayPass", "Present")
MODELS = [model for model in apps.get_app_config("billing").get_models() if model.__name__ not in ELSEWHERE]


@pytest.fixture
def staff(client: Client, db: None) -> Client:
    client.force_login(a_member_of_staff())
    return client


@pytest.fixture
def trade(market: Market) -> Any:
    """A reader whose renewal failed, an event about it, and a comparison: one row at least in every table."""
    reader = a_reader()
    market.buy(reader)
    market.fail_renewal(reader)
    inbox.receive(
        a_delivery(about={"id": market.customer(reader).stripe_id, "object": "customer"}), now=market.now
    )
    _give_back(market, reader)
    ReconcileRun.objects.create(started_at=market.now)
    Seat.objects.create(
        subscription=Subscription.objects.get(),
        email="friend@example.org",
        invited_at=market.now,
        expires_at=market.now,
    )
    Cursor.objects.get_or_create(name="test", defaults={"position": "evt_1", "moved_at": market.now})
    return reader


def _give_back(market: Market, reader: Any) -> None:
    """Give a payment back, and let another be disputed: money that goes back in every way."""
    invoice = Invoice.objects.filter(customer__reader=reader, status="paid").first()
    assert invoice is not None
    wish = Wish(key="refund-1", amount=100, reason="late paper", access=Access.KEEP, seen=0)
    refunding.refund(
        invoice, wish=wish, by=a_member_of_staff("desk@news.example"), gateway=market.gateway, now=market.now
    )
    market.sandbox.dispute(invoice.charge)
    market.look(reader)


def test_every_table_has_a_list_a_search_and_pages(staff: Client, trade: Any) -> None:
    for model in MODELS:
        name = f"admin:billing_{model._meta.model_name}"
        row = model._default_manager.first()
        assert row is not None, f"nothing of {model.__name__} to look at"
        assert staff.get(reverse(f"{name}_changelist")).status_code == 200
        if admin.site.get_model_admin(model).search_fields:
            assert staff.get(reverse(f"{name}_changelist"), {"q": "a"}).status_code == 200
        assert staff.get(reverse(f"{name}_change", args=[row.pk])).status_code == 200


def test_nothing_is_added_changed_or_deleted_by_hand(staff: Client, trade: Any) -> None:
    for model in MODELS:
        name = f"admin:billing_{model._meta.model_name}"
        row = model._default_manager.first()
        assert row is not None
        assert staff.get(reverse(f"{name}_add")).status_code == 403
        assert staff.post(reverse(f"{name}_change", args=[row.pk]), {}).status_code == 403
        assert staff.post(reverse(f"{name}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403


def test_links_lead_from_reader_to_customer_to_subscription_to_invoice_and_back(
    staff: Client, trade: Any
) -> None:
    customer = Customer.objects.get(reader=trade)
    subscription = Subscription.objects.get()
    invoice = Invoice.objects.filter(status="open").get()

    def page(name: str, pk: object) -> str:
        return staff.get(reverse(f"admin:{name}_change", args=[pk])).content.decode()

    to_customer = reverse("admin:billing_customer_change", args=[customer.pk])
    to_subscription = reverse("admin:billing_subscription_change", args=[subscription.pk])
    to_invoice = reverse("admin:billing_invoice_change", args=[invoice.pk])
    to_reader = reverse("admin:accounts_user_change", args=[trade.pk])
    assert to_customer in page("accounts_user", trade.pk)
    assert to_subscription in page("billing_customer", customer.pk)
    assert to_invoice in page("billing_subscription", subscription.pk)
    for name, pk in (("billing_subscription", subscription.pk), ("billing_invoice", invoice.pk)):
        text = page(name, pk)
        assert to_customer in text
        assert to_reader in text
        assert reverse("admin:paywall_entitlement_changelist") in text
        assert reverse("admin:billing_stripeevent_changelist") in text
    event = StripeEvent.objects.latest("pk")
    assert to_customer in page("billing_stripeevent", event.pk)


def test_every_link_leads_to_a_list(staff: Client, trade: Any) -> None:

    for model in (Customer, Subscription, Invoice, StripeEvent):
        row = model._default_manager.first()
        assert row is not None
        text = staff.get(
            reverse(f"admin:billing_{model._meta.model_name}_change", args=[row.pk])
        ).content.decode()
        for address in re.findall(r'href="(/admin/[^"]*__exact=[^"]*)"', text):
            answer = staff.get(address.replace("&amp;", "&"))
            assert answer.status_code == 200, address
            assert "e=1" not in answer.request["QUERY_STRING"]


def test_the_page_of_a_subscription_says_what_the_reader_is_told(staff: Client, trade: Any) -> None:
    text = staff.get(
        reverse("admin:billing_subscription_change", args=[Subscription.objects.get().pk])
    ).content.decode()
    assert "Payment failed" in text
    assert "The bank declined the card." in text


def act(staff: Client, model: str, action: str, *rows: Any) -> Any:
    address = reverse(f"admin:billing_{model}_changelist")
    return staff.post(address, {"action": action, "_selected_action": [row.pk for row in rows]}, follow=True)


def test_sync_now_looks_at_stripe_and_is_logged(staff: Client, market: Market, trade: Any) -> None:
    subscription = Subscription.objects.get()
    market.sdk.v1.subscriptions.cancel(subscription.stripe_id)
    answer = act(staff, "subscription", "sync_now", subscription)
    assert answer.status_code == 200
    subscription.refresh_from_db()
    assert subscription.status == "canceled"
    assert LogEntry.objects.filter(change_message__contains="Synced").count() == 1


def test_sync_now_says_so_when_stripe_is_down(staff: Client, market: Market, trade: Any) -> None:
    market.fault(target="api", kind="status", match="*", status=503, left=1000)
    answer = act(staff, "customer", "sync_now", Customer.objects.get())
    assert "failed" in answer.content.decode()


def test_replay_puts_an_event_back(staff: Client, market: Market, trade: Any) -> None:
    event = StripeEvent.objects.latest("pk")
    StripeEvent.objects.filter(pk=event.pk).update(state=StripeEvent.State.DEAD, attempts=8)
    act(staff, "stripeevent", "replay", event)
    event.refresh_from_db()
    assert (event.state, event.attempts) == (StripeEvent.State.RECEIVED, 0)
    assert LogEntry.objects.filter(change_message__contains="Replayed").count() == 1
    assert event.pk in inbox.due_ids(now=clock.now(), limit=10)


def test_refresh_brings_the_catalogue(staff: Client, market: Market) -> None:
    market.price(market.product("Archive", unlocks="culture"), slug="archive_monthly", amount=290)

    act(staff, "plan", "refresh", Plan.objects.first())
    assert catalogue.find("archive_monthly").unit_amount == 290


def test_an_action_needs_the_right_to_change(client: Client, market: Market, trade: Any) -> None:

    looker = a_reader(is_staff=True)
    looker.user_permissions.set(Permission.objects.filter(codename="view_customer"))
    client.force_login(looker)
    before = OutboundCall.objects.count(), Customer.objects.get().synced_at
    answer = act(client, "customer", "sync_now", Customer.objects.get())
    assert answer.status_code == 200
    assert before == (OutboundCall.objects.count(), Customer.objects.get().synced_at)
