"""What a subscription was worth, from its invoices: the rules one by one, against a sandbox."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from billing import books, worth
from billing.models import BilledTime, Customer, Subscription
from tests.factories.billing import DAY, FAILS_LATER, GOOD, Shop, a_shop

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Shop:
    shop = a_shop()
    shop.sell("premium_yearly", unlocks="premium", amount=10000, interval="year")
    shop.sell("gold_monthly", unlocks="premium", amount=1490)
    return shop


def told(customer: Customer) -> list[tuple[int, int, int]]:
    """Return the stretches as days since the first, and what they are worth."""
    rows = list(BilledTime.objects.filter(subscription__customer=customer).order_by("starts_at"))
    return [
        ((row.starts_at - rows[0].starts_at).days, (row.ends_at - rows[0].starts_at).days, row.monthly)
        for row in rows
    ]


def change(shop: Shop, slug: str, subscription: str, **how: Any) -> None:
    (item,) = shop.sandbox.world.store.get("subscription", subscription)["items"]["data"]
    params: Any = {"items": [{"id": item["id"], "price": shop.prices[slug]}], **how}
    shop.stripe.v1.subscriptions.update(subscription, params)


def bought(shop: Shop, slug: str = "premium_monthly", card: str = GOOD) -> tuple[Customer, str]:
    customer = shop.customer()
    subscription = shop.subscribe(customer.stripe_id, slug=slug, card=card)
    assert subscription is not None
    return customer, subscription


def test_renewals_of_one_worth_are_one_stretch(shop: Shop) -> None:
    customer, _ = bought(shop)
    shop.sandbox.advance(months=2)
    shop.sync(customer)
    assert told(customer) == [(0, 30 + 31 + 31, 990)]


def test_a_year_is_a_twelfth_a_month_to_the_cent(shop: Shop) -> None:
    customer, _ = bought(shop, "premium_yearly")
    shop.sync(customer)
    assert told(customer) == [(0, 365, 833)]


@pytest.mark.parametrize(("amount", "expected"), [(10000, 833), (10002, 834), (-10002, -834), (6, 1)])
def test_halves_go_away_from_zero(amount: int, expected: int) -> None:
    assert worth.monthly(amount, interval="year", interval_count=1) == expected


def test_a_change_counts_from_its_moment_whether_billed_at_once_or_with_the_next_period(shop: Shop) -> None:
    at_once, first = bought(shop)
    later, second = bought(shop)
    shop.sandbox.advance(seconds=10 * DAY.total_seconds())
    change(shop, "gold_monthly", first, proration_behavior="always_invoice")
    change(shop, "gold_monthly", second)
    shop.sync(at_once)
    shop.sync(later)
    assert told(at_once) == [(0, 10, 990), (10, 30, 1490)]
    assert told(later) == [(0, 30, 990)], "Stripe has billed no change so far"
    shop.sandbox.advance(months=1)
    shop.sync(later)
    assert told(later) == [(0, 10, 990), (10, 61, 1490)]


def test_a_change_of_interval_begins_a_new_period(shop: Shop) -> None:
    customer, subscription = bought(shop)
    shop.sandbox.advance(seconds=10 * DAY.total_seconds())
    change(shop, "premium_yearly", subscription)
    shop.sync(customer)
    assert told(customer) == [(0, 10, 990), (10, 375, 833)]


def test_a_change_without_proration_counts_from_the_next_period(shop: Shop) -> None:
    customer, subscription = bought(shop)
    shop.sandbox.advance(seconds=10 * DAY.total_seconds())
    change(shop, "gold_monthly", subscription, proration_behavior="none")
    shop.sandbox.advance(months=1)
    shop.sync(customer)
    assert told(customer) == [(0, 30, 990), (30, 61, 1490)]


def test_a_change_that_waits_for_its_payment_is_none(shop: Shop) -> None:
    customer, subscription = bought(shop)
    shop.sandbox.swap_card(customer.stripe_id, card=FAILS_LATER)
    change(
        shop, "gold_monthly", subscription,
        proration_behavior="always_invoice", payment_behavior="pending_if_incomplete",
    )  # fmt: skip
    shop.sync(customer)
    assert told(customer) == [(0, 30, 990)]


def test_quantity_counts(shop: Shop) -> None:
    customer, subscription = bought(shop)
    shop.sandbox.advance(seconds=DAY.total_seconds())
    (item,) = shop.sandbox.world.store.get("subscription", subscription)["items"]["data"]
    params: Any = {"items": [{"id": item["id"], "quantity": 3}], "proration_behavior": "always_invoice"}
    shop.stripe.v1.subscriptions.update(subscription, params)
    shop.sync(customer)
    assert told(customer) == [(0, 1, 990), (1, 30, 2970)]


def test_a_discount_lowers_the_periods_that_had_it(shop: Shop) -> None:
    coupon = shop.stripe.v1.coupons.create(
        {"percent_off": 33.0, "duration": "repeating", "duration_in_months": 2}
    )
    customer, subscription = bought(shop)
    shop.stripe.v1.subscriptions.update(subscription, {"discounts": [{"coupon": coupon.id}]})
    shop.sandbox.advance(months=4)
    shop.sync(customer)
    worths = [monthly for _start, _end, monthly in told(customer)]
    assert worths == [990, 663, 990]


def test_a_trial_is_worth_nothing_and_ends_with_the_first_payment(shop: Shop) -> None:
    customer = shop.customer()
    card = shop.sandbox.swap_card(customer.stripe_id, card=GOOD)
    shop.stripe.v1.subscriptions.create(
        {
            "customer": customer.stripe_id,
            "items": [{"price": shop.prices["premium_monthly"]}],
            "trial_period_days": 14,
            "default_payment_method": card,
        }
    )
    shop.sync(customer)
    assert told(customer) == []
    shop.sandbox.advance(seconds=14 * DAY.total_seconds() + 7200)
    shop.sync(customer)
    row = BilledTime.objects.get()
    subscription = Subscription.objects.get()
    assert subscription.trial_ends_at is not None
    assert row.starts_at == subscription.trial_ends_at + timedelta(hours=1), "Stripe charges an hour later"
    assert row.monthly == 990


def test_a_payment_in_trouble_counts_until_stripe_gives_up(shop: Shop) -> None:
    customer, _ = bought(shop)
    shop.sandbox.swap_card(customer.stripe_id, card=FAILS_LATER)
    shop.sandbox.advance(months=1)
    shop.sandbox.advance(seconds=20 * DAY.total_seconds())
    shop.sync(customer)
    subscription = Subscription.objects.get()
    assert subscription.cancel_reason == "payment_failed"
    row = BilledTime.objects.get()
    assert row.ends_at == subscription.ended_at


def test_what_is_not_collected_is_worth_nothing_after_what_was_paid(shop: Shop) -> None:
    customer, subscription = bought(shop)
    pause: Any = {"pause_collection": {"behavior": "keep_as_draft"}}
    shop.stripe.v1.subscriptions.update(subscription, pause)
    shop.sandbox.advance(months=2)
    shop.sync(customer)
    assert told(customer) == [(0, 30, 990)]


def test_a_voided_invoice_counts_no_longer_from_then_on(shop: Shop) -> None:
    customer, _ = bought(shop)
    shop.sandbox.swap_card(customer.stripe_id, card=FAILS_LATER)
    shop.sandbox.advance(months=1)
    shop.sandbox.advance(seconds=2 * DAY.total_seconds())
    (open_one,) = (row for row in shop.sandbox.world.store.all("invoice") if row["status"] == "open")
    shop.stripe.v1.invoices.void_invoice(open_one["id"])
    shop.sync(customer)
    assert told(customer) == [(0, 32, 990)]


def test_a_change_that_gives_credit_for_what_nobody_paid_is_no_first_payment(shop: Shop) -> None:
    customer = shop.customer()
    card = shop.sandbox.swap_card(customer.stripe_id, card=FAILS_LATER)
    trial: Any = {
        "customer": customer.stripe_id, "items": [{"price": shop.prices["gold_monthly"]}],
        "trial_period_days": 14, "default_payment_method": card,
    }  # fmt: skip
    subscription = shop.stripe.v1.subscriptions.create(trial).id
    shop.sandbox.advance(seconds=16 * DAY.total_seconds())
    (open_one,) = (row for row in shop.sandbox.world.store.all("invoice") if row["status"] == "open")
    shop.stripe.v1.invoices.void_invoice(open_one["id"])
    change(shop, "premium_monthly", subscription, proration_behavior="always_invoice")
    shop.sandbox.advance(months=1)
    shop.sync(customer)
    assert [row["status"] for row in shop.sandbox.world.store.all("invoice")] == [
        "paid",
        "void",
        "paid",
        "open",
    ]
    assert told(customer) == []


def test_looking_again_writes_nothing(shop: Shop) -> None:
    customer, _ = bought(shop)
    shop.sandbox.advance(months=2)
    shop.sync(customer)
    before = list(BilledTime.objects.values_list("pk", flat=True))
    shop.sync(customer)
    assert list(BilledTime.objects.values_list("pk", flat=True)) == before


def test_the_books_tell_new_churned_and_returned(shop: Shop) -> None:
    customer, subscription = bought(shop)
    start = shop.now.date()
    shop.sandbox.advance(seconds=3 * DAY.total_seconds())
    shop.gateway.cancel_now(subscription=subscription, key="c")
    shop.sandbox.advance(seconds=2 * DAY.total_seconds())
    assert shop.subscribe(customer.stripe_id) is not None
    shop.sync(customer)
    days = books.report(first=start, last=start + 6 * DAY).days
    assert [each.new for each in days] == [1, 0, 0, 0, 0, 0, 0]
    assert [each.churned_voluntary for each in days] == [0, 0, 0, 1, 0, 0, 0]
    assert [each.returned for each in days] == [0, 0, 0, 0, 0, 1, 0]
    assert [each.mrr for each in days] == [990, 990, 990, 0, 0, 990, 990]
    assert [each.paid for each in days] == [990, 0, 0, 0, 0, 990, 0]
