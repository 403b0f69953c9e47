"""What a change leaves behind cannot be paid: Checkout for what a reader holds by now, an invoice they gave up."""

from __future__ import annotations

import pytest

from accounts.models import User
from billing import contracts, leftovers, reconciliation, subscribing, sync, tasks
from billing.errors import StripeTrouble
from billing.models import CheckoutAttempt, Invoice, Price, Subscription
from tests.billing.market import BACK, GOOD_CARD, Market
from tests.factories.accounts import a_reader


def opened(market: Market, reader: User, price: str = "premium_monthly") -> CheckoutAttempt:
    """Open Checkout and leave it open."""
    checkout = subscribing.start(reader, price=price, return_url=BACK, gateway=market.gateway, now=market.now)
    attempt = subscribing.attempt_of(reader, checkout.attempt)
    assert attempt is not None
    return attempt


def subscribe_by_hand(market: Market, reader: User, price: str = "premium_yearly") -> None:
    """Make a subscription as staff do in Stripe's dashboard."""
    customer = market.customer(reader).stripe_id
    market.sandbox.swap_card(customer, card=GOOD_CARD)
    market.sdk.v1.subscriptions.create(
        {"customer": customer, "items": [{"price": Price.objects.get(slug=price).stripe_id}]}
    )


def hear(market: Market, reader: User) -> None:
    """Let a worker look at the reader, as it does after an event."""
    customer = market.customer(reader)
    sync.request([customer.pk], now=market.now)
    tasks.sync_customers(ids=[customer.pk])


class TestCheckout:
    def test_for_what_was_given_by_hand_meanwhile_is_closed(self, market: Market) -> None:
        reader = a_reader()
        attempt = opened(market, reader)
        subscribe_by_hand(market, reader)
        hear(market, reader)
        attempt.refresh_from_db()
        assert attempt.state == CheckoutAttempt.State.CLOSED
        assert market.gateway.checkout(attempt.session_id).status == "expired"
        hear(market, reader)
        assert len(market.objects("checkout.session")) == Subscription.objects.count() == 1

    def test_for_something_else_stays_open(self, market: Market) -> None:
        reader = a_reader()
        attempt = opened(market, reader, "culture_monthly")
        subscribe_by_hand(market, reader)
        hear(market, reader)
        attempt.refresh_from_db()
        assert attempt.state == CheckoutAttempt.State.OPEN
        assert market.gateway.checkout(attempt.session_id).status == "open"

    def test_that_led_to_what_the_reader_holds_is_finished(self, market: Market) -> None:
        reader = a_reader()
        attempt = opened(market, reader)
        market.sandbox.complete_checkout(attempt.session_id, card=GOOD_CARD)
        hear(market, reader)
        attempt.refresh_from_db()
        assert attempt.state == CheckoutAttempt.State.DONE

    def test_that_is_being_paid_is_not_taken_from_under_the_reader(self, market: Market) -> None:
        reader = a_reader()
        attempt = opened(market, reader)
        subscribe_by_hand(market, reader)
        market.look(reader)
        Subscription.objects.update(status="incomplete")  # as Stripe has it between the card and the bank
        leftovers.clear(market.customer(reader).pk, gateway=market.gateway, now=market.now)
        attempt.refresh_from_db()
        assert attempt.state == CheckoutAttempt.State.OPEN

    def test_that_nobody_was_led_to_yet_is_closed_here(self, market: Market) -> None:
        reader = a_reader()
        attempt = opened(market, reader)
        subscribe_by_hand(market, reader)
        CheckoutAttempt.objects.update(session_id="")
        hear(market, reader)
        attempt.refresh_from_db()
        assert attempt.state == CheckoutAttempt.State.CLOSED

    def test_that_could_not_be_closed_is_closed_after_the_next_sweep(self, market: Market) -> None:
        reader = a_reader()
        attempt = opened(market, reader)
        subscribe_by_hand(market, reader)
        market.fault(
            target="api", kind="status", match="POST /v1/checkout/sessions/*", status=500, recorded=True
        )
        hear(market, reader)
        attempt.refresh_from_db()
        assert attempt.state == CheckoutAttempt.State.OPEN
        market.sandbox.world.faults.clear()
        assert reconciliation.sweep_boundaries(now=market.now) == 1
        tasks.sync_customers(ids=sync.waiting_ids(now=market.now, limit=9))
        attempt.refresh_from_db()
        assert attempt.state == CheckoutAttempt.State.CLOSED
        assert market.gateway.checkout(attempt.session_id).status == "expired"
        assert reconciliation.sweep_boundaries(now=market.now) == 0


class TestInvoice:
    @pytest.fixture
    def reader(self, market: Market) -> User:
        """Someone whose renewal failed."""
        reader = a_reader()
        market.buy(reader)
        market.fail_renewal(reader)
        return reader

    def open_at_stripe(self, market: Market) -> list[str]:
        return [one["id"] for one in market.objects("invoice") if one["status"] == "open"]

    def test_of_a_period_given_up_is_void_after_a_cancellation_that_died_halfway(
        self, market: Market, reader: User
    ) -> None:
        market.fault(target="api", kind="status", match="POST /v1/invoices/*", status=503, left=9)
        with pytest.raises(StripeTrouble):
            contracts.cancel(reader, gateway=market.gateway, now=market.now)
        assert Subscription.objects.get().status == "canceled"
        assert self.open_at_stripe(market)
        market.sandbox.world.faults.clear()
        assert reconciliation.sweep_boundaries(now=market.now) == 1
        tasks.sync_customers(ids=sync.waiting_ids(now=market.now, limit=9))
        assert self.open_at_stripe(market) == []
        assert not Invoice.objects.filter(status="open").exists()
        assert reconciliation.sweep_boundaries(now=market.now) == 0

    def test_of_a_subscription_that_somebody_else_ended_is_for_them_to_decide(
        self, market: Market, reader: User
    ) -> None:
        market.gateway.cancel_now(subscription=Subscription.objects.get().stripe_id, key="by-hand")
        hear(market, reader)
        assert Subscription.objects.get().status == "canceled"
        assert self.open_at_stripe(market)
