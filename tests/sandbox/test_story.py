"""The demo's story at Stripe's side: buy, renew, fail, recover, cancel."""

from __future__ import annotations

import pytest
import stripe

from billing.sandbox.sandbox import Sandbox

DAY = 24 * 3600


def test_a_paid_checkout_makes_an_active_subscription(client, subscription, customer) -> None:
    assert subscription.status == "active"
    assert subscription.customer == customer.id
    invoice = client.v1.invoices.retrieve(subscription.latest_invoice, {"expand": ["payments"]})
    assert (invoice.status, invoice.amount_paid, invoice.billing_reason) == (
        "paid",
        990,
        "subscription_create",
    )
    assert invoice.payments.data[0].status == "paid"


def test_a_month_later_it_has_renewed_and_been_charged(sandbox, client, subscription) -> None:
    end = subscription["items"].data[0].current_period_end
    sandbox.advance(months=1)
    renewed = client.v1.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert renewed.status == "active"
    assert renewed["items"].data[0].current_period_start == end
    assert renewed.latest_invoice.status == "paid"
    assert renewed.latest_invoice.billing_reason == "subscription_cycle"


def test_a_failing_card_makes_it_past_due_and_paying_makes_it_active(
    sandbox, client, subscription, customer
) -> None:
    sandbox.swap_card(customer.id, card="0341")
    sandbox.advance(months=1)
    late = client.v1.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice.payments"]})
    assert late.status == "past_due"
    invoice = late.latest_invoice
    assert (invoice.status, invoice.attempt_count) == ("open", 1)
    assert invoice.next_payment_attempt
    intent = client.v1.payment_intents.retrieve(invoice.payments.data[0].payment.payment_intent)
    assert intent.last_payment_error.decline_code == "generic_decline"

    session = client.v1.checkout.sessions.create(
        {"mode": "setup", "customer": customer.id, "currency": "eur", "success_url": "http://localhost:8000/"}
    )
    sandbox.complete_checkout(session.id)
    setup = client.v1.setup_intents.retrieve(client.v1.checkout.sessions.retrieve(session.id).setup_intent)
    assert setup.status == "succeeded"
    assert client.v1.invoices.retrieve(invoice.id).status == "open"
    paid = client.v1.invoices.pay(invoice.id, {"payment_method": setup.payment_method})
    assert paid.status == "paid"
    assert client.v1.subscriptions.retrieve(subscription.id).status == "active"


def test_after_the_last_retry_it_is_canceled(sandbox, client, subscription, customer) -> None:
    sandbox.swap_card(customer.id, card="0341")
    sandbox.advance(months=1)
    sandbox.advance(seconds=16 * DAY)
    ended = client.v1.subscriptions.retrieve(subscription.id)
    assert ended.status == "canceled"
    assert ended.cancellation_details.reason == "payment_failed"
    invoice = client.v1.invoices.retrieve(ended.latest_invoice)
    assert (invoice.status, invoice.attempt_count, invoice.next_payment_attempt) == ("open", 4, None)
    assert client.v1.subscriptions.list({"customer": customer.id}).data == []
    assert len(client.v1.subscriptions.list({"customer": customer.id, "status": "all"}).data) == 1


def test_cancel_at_period_end_resume_and_cancel_again(sandbox: Sandbox, client, subscription) -> None:
    end = subscription["items"].data[0].current_period_end
    planned = client.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    assert (planned.cancel_at, planned.cancel_at_period_end) == (end, True)
    with pytest.raises(stripe.InvalidRequestError, match="only specify one"):
        client.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": False, "cancel_at": ""})
    resumed = client.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": False})
    assert resumed.cancel_at is None
    client.v1.subscriptions.update(subscription.id, {"cancel_at": end})
    still = client.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": False})
    assert still.cancel_at == end, "the flag does not clear a date that was set without it"
    client.v1.subscriptions.update(subscription.id, {"cancel_at": ""})
    client.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    sandbox.advance(to=end - 5)
    assert client.v1.subscriptions.retrieve(subscription.id).status == "active"
    sandbox.advance(to=end)
    ended = client.v1.subscriptions.retrieve(subscription.id)
    assert (ended.status, ended.ended_at) == ("canceled", end)
