"""Subscriptions through time: months, trials, retries, recoveries, changes, pauses, ends."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest
import stripe

from billing.sandbox.clock import add_interval, period_end
from billing.sandbox.faults import Fault
from billing.sandbox.sandbox import Sandbox
from billing.sandbox.world import Policy

from .in_process import client_for

HOUR, DAY = 3600, 86400


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def item_of(subscription: stripe.Subscription) -> stripe.SubscriptionItem:
    return subscription["items"].data[0]


def saved_card(client: stripe.StripeClient, customer: str, token: str = "pm_card_visa") -> str:  # noqa: S107  the name of a test card
    card = client.v1.payment_methods.attach(token, {"customer": customer}).id
    client.v1.customers.update(customer, {"invoice_settings": {"default_payment_method": card}})
    return card


class TestMonths:
    def test_a_short_month_ends_on_its_last_day_and_the_anchor_comes_back(self) -> None:
        anchor = at("2027-01-31T10:00:00")
        ends = [add_interval(anchor, interval="month", count=count) for count in (1, 2, 3)]
        assert ends == [at("2027-02-28T10:00:00"), at("2027-03-31T10:00:00"), at("2027-04-30T10:00:00")]
        assert period_end(anchor, after=ends[0], interval="month", count=1) == ends[1]

    def test_a_leap_day_renews_on_28_february(self) -> None:
        anchor = at("2028-02-29T00:00:00")
        assert add_interval(anchor, interval="year", count=1) == at("2029-02-28T00:00:00")
        assert add_interval(anchor, interval="year", count=4) == at("2032-02-29T00:00:00")


class TestRenewal:
    def test_the_invoice_is_a_draft_for_an_hour_while_the_period_has_moved(
        self, sandbox, client, subscription
    ) -> None:
        end = item_of(subscription).current_period_end
        sandbox.advance(to=end + 60)
        renewed = client.v1.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
        assert renewed.status == "active"
        assert item_of(renewed).current_period_start == end
        assert renewed.latest_invoice.status == "draft"
        sandbox.advance(to=end + HOUR)
        assert client.v1.invoices.retrieve(renewed.latest_invoice.id).status == "paid"

    @pytest.mark.usefixtures("subscription")
    def test_a_year_makes_twelve_invoices_and_no_gap(self, sandbox, client, customer) -> None:
        sandbox.advance(seconds=366 * DAY)
        invoices = client.v1.invoices.list({"customer": customer.id, "limit": 100}).data
        assert len(invoices) == 13
        assert {invoice.status for invoice in invoices} == {"paid"}
        spans = [
            (line.period.start, line.period.end) for line in (invoice.lines.data[0] for invoice in invoices)
        ]
        assert all(newer[0] == older[1] for newer, older in pairwise(spans))

    def test_the_preview_tells_the_next_amount(self, client, subscription) -> None:
        preview = client.v1.invoices.create_preview({"subscription": subscription.id})
        assert (preview.amount_due, preview.currency) == (990, "eur")
        assert preview.id.startswith("upcoming_in")

    def test_there_is_no_preview_of_a_subscription_that_ends(self, client, subscription) -> None:
        client.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
        with pytest.raises(stripe.InvalidRequestError) as caught:
            client.v1.invoices.create_preview({"subscription": subscription.id})
        assert caught.value.code == "invoice_upcoming_none"

    def test_it_is_announced_a_week_ahead(self, sandbox, client, subscription) -> None:
        sandbox.advance(to=item_of(subscription).current_period_end - 6 * DAY)
        assert [
            event.data.object["subtotal"]
            for event in client.v1.events.list({"type": "invoice.upcoming"}).data
        ] == [990]


class TestFailure:
    def test_retries_follow_the_schedule(self, sandbox, client, subscription, customer) -> None:
        sandbox.swap_card(customer.id, card="0341")
        charged = item_of(subscription).current_period_end + HOUR
        for wait, attempts in ((0, 1), (3, 2), (5, 3), (7, 4)):
            charged += wait * DAY
            sandbox.advance(to=charged)
            late = client.v1.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
            assert late.latest_invoice.attempt_count == attempts
        assert late.status == "canceled"
        assert client.v1.customers.retrieve(customer.id).delinquent

    @pytest.mark.parametrize(("policy", "status"), [("unpaid", "unpaid"), ("past_due", "past_due")])
    def test_what_the_last_failure_means_is_a_setting(self, policy: str, status: str) -> None:
        sandbox = Sandbox(policy=Policy(after_last_retry=policy), check_responses=True)
        client = client_for(sandbox)
        product = client.v1.products.create({"name": "Premium"})
        price = client.v1.prices.create(
            {"product": product.id, "currency": "eur", "unit_amount": 990, "recurring": {"interval": "month"}}
        )
        customer = client.v1.customers.create()
        saved_card(client, customer.id)
        made = client.v1.subscriptions.create({"customer": customer.id, "items": [{"price": price.id}]})
        sandbox.swap_card(customer.id, card="0341")
        sandbox.advance(seconds=49 * DAY)
        assert client.v1.subscriptions.retrieve(made.id).status == status
        sandbox.swap_card(customer.id, card="4242")
        invoices = client.v1.invoices.list({"subscription": made.id, "status": "open"}).data
        for invoice in reversed(invoices):
            client.v1.invoices.pay(invoice.id)
        assert client.v1.subscriptions.retrieve(made.id).status == "active"

    def test_a_retry_succeeds_by_itself_once_the_card_works(
        self, sandbox, client, subscription, customer
    ) -> None:
        sandbox.swap_card(customer.id, card="0341")
        sandbox.advance(months=1)
        sandbox.swap_card(customer.id, card="4242")
        assert client.v1.subscriptions.retrieve(subscription.id).status == "past_due"
        sandbox.advance(seconds=3 * DAY)
        assert client.v1.subscriptions.retrieve(subscription.id).status == "active"
        assert not client.v1.customers.retrieve(customer.id).delinquent

    def test_paying_the_older_of_two_open_invoices_is_not_enough(
        self, sandbox, client, customer, subscription
    ) -> None:
        sandbox.world.policy = Policy(retry_days=(40, 40, 40))
        sandbox.swap_card(customer.id, card="0341")
        sandbox.advance(months=1)
        sandbox.advance(months=1)
        newer, older = client.v1.invoices.list({"customer": customer.id, "status": "open"}).data
        good = client.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id}).id
        client.v1.invoices.pay(older.id, {"payment_method": good})
        assert client.v1.subscriptions.retrieve(subscription.id).status == "past_due"
        client.v1.invoices.pay(newer.id, {"payment_method": good})
        assert client.v1.subscriptions.retrieve(subscription.id).status == "active"

    def test_one_charge_can_be_told_to_fail(self, sandbox, client, subscription, customer) -> None:
        sandbox.world.faults.add(
            Fault(target="charge", kind="decline", match=customer.id, decline_code="insufficient_funds")
        )
        sandbox.advance(months=1)
        assert client.v1.subscriptions.retrieve(subscription.id).status == "past_due"
        failed = client.v1.charges.list({"customer": customer.id}).data[0]
        assert failed.outcome.reason == "insufficient_funds"

    def test_voiding_the_open_invoice_lets_it_go_on(self, sandbox, client, subscription, customer) -> None:
        sandbox.swap_card(customer.id, card="0341")
        sandbox.advance(months=1)
        open_invoice = client.v1.subscriptions.retrieve(subscription.id).latest_invoice
        assert client.v1.invoices.void_invoice(open_invoice).status == "void"
        assert client.v1.subscriptions.retrieve(subscription.id).status == "active"
        payment = client.v1.invoice_payments.list({"invoice": open_invoice}).data[0]
        assert payment.status == "canceled"

    def test_a_renewal_that_must_be_confirmed_waits_for_its_reader(
        self, sandbox, client, subscription, customer
    ) -> None:
        sandbox.swap_card(customer.id, card="3184")
        sandbox.advance(months=1)
        late = client.v1.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice.payments"]})
        assert late.status == "past_due"
        intent = late.latest_invoice.payments.data[0].payment.payment_intent
        assert client.v1.payment_intents.retrieve(intent).status == "requires_action"
        assert client.v1.events.list({"type": "invoice.payment_action_required"}).data
        with pytest.raises(stripe.CardError) as caught:
            client.v1.invoices.pay(late.latest_invoice.id)
        assert caught.value.code == "invoice_payment_intent_requires_action"
        assert caught.value.error.payment_intent.id == intent


class TestStartingByApi:
    def test_without_a_card_it_is_refused(self, client, price, customer) -> None:
        with pytest.raises(stripe.InvalidRequestError, match="no attached payment source"):
            client.v1.subscriptions.create({"customer": customer.id, "items": [{"price": price.id}]})

    def test_a_refused_first_payment_leaves_it_incomplete_then_expired(
        self, sandbox, client, price, customer
    ) -> None:
        saved_card(client, customer.id, "pm_card_chargeCustomerFail")
        made = client.v1.subscriptions.create({"customer": customer.id, "items": [{"price": price.id}]})
        assert made.status == "incomplete"
        sandbox.advance(seconds=23 * HOUR)
        assert client.v1.subscriptions.retrieve(made.id).status == "incomplete_expired"
        assert client.v1.invoices.retrieve(made.latest_invoice).status == "void"

    def test_error_if_incomplete_leaves_nothing(self, client, price, customer) -> None:
        saved_card(client, customer.id, "pm_card_chargeCustomerFail")
        with pytest.raises(stripe.CardError):
            client.v1.subscriptions.create(
                {
                    "customer": customer.id,
                    "items": [{"price": price.id}],
                    "payment_behavior": "error_if_incomplete",
                }
            )
        assert client.v1.subscriptions.list({"status": "all"}).data == []
        assert client.v1.invoices.list().data == []

    def test_default_incomplete_waits_to_be_paid(self, client, price, customer) -> None:
        made = client.v1.subscriptions.create(
            {
                "customer": customer.id,
                "items": [{"price": price.id}],
                "payment_behavior": "default_incomplete",
                "expand": ["latest_invoice.confirmation_secret"],
            }
        )
        assert made.status == "incomplete"
        assert made.latest_invoice.confirmation_secret.client_secret
        card = saved_card(client, customer.id)
        client.v1.invoices.pay(made.latest_invoice.id, {"payment_method": card})
        assert client.v1.subscriptions.retrieve(made.id).status == "active"


class TestTrials:
    @pytest.fixture
    def trial(self, client, price, customer):
        def start(wish: str) -> stripe.Subscription:
            return client.v1.subscriptions.create(
                {
                    "customer": customer.id,
                    "items": [{"price": price.id}],
                    "trial_period_days": 14,
                    "trial_settings": {"end_behavior": {"missing_payment_method": wish}},
                }
            )

        return start

    def test_a_trial_costs_nothing_and_then_renews(self, sandbox, client, trial, customer) -> None:
        made = trial("create_invoice")
        assert made.status == "trialing"
        assert client.v1.invoices.retrieve(made.latest_invoice).amount_due == 0
        saved_card(client, customer.id)
        sandbox.advance(seconds=12 * DAY)
        assert client.v1.events.list({"type": "customer.subscription.trial_will_end"}).data
        sandbox.advance(seconds=2 * DAY + 2 * HOUR)
        paid = client.v1.subscriptions.retrieve(made.id, {"expand": ["latest_invoice"]})
        assert (paid.status, paid.latest_invoice.status, paid.latest_invoice.amount_paid) == (
            "active",
            "paid",
            990,
        )

    @pytest.mark.parametrize(("wish", "status"), [("cancel", "canceled"), ("pause", "paused")])
    def test_without_a_card_it_ends_as_was_said(self, sandbox, client, trial, wish, status) -> None:
        made = trial(wish)
        sandbox.advance(seconds=15 * DAY)
        assert client.v1.subscriptions.retrieve(made.id).status == status

    def test_a_paused_one_resumes_with_a_charge(self, sandbox, client, trial, customer) -> None:
        made = trial("pause")
        sandbox.advance(seconds=15 * DAY)
        saved_card(client, customer.id)
        resumed = client.v1.subscriptions.resume(made.id, {"billing_cycle_anchor": {"type": "now"}})
        assert resumed.status == "active"
        assert client.v1.invoices.retrieve(resumed.latest_invoice).amount_paid == 990


class TestChanges:
    @pytest.fixture
    def yearly(self, client, price) -> stripe.Price:
        return client.v1.prices.create(
            {
                "product": price.product,
                "currency": "eur",
                "unit_amount": 9900,
                "recurring": {"interval": "year"},
            }
        )

    @pytest.fixture
    def dearer(self, client, price) -> stripe.Price:
        return client.v1.prices.create(
            {
                "product": price.product,
                "currency": "eur",
                "unit_amount": 1990,
                "recurring": {"interval": "month"},
            }
        )

    def test_half_a_month_of_each_is_settled_at_the_renewal(
        self, sandbox, client, subscription, dearer
    ) -> None:
        item = item_of(subscription)
        sandbox.advance(to=(item.current_period_start + item.current_period_end) // 2)
        client.v1.subscriptions.update(subscription.id, {"items": [{"id": item.id, "price": dearer.id}]})
        preview = client.v1.invoices.create_preview({"subscription": subscription.id})
        assert preview.total == pytest.approx(1990 + 500, abs=1)
        sandbox.advance(months=1)
        assert client.v1.invoices.list({"limit": 1}).data[0].total == preview.total

    def test_to_yearly_is_charged_now_and_starts_a_new_period(
        self, sandbox, client, subscription, yearly
    ) -> None:
        sandbox.advance(seconds=10 * DAY)
        before = sandbox.now()
        changed = client.v1.subscriptions.update(
            subscription.id, {"items": [{"id": item_of(subscription).id, "price": yearly.id}]}
        )
        after = sandbox.now()  # the clock goes on meanwhile
        invoice = client.v1.invoices.retrieve(changed.latest_invoice)
        assert (invoice.status, invoice.billing_reason) == ("paid", "subscription_update")
        assert 9900 - 990 < invoice.amount_paid < 9900
        assert before <= item_of(changed).current_period_start <= after

    def test_a_refused_upgrade_changes_nothing(self, sandbox, client, subscription, customer, dearer) -> None:
        sandbox.swap_card(customer.id, card="0341")
        change = {
            "items": [{"id": item_of(subscription).id, "price": dearer.id}],
            "proration_behavior": "always_invoice",
        }
        with pytest.raises(stripe.CardError):
            client.v1.subscriptions.update(
                subscription.id, {**change, "payment_behavior": "error_if_incomplete"}
            )
        kept = client.v1.subscriptions.retrieve(subscription.id)
        assert (item_of(kept).price.id, kept.status) == (item_of(subscription).price.id, "active")
        client.v1.subscriptions.update(
            subscription.id, {**change, "payment_behavior": "pending_if_incomplete"}
        )
        waiting = client.v1.subscriptions.retrieve(subscription.id)
        assert (item_of(waiting).price.id, waiting.status) == (item_of(subscription).price.id, "active")
        assert waiting.pending_update.subscription_items[0].price.id == dearer.id
        sandbox.swap_card(customer.id, card="4242")
        client.v1.invoices.pay(waiting.latest_invoice)
        made = client.v1.subscriptions.retrieve(subscription.id)
        assert (item_of(made).price.id, made.pending_update) == (dearer.id, None)


class TestPauses:
    def test_void_invoices_cost_nothing_and_it_stays_active(self, sandbox, client, subscription) -> None:
        client.v1.subscriptions.update(subscription.id, {"pause_collection": {"behavior": "void"}})
        sandbox.advance(months=1)
        held = client.v1.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
        assert (held.status, held.latest_invoice.status) == ("active", "void")
        client.v1.subscriptions.update(subscription.id, {"pause_collection": ""})
        assert client.v1.subscriptions.retrieve(subscription.id).pause_collection is None

    def test_a_pause_can_end_by_itself(self, sandbox, client, subscription) -> None:
        client.v1.subscriptions.update(
            subscription.id,
            {"pause_collection": {"behavior": "keep_as_draft", "resumes_at": sandbox.now() + 40 * DAY}},
        )
        sandbox.advance(months=1)
        assert client.v1.invoices.list({"limit": 1}).data[0].status == "draft"
        sandbox.advance(seconds=15 * DAY)
        assert client.v1.subscriptions.retrieve(subscription.id).pause_collection is None

    def test_a_real_pause_says_why(self, client, subscription) -> None:
        paused = client.v1.subscriptions.pause(subscription.id, {"type": "subscription"})
        assert (paused.status, paused.status_details.paused.subscription.type) == (
            "paused",
            "pause_requested",
        )


class TestEnds:
    def test_cancelling_now_cannot_be_repeated(self, client, subscription) -> None:
        ended = client.v1.subscriptions.cancel(
            subscription.id, {"cancellation_details": {"feedback": "unused"}}
        )
        assert (ended.status, ended.cancellation_details.feedback) == ("canceled", "unused")
        with pytest.raises(stripe.InvalidRequestError, match="No such subscription"):
            client.v1.subscriptions.cancel(subscription.id)
        with pytest.raises(stripe.InvalidRequestError, match="canceled subscription"):
            client.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})

    def test_a_deleted_customer_takes_its_subscriptions_along(self, client, subscription, customer) -> None:
        client.v1.customers.delete(customer.id)
        assert client.v1.customers.retrieve(customer.id).deleted
        assert client.v1.subscriptions.retrieve(subscription.id).status == "canceled"
        with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
            client.v1.customers.update(customer.id, {"email": "x@y.z"})


@pytest.mark.usefixtures("subscription")
class TestMoneyBack:
    def charge_of(self, client: stripe.StripeClient, customer: str) -> str:
        return client.v1.charges.list({"customer": customer}).data[0].id

    def test_in_part_and_whole_but_not_more(self, client, customer) -> None:
        charge = self.charge_of(client, customer.id)
        client.v1.refunds.create({"charge": charge, "amount": 400})
        with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded"):
            client.v1.refunds.create({"charge": charge, "amount": 600})
        client.v1.refunds.create({"charge": charge})
        whole = client.v1.charges.retrieve(charge, {"expand": ["refunds"]})
        assert (whole.refunded, whole.amount_refunded, len(whole.refunds.data)) == (True, 990, 2)

    @pytest.mark.parametrize(("card", "ends"), [("7726", "succeeded"), ("5126", "failed")])
    def test_some_refunds_end_later(self, sandbox, client, card, ends) -> None:
        customer = client.v1.customers.list().data[0]
        sandbox.swap_card(customer.id, card=card)
        sandbox.advance(months=1)
        refund = client.v1.refunds.create({"charge": self.charge_of(client, customer.id)})
        sandbox.advance(seconds=2 * HOUR)
        assert client.v1.refunds.retrieve(refund.id).status == ends

    def test_a_dispute_is_won_with_evidence(self, sandbox, client, customer) -> None:
        sandbox.swap_card(customer.id, card="0259")
        sandbox.advance(months=1)
        dispute = client.v1.disputes.list().data[0]
        assert (dispute.status, dispute.reason) == ("needs_response", "fraudulent")
        client.v1.disputes.update(dispute.id, {"evidence": {"uncategorized_text": "winning_evidence"}})
        assert client.v1.disputes.retrieve(dispute.id).status == "won"


class TestDiscounts:
    def test_a_coupon_takes_off_the_first_invoice_only(self, sandbox, client, price, customer) -> None:
        coupon = client.v1.coupons.create({"percent_off": 50, "duration": "once"})
        code = client.v1.promotion_codes.create(
            {"promotion": {"type": "coupon", "coupon": coupon.id}, "code": "HALF"}
        )
        session = client.v1.checkout.sessions.create(
            {
                "mode": "subscription",
                "customer": customer.id,
                "line_items": [{"price": price.id, "quantity": 1}],
                "success_url": "http://x",
                "discounts": [{"promotion_code": code.id}],
            }
        )
        assert session.amount_total == 495
        sandbox.complete_checkout(session.id)
        sandbox.advance(months=1)
        paid = [invoice.amount_paid for invoice in client.v1.invoices.list({"customer": customer.id}).data]
        assert paid == [990, 495]
