"""What happens next, from the mirror alone: every state of a subscription in its holder's words."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import translation

from accounts.models import User
from billing import outlook
from billing.models import Customer, Invoice, PaymentMethod, Plan, Price, Subscription, SubscriptionItem
from tests.factories.accounts import a_reader
from tests.factories.paywall import product

DAY = timedelta(days=1)

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader() -> User:
    return a_reader()


@pytest.fixture
def customer(reader: User, now: datetime) -> Customer:
    customer = Customer.objects.create(reader=reader, stripe_id="cus_1", default_card="pm_1", created_at=now)
    PaymentMethod.objects.create(
        stripe_id="pm_1",
        customer=customer,
        type="card",
        brand="visa",
        last4="0341",
        exp_month=4,
        exp_year=2030,
    )
    return customer


def subscribed(
    customer: Customer, *, now: datetime, name: str = "sub_1", slug: str = "premium", **fields: Any
) -> Any:
    """Store a subscription to one product, whose month began ten days ago."""
    product(slug, slug.title())
    plan, _ = Plan.objects.get_or_create(
        stripe_id=f"prod_{slug}", defaults={"name": slug.title(), "unlocks": [slug]}
    )
    price, _ = Price.objects.get_or_create(
        stripe_id=f"price_{slug}",
        defaults={
            "plan": plan,
            "slug": f"{slug}_monthly",
            "unit_amount": 990,
            "currency": "eur",
            "interval": "month",
        },
    )
    begun = now - 10 * DAY
    row = Subscription.objects.create(
        **{
            "stripe_id": name,
            "customer": customer,
            "status": "active",
            "starts_at": begun,
            "period_ends_at": begun + 30 * DAY,
            "currency": "eur",
            "created_at": begun,
            "synced_at": now,
            **fields,
        }
    )
    SubscriptionItem.objects.create(
        stripe_id=f"si_{name}",
        subscription=row,
        price=price,
        stripe_price=price.stripe_id,
        stripe_product=plan.stripe_id,
        unit_amount=990,
        currency="eur",
        interval="month",
        period_starts_at=begun,
        period_ends_at=begun + 30 * DAY,
    )
    return row


def owed(row: Subscription, *, now: datetime, **fields: Any) -> Invoice:
    """Store an open invoice that was tried two days ago."""
    return Invoice.objects.create(
        **{
            "stripe_id": f"in_{row.stripe_id}",
            "customer": row.customer,
            "subscription": row,
            "status": "open",
            "currency": "eur",
            "amount_due": 990,
            "amount_paid": 0,
            "amount_remaining": 990,
            "total": 990,
            "attempted": True,
            "attempt_count": 1,
            "failure_code": "insufficient_funds",
            "next_payment_attempt": now + DAY,
            "created_at": now - 2 * DAY,
            "finalized_at": now - 2 * DAY,
            "hosted_url": "https://invoice.example/1",
            **fields,
        }
    )


def of(reader: User, now: datetime) -> outlook.Outlook:
    state = outlook.of(reader, now=now)
    assert state is not None
    return state


def test_nobody_who_never_subscribed_has_one(reader: User, now: datetime) -> None:
    assert outlook.of(reader, now=now) is None


def test_active(reader: User, customer: Customer, now: datetime) -> None:
    subscribed(customer, now=now)
    state = of(reader, now)
    assert (state.plan_name, state.product_names, state.price_text) == (
        "Premium",
        ("Premium",),
        "€9.90 a month",
    )
    assert (state.next_charge_at, state.next_charge_text) == (now + 20 * DAY, "€9.90")
    assert (state.can_cancel, state.can_resume, state.needs_card) == (True, False, False)
    assert state.access_ends_at is None
    assert state.card is not None
    assert state.card.text == "Visa •••• 0341"
    assert state.summary == "Active · €9.90 on Dec. 15, 2026"


def test_credit_is_used_up_first(reader: User, customer: Customer, now: datetime) -> None:
    subscribed(customer, now=now)
    Customer.objects.update(balance=-400)
    assert of(reader, now).next_charge_amount == 590
    Customer.objects.update(balance=-4000)
    assert of(reader, now).next_charge_amount == 0


@pytest.mark.parametrize("way", ["flag", "date"])
def test_cancelled_in_either_of_stripes_ways(
    reader: User, customer: Customer, now: datetime, way: str
) -> None:
    end = now + 20 * DAY
    subscribed(customer, now=now, **({"cancel_at_period_end": True} if way == "flag" else {"cancel_at": end}))
    state = of(reader, now)
    assert (state.cancel_scheduled, state.can_resume, state.can_cancel) == (True, True, False)
    assert (state.next_charge_at, state.access_ends_at) == (None, end)
    assert state.status_text == "Ends on Dec. 15, 2026"


def test_an_end_after_the_next_charge_does_not_hide_it(
    reader: User, customer: Customer, now: datetime
) -> None:
    subscribed(customer, now=now, cancel_at=now + 50 * DAY)
    assert of(reader, now).next_charge_at == now + 20 * DAY


@pytest.mark.parametrize(
    ("since", "in_grace"),
    [
        pytest.param(0, True, id="just failed"),
        pytest.param(6.9, True, id="the last hours"),
        pytest.param(7, False, id="the end is exclusive"),
        pytest.param(30, False, id="long over"),
    ],
)
def test_past_due(reader: User, customer: Customer, now: datetime, since: float, in_grace: bool) -> None:
    row = subscribed(customer, now=now, status="past_due", past_due_since=now - since * DAY)
    owed(row, now=now)
    state = of(reader, now)
    assert state.in_grace is in_grace
    assert state.grace_until == state.access_ends_at == now + (7 - since) * DAY
    assert (state.needs_card, state.confirm_url, state.retry_at) == (True, "", now + DAY)
    assert state.failure_text == "The bank says that there is not enough money in the account."
    assert (state.next_charge_at, state.status_text) == (None, "Payment failed")


def test_a_bank_that_asks_needs_no_card(reader: User, customer: Customer, now: datetime) -> None:
    row = subscribed(customer, now=now, status="past_due", past_due_since=now - DAY)
    owed(row, now=now, needs_action=True, failure_code="authentication_required")
    state = of(reader, now)
    assert (state.needs_card, state.confirm_url) == (False, "https://invoice.example/1")
    assert state.failure_code == "authentication_required"
    assert state.status_text == "Waiting for your confirmation"


def test_unpaid_has_no_grace(reader: User, customer: Customer, now: datetime) -> None:
    row = subscribed(customer, now=now, status="unpaid", past_due_since=now - DAY)
    owed(row, now=now)
    state = of(reader, now)
    assert (state.in_grace, state.needs_card, state.can_cancel) == (False, True, True)


def test_a_trial(reader: User, customer: Customer, now: datetime) -> None:
    subscribed(customer, now=now, status="trialing", trial_ends_at=now + 20 * DAY)
    state = of(reader, now)
    assert state.status_text == "Trial until Dec. 15, 2026"
    assert state.next_charge_at == now + 20 * DAY


def test_paused(reader: User, customer: Customer, now: datetime) -> None:
    subscribed(customer, now=now, status="paused")
    state = of(reader, now)
    assert (state.status_text, state.next_charge_at) == ("Paused", None)


def test_ended(reader: User, customer: Customer, now: datetime) -> None:
    subscribed(customer, now=now, status="canceled", ended_at=now - DAY, cancel_at=now - DAY)
    state = of(reader, now)
    assert (state.status_text, state.access_ends_at) == ("Ended on Nov. 24, 2026", now - DAY)
    assert (state.can_cancel, state.can_resume, state.cancel_scheduled, state.is_open) == (False,) * 4


def test_a_word_of_stripes_that_we_do_not_know_counts_as_open(
    reader: User, customer: Customer, now: datetime
) -> None:
    subscribed(customer, now=now, status="hibernating")
    state = of(reader, now)
    assert (state.status_text, state.is_open, state.can_cancel) == (
        "We are looking into it",
        True,
        True,
    )
    assert state.next_charge_at is None


def test_a_payment_in_trouble_comes_first_and_ended_ones_are_left_out(
    reader: User, customer: Customer, now: datetime
) -> None:
    subscribed(customer, now=now, name="sub_old", status="canceled", ended_at=now - DAY)
    row = subscribed(
        customer, now=now, name="sub_failed", slug="culture", status="past_due", past_due_since=now - DAY
    )
    owed(row, now=now)
    subscribed(customer, now=now, name="sub_new", created_at=now)
    assert [state.plan_name for state in outlook.every(reader, now=now)] == ["Culture", "Premium"]


def test_of_several_ended_ones_the_last_stands_alone(reader: User, customer: Customer, now: datetime) -> None:
    subscribed(customer, now=now, name="sub_a", status="canceled", ended_at=now - 2 * DAY)
    subscribed(customer, now=now, name="sub_b", slug="culture", status="canceled", ended_at=now - DAY)
    assert [state.plan_name for state in outlook.every(reader, now=now)] == ["Culture"]


def test_a_subscriptions_own_card_is_the_one_that_is_charged(
    reader: User, customer: Customer, now: datetime
) -> None:
    PaymentMethod.objects.create(
        stripe_id="pm_2", customer=customer, type="card", brand="mastercard", last4="4444"
    )
    subscribed(customer, now=now, default_card="pm_2")
    card = of(reader, now).card
    assert card is not None
    assert card.text == "Mastercard •••• 4444"


def test_it_speaks_german(reader: User, customer: Customer, now: datetime) -> None:
    subscribed(customer, now=now, cancel_at_period_end=True)
    with translation.override("de"):
        state = of(reader, now)
    assert state.status_text == "Endet am 15. Dezember 2026"
    assert state.price_text == "9,90\xa0€ im Monat"
