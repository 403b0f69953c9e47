"""Buying once, whatever is clicked; ending; keeping after all."""

from __future__ import annotations

from typing import Any

import pytest

from billing import contracts, outlook, subscribing
from billing.errors import AlreadySubscribed, NothingToDo, NotOnSale, PaymentWaiting, StripeTrouble
from billing.models import CheckoutAttempt, Invoice, OutboundCall, Subscription
from billing.subscribing import Arrival
from tests.billing.market import BACK, Market
from tests.factories.accounts import a_reader


def start(
    market: Market, reader, price: str = "premium_monthly", return_url: str = BACK
) -> subscribing.Checkout:
    return subscribing.start(
        reader, price=price, return_url=return_url, gateway=market.gateway, now=market.now
    )


def attempt(reader, checkout: subscribing.Checkout) -> CheckoutAttempt:
    found = subscribing.attempt_of(reader, checkout.attempt)
    assert found is not None
    return found


def finish(market: Market, row: CheckoutAttempt) -> Arrival:
    return subscribing.finish(row, session_id=row.session_id, gateway=market.gateway, now=market.now)


class TestStart:
    def test_a_second_click_gets_the_same_checkout(self, market: Market) -> None:
        reader = a_reader()
        first, second = start(market, reader), start(market, reader)
        assert first == second
        assert len(market.objects("checkout.session")) == len(market.objects("customer")) == 1

    def test_the_last_return_address_counts(self, market: Market) -> None:
        reader = a_reader()
        start(market, reader)
        checkout = start(market, reader, return_url="http://localhost:8001/another")
        assert attempt(reader, checkout).return_url == "http://localhost:8001/another"

    def test_another_price_closes_the_first_session(self, market: Market) -> None:
        reader = a_reader()
        first = attempt(reader, start(market, reader))
        second = attempt(reader, start(market, reader, "premium_yearly"))
        assert first.pk != second.pk
        assert market.gateway.checkout(first.session_id).status == "expired"
        assert market.gateway.checkout(second.session_id).status == "open"

    def test_a_price_that_is_not_on_sale_is_refused(self, market: Market) -> None:
        with pytest.raises(NotOnSale):
            start(market, a_reader(), "premium_weekly")
        assert not CheckoutAttempt.objects.exists()

    def test_a_paid_session_nobody_told_us_of_is_found(self, market: Market) -> None:
        reader = a_reader()
        row = attempt(reader, start(market, reader))
        market.sandbox.complete_checkout(row.session_id)
        with pytest.raises(AlreadySubscribed):
            start(market, reader)
        row.refresh_from_db()
        assert row.state == CheckoutAttempt.State.DONE

    def test_a_subscriber_is_not_sold_the_same_again(self, market: Market) -> None:
        reader = a_reader()
        market.buy(reader)
        with pytest.raises(AlreadySubscribed) as refusal:
            start(market, reader, "premium_yearly")
        assert refusal.value.remedies == ()

    def test_a_cancelled_one_is_offered_to_resume(self, market: Market) -> None:
        reader = a_reader()
        market.buy(reader)
        contracts.cancel(reader, gateway=market.gateway, now=market.now)
        with pytest.raises(AlreadySubscribed) as refusal:
            start(market, reader)
        assert [remedy["kind"] for remedy in refusal.value.remedies] == ["resume"]

    def test_another_product_may_be_bought(self, market: Market) -> None:
        reader = a_reader()
        market.buy(reader, "culture_monthly")
        market.buy(reader, "premium_monthly")
        assert Subscription.objects.filter(status="active").count() == 2

    def test_whose_card_failed_is_sent_to_the_card(self, market: Market) -> None:
        reader = a_reader()
        market.buy(reader)
        market.fail_renewal(reader)
        for price in ("premium_yearly", "culture_monthly"):
            with pytest.raises(PaymentWaiting) as refusal:
                start(market, reader, price)
            assert [remedy["kind"] for remedy in refusal.value.remedies] == ["fix_card"]

    def test_whose_bank_asks_is_sent_to_the_confirmation(self, market: Market) -> None:
        reader = a_reader()
        market.buy(reader)
        market.fail_renewal(reader, card="4000002760003184")
        with pytest.raises(PaymentWaiting) as refusal:
            start(market, reader)
        assert [remedy["kind"] for remedy in refusal.value.remedies] == ["confirm_payment"]

    def test_an_expired_session_is_followed_by_a_new_one(self, market: Market) -> None:
        reader = a_reader()
        first = attempt(reader, start(market, reader))
        market.sandbox.advance(seconds=25 * 3600)
        second = attempt(reader, start(market, reader))
        assert second.pk != first.pk
        assert market.gateway.checkout(second.session_id).status == "open"

    def test_a_lost_answer_leads_to_the_same_session(self, market: Market) -> None:
        reader = a_reader()
        market.fault(target="api", kind="drop_response", match="POST /v1/checkout/sessions")
        start(market, reader)
        assert len(market.objects("checkout.session")) == 1

    def test_an_error_that_stripe_remembers_is_got_around(self, market: Market) -> None:
        reader = a_reader()
        market.fault(
            target="api", kind="status", match="POST /v1/checkout/sessions", status=500, recorded=True
        )
        assert start(market, reader).url

    def test_a_page_that_stripe_would_not_close_is_closed_by_the_next_click(
        self, market: Market, settings: Any
    ) -> None:
        settings.CHECKOUT_SECONDS_TO_WAIT = 0.0
        reader = a_reader()
        first = attempt(reader, start(market, reader))
        market.fault(
            target="api", kind="status", match="POST /v1/checkout/sessions/*", status=500, recorded=True
        )
        with pytest.raises(StripeTrouble):
            start(market, reader, "premium_yearly")
        assert start(market, reader, "premium_yearly").url
        assert market.gateway.checkout(first.session_id).status == "expired"

    def test_stripe_down_is_trouble_and_leaves_the_way_open(self, market: Market, settings: Any) -> None:
        settings.CHECKOUT_SECONDS_TO_WAIT = 0.2
        reader = a_reader()
        market.fault(target="api", kind="status", match="*", status=503, left=1000)
        with pytest.raises(StripeTrouble):
            start(market, reader)
        market.sandbox.world.faults.clear()
        assert start(market, reader).url

    def test_a_customer_deleted_at_stripe_is_followed_by_a_new_one(self, market: Market) -> None:
        reader = a_reader()
        market.buy(reader)
        old = market.customer(reader)
        market.sdk.v1.customers.delete(old.stripe_id)
        with pytest.raises(AlreadySubscribed):
            start(market, reader)  # what we knew when the reader asked
        market.look(reader)
        assert start(market, reader).url
        assert market.customer(reader).pk != old.pk

    def test_only_a_first_subscription_has_a_trial(self, market: Market) -> None:
        reader = a_reader()
        market.buy(reader, "culture_monthly")
        state = outlook.of(reader, now=market.now)
        assert state is not None
        assert state.status == "active"


class TestFinish:
    def test_paid_is_done_and_stays_done(self, market: Market) -> None:
        reader = a_reader()
        row = attempt(reader, start(market, reader))
        market.sandbox.complete_checkout(row.session_id)
        assert finish(market, row) is Arrival.DONE
        row.refresh_from_db()
        assert finish(market, row) is Arrival.DONE
        assert Subscription.objects.filter(customer__reader=reader, status="active").count() == 1

    def test_a_session_that_stripe_does_not_know_is_followed_by_another(self, market: Market) -> None:
        reader = a_reader()
        row = attempt(reader, start(market, reader))
        CheckoutAttempt.objects.update(session_id="cs_test_of_another_account")
        assert attempt(reader, start(market, reader)).pk != row.pk

    def test_a_session_of_a_customer_deleted_since_is_followed_by_another(self, market: Market) -> None:
        reader = a_reader()
        row = attempt(reader, start(market, reader))
        gone = market.customer(reader)
        market.sdk.v1.customers.delete(gone.stripe_id)
        market.look(reader)
        other = attempt(reader, start(market, reader))
        assert other.session_id != row.session_id
        market.sandbox.complete_checkout(other.session_id)
        assert finish(market, other) is Arrival.DONE
        assert market.gateway.checkout(row.session_id).status == "expired"

    def test_turning_back_is_unpaid(self, market: Market) -> None:
        reader = a_reader()
        row = attempt(reader, start(market, reader))
        assert finish(market, row) is Arrival.UNPAID
        row.refresh_from_db()
        assert row.state == CheckoutAttempt.State.OPEN

    def test_a_session_of_somebody_else_is_not_believed(self, market: Market) -> None:
        reader, other = a_reader(), a_reader()
        theirs = attempt(other, start(market, other))
        market.sandbox.complete_checkout(theirs.session_id)
        own = attempt(reader, start(market, reader))
        arrival = subscribing.finish(
            own, session_id=theirs.session_id, gateway=market.gateway, now=market.now
        )
        assert arrival is Arrival.UNPAID
        assert not Subscription.objects.filter(customer__reader=reader).exists()

    def test_an_attempt_is_found_only_by_its_reader(self, market: Market) -> None:
        reader, other = a_reader(), a_reader()
        checkout = start(market, other)
        assert subscribing.attempt_of(reader, checkout.attempt) is None


class TestCancelAndResume:
    def test_cancelling_keeps_the_paid_period(self, market: Market) -> None:
        reader = a_reader()
        market.buy(reader)
        contracts.cancel(reader, gateway=market.gateway, now=market.now)
        state = outlook.of(reader, now=market.now)
        assert state is not None
        assert (state.status, state.cancel_scheduled, state.can_resume) == ("active", True, True)
        assert state.next_charge_at is None
        assert state.access_ends_at is not None

    def test_a_second_click_on_cancel_changes_nothing(self, market: Market) -> None:
        reader = a_reader()
        market.buy(reader)
        for _ in range(2):
            contracts.cancel(reader, gateway=market.gateway, now=market.now)
        assert OutboundCall.objects.filter(purpose="cancel").count() == 1

    def test_resume_takes_it_back_and_may_be_repeated(self, market: Market) -> None:
        reader = a_reader()
        market.buy(reader)
        contracts.cancel(reader, gateway=market.gateway, now=market.now)
        for _ in range(2):
            contracts.resume(reader, gateway=market.gateway, now=market.now)
        state = outlook.of(reader, now=market.now)
        assert state is not None
        assert (state.cancel_scheduled, state.can_cancel) == (False, True)
        assert OutboundCall.objects.filter(purpose="resume").count() == 1

    def test_cancelling_again_after_resuming_cancels_again(self, market: Market) -> None:
        reader = a_reader()
        market.buy(reader)
        contracts.cancel(reader, gateway=market.gateway, now=market.now)
        contracts.resume(reader, gateway=market.gateway, now=market.now)
        contracts.cancel(reader, gateway=market.gateway, now=market.now)
        state = outlook.of(reader, now=market.now)
        assert state is not None
        assert state.cancel_scheduled

    def test_a_failed_payment_ends_at_once(self, market: Market) -> None:
        reader = a_reader()
        market.buy(reader)
        market.fail_renewal(reader)
        contracts.cancel(reader, gateway=market.gateway, now=market.now)
        state = outlook.of(reader, now=market.now)
        assert state is not None
        assert state.status == "canceled"
        assert not Invoice.objects.filter(status="open").exists()
        assert {one["status"] for one in market.objects("invoice")} == {"paid", "void"}

    def test_a_payment_that_came_in_meanwhile_is_not_thrown_away(self, market: Market) -> None:
        reader = a_reader()
        market.buy(reader)
        market.fail_renewal(reader)
        market.sandbox.swap_card(market.customer(reader).stripe_id, card="4242424242424242")
        market.sandbox.advance(seconds=20 * 24 * 3600)  # Stripe's own retry succeeds, and nobody tells us
        contracts.cancel(reader, gateway=market.gateway, now=market.now)
        state = outlook.of(reader, now=market.now)
        assert state is not None
        assert (state.status, state.cancel_scheduled) == ("active", True)

    def test_one_of_two_is_chosen_by_its_id(self, market: Market) -> None:
        reader = a_reader()
        market.buy(reader, "culture_monthly")
        market.buy(reader, "premium_monthly")
        culture = next(
            state for state in outlook.every(reader, now=market.now) if state.products == ("culture",)
        )
        contracts.cancel(reader, subscription=culture.id, gateway=market.gateway, now=market.now)
        by_product = {state.products: state for state in outlook.every(reader, now=market.now)}
        assert by_product[("culture",)].cancel_scheduled
        assert not by_product[("premium",)].cancel_scheduled

    def test_nobody_cancels_for_somebody_else(self, market: Market) -> None:
        reader, other = a_reader(), a_reader()
        market.buy(other)
        theirs = Subscription.objects.get(customer__reader=other)
        for act in (contracts.cancel, contracts.resume):
            with pytest.raises(NothingToDo):
                act(reader, subscription=str(theirs.pk), gateway=market.gateway, now=market.now)
        market.look(other)
        theirs.refresh_from_db()
        assert not theirs.cancel_at_period_end
        assert theirs.cancel_at is None

    def test_an_ended_one_cannot_be_resumed(self, market: Market) -> None:
        reader = a_reader()
        market.buy(reader)
        contracts.cancel(reader, gateway=market.gateway, now=market.now)
        market.pass_time(reader, months=1)
        with pytest.raises(NothingToDo):
            contracts.resume(reader, gateway=market.gateway, now=market.now)
