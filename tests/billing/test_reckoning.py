"""What went back, compared with Stripe's: after whatever was lost, both ends tell the same."""

from __future__ import annotations

import time
from typing import Any

import pytest

from billing import comparison, reckoning, reconciliation, sync, tasks
from billing.models import Alert, Customer, Dispute, Invoice, ReconcileRun, Refund, Subscription
from paywall import entitlements
from tests.factories.accounts import a_reader
from tests.factories.billing import DAY, Shop, a_shop

pytestmark = pytest.mark.django_db


def subscriber(shop: Shop) -> Customer:
    customer = shop.customer(a_reader())
    shop.subscribe(customer.stripe_id)
    shop.sync(customer)
    return customer


def compare_all(shop: Shop, **options: Any) -> ReconcileRun:
    return comparison.advance(comparison.start(now=shop.now), gateway=shop.gateway, now=shop.now, **options)


def charge_of(customer: Customer) -> str:
    return Invoice.objects.filter(customer=customer).exclude(charge="").latest("created_at").charge


def test_what_was_lost_is_found_repaired_and_then_equal(shop: Shop) -> None:
    refunded, disputed, warned = (subscriber(shop) for _reader in range(3))
    shop.stripe.v1.refunds.create({"charge": charge_of(refunded), "amount": 100})
    shop.sandbox.dispute(charge_of(disputed))
    shop.sandbox.warn_of_fraud(charge_of(warned))
    run = compare_all(shop)
    assert (run.returns_checked, run.returns_equal) == (3, 3)
    assert len(run.drift) == 3
    assert (Refund.objects.count(), Dispute.objects.count()) == (1, 1)
    assert {alert.kind for alert in Alert.objects.all()} == {"dispute", "fraud_warning"}
    again = compare_all(shop)
    assert (again.returns_checked, again.returns_equal, again.drift) == (3, 3, [])


def test_a_look_through_tells_the_same_and_changes_nothing(shop: Shop) -> None:
    customer = subscriber(shop)
    refund = shop.stripe.v1.refunds.create({"charge": charge_of(customer), "amount": 100})
    (found,) = reckoning.look_through(gateway=shop.gateway)
    assert str(found) == f"{refund.id}: succeeded 100 at Stripe, unknown here"
    assert not Refund.objects.exists()


def test_a_verdict_that_nobody_heard_of_is_found(shop: Shop) -> None:
    customer = subscriber(shop)
    dispute = shop.sandbox.dispute(charge_of(customer))
    shop.sync(customer)
    sync.request([customer.pk], now=shop.now)
    shop.sync(customer)
    shop.stripe.v1.disputes.close(dispute)
    run = compare_all(shop)
    assert run.drift == [f"{dispute}: needs_response 990, not lost 990"]
    assert Dispute.objects.get().status == "lost"


def test_somebody_elses_business_on_the_account_is_left_alone(shop: Shop) -> None:
    stranger = shop.gateway.create_customer(email="x@shop.example", reader="nobody", key="stranger")
    shop.subscribe(stranger)
    charge = next(one for one in shop.sandbox.world.store.all("charge") if one["customer"] == stranger)
    shop.stripe.v1.refunds.create({"charge": charge["id"]})
    run = compare_all(shop)
    assert (run.returns_checked, Refund.objects.count()) == (0, 0)


def test_it_goes_on_where_it_stopped(shop: Shop) -> None:
    customers = [subscriber(shop) for _reader in range(3)]
    for customer in customers:
        shop.stripe.v1.refunds.create({"charge": charge_of(customer), "amount": 100})
    stages = []
    for _step in range(20):
        run = compare_all(shop, seconds=0, page=1)
        stages.append(run.stage)
        if run.finished_at is not None:
            break
    assert run.finished_at is not None
    assert stages[:4] == ["subscriptions"] * 3 + ["refunds"]
    assert (run.checked, run.returns_checked, run.returns_equal) == (3, 3, 3)


def test_it_asks_stripe_no_more_often_than_is_set(shop: Shop, settings: Any) -> None:
    for _reader in range(3):
        subscriber(shop)
    settings.RECONCILE_CALLS_PER_SECOND = 2  # 3 pages: 3 calls, of which 4 may come at once
    began = time.monotonic()
    compare_all(shop, page=1)
    assert time.monotonic() - began < 2
    settings.RECONCILE_CALLS_PER_SECOND = 1
    began = time.monotonic()
    compare_all(shop, page=1)
    assert time.monotonic() - began >= 1


def test_forty_days_without_a_word_end_equal(settings: Any) -> None:
    """Stripe keeps events for thirty days, so a replay cannot tell what came before; the comparison does."""
    settings.ACCESS_AFTER_REFUND = "withdraw"
    shop = a_shop(seed="forty days")
    refunded, disputed, cancelled, renewed = (subscriber(shop) for _reader in range(4))
    reconciliation.replay(gateway=shop.gateway, now=shop.now)
    shop.work()
    shop.sandbox.advance(seconds=5 * 86400)
    shop.stripe.v1.refunds.create({"charge": charge_of(refunded)})
    shop.stripe.v1.subscriptions.cancel(Subscription.objects.get(customer=cancelled).stripe_id)
    dispute = shop.sandbox.dispute(charge_of(disputed))
    shop.sandbox.advance(seconds=20 * 86400)
    shop.stripe.v1.disputes.close(dispute)
    shop.sandbox.advance(seconds=15 * 86400)
    for event in list(shop.sandbox.world.store.all("event")):
        if event["created"] < shop.sandbox.now() - 30 * 86400:
            shop.sandbox.world.store.drop(event)
    assert reconciliation.was_away_too_long(now=shop.now)
    compare_all(shop)
    shop.work()
    again = compare_all(shop)
    assert (again.equal, again.checked) == (4, 4)
    assert (again.returns_equal, again.returns_checked, again.drift) == (2, 2, [])
    assert Subscription.objects.get(customer=cancelled).status == "canceled"
    assert (Refund.objects.count(), Dispute.objects.get().status) == (1, "lost")
    (grant,) = entitlements.snapshot(renewed.reader, now=shop.now)
    assert grant.ends_at > shop.now + DAY


def test_two_open_for_one_product_are_an_alert_until_one_is_ended(shop: Shop) -> None:
    customer = subscriber(shop)
    shop.subscribe(customer.stripe_id)
    sync.request([customer.pk], now=shop.now)
    shop.sync(customer)
    alert = Alert.objects.get()
    assert (alert.kind, alert.closed_at) == ("bought_twice", None)
    assert "premium" in alert.text
    shop.stripe.v1.subscriptions.cancel(alert.about)
    sync.request([customer.pk], now=shop.now)
    shop.sync(customer)
    alert.refresh_from_db()
    assert alert.closed_at is not None


def test_an_invoice_that_is_stuck_is_found_although_its_news_was_lost(shop: Shop) -> None:
    customer = subscriber(shop)
    end = Subscription.objects.get().period_ends_at
    assert end is not None
    shop.sandbox.advance(to=int(end.timestamp()) + 60)
    sync.request([customer.pk], now=shop.now)
    shop.sync(customer)
    assert Invoice.objects.filter(status="draft").exists()
    shop.sandbox.advance(seconds=86400)
    compare_all(shop)
    assert not Invoice.objects.filter(status="draft").exists()


def test_the_stages_are_those_of_the_comparison() -> None:
    assert ("subscriptions", *reckoning.Stage) == comparison._STAGES
    assert tasks.reconcile.name == "billing.reconcile"
