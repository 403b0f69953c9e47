"""The inbox: kept once, worked through at least once, whatever order, however often; nothing believed but ids."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from billing import catalogue, inbox, sync
from billing.errors import StripeTrouble
from billing.models import CheckoutAttempt, Customer, Price, StripeEvent, Subscription
from paywall import entitlements
from tests.factories.accounts import a_reader
from tests.factories.billing import GOOD, NOON, Shop, a_delivery

pytestmark = pytest.mark.django_db


class Broken:
    """A gateway whose Stripe does not answer, whatever is asked."""

    def __getattr__(self, name: str) -> Any:
        def ask(**_: Any) -> None:
            raise StripeTrouble("no answer")

        return lambda *_args, **named: ask(**named)


def states() -> list[str]:
    return list(StripeEvent.objects.order_by("pk").values_list("state", flat=True))


def process(shop: Shop, *, now: Any = None) -> list[int | None]:
    moment = now or shop.now
    due = inbox.due_ids(now=moment, limit=100)
    return [inbox.process(event, gateway=shop.gateway, now=moment) for event in due]


class TestReceive:
    def test_keeps_a_delivery_once(self) -> None:
        delivery = a_delivery()
        for _time in range(3):
            inbox.receive(delivery, now=NOON)
        (event,) = StripeEvent.objects.all()
        assert (event.state, event.customer_id, event.payload) == ("received", "cus_1", delivery.payload)

    def test_is_one_insert(self, django_assert_num_queries: Any) -> None:
        with django_assert_num_queries(1):
            inbox.receive(a_delivery(), now=NOON)

    def test_ignores_what_is_of_the_other_mode(self) -> None:
        inbox.receive(a_delivery(livemode=True), now=NOON)
        assert states() == ["ignored"]

    def test_ignores_what_happened_to_a_connected_account(self) -> None:
        inbox.receive(a_delivery(account="acct_1"), now=NOON)
        assert states() == ["ignored"]
        assert inbox.receive_missed([a_delivery(account="acct_1")], now=NOON) == 0

    @pytest.mark.parametrize("kind", ["charge.succeeded", "payout.paid", "terminal.reader.action_failed"])
    def test_ignores_what_is_no_news_for_us(self, kind: str) -> None:
        inbox.receive(a_delivery(kind), now=NOON)
        assert states() == ["ignored"]

    def test_keeps_an_event_of_any_api_version(self) -> None:
        inbox.receive(a_delivery(api_version="2020-08-27"), now=NOON)
        assert states() == ["received"]


class TestProcess:
    def test_asks_for_a_look_at_whom_it_names(self, shop: Shop) -> None:
        customer = shop.customer()
        inbox.receive(
            a_delivery(about={"id": "in_9", "object": "invoice", "customer": customer.stripe_id}),
            now=shop.now,
        )
        assert process(shop) == [customer.pk]
        assert sync.waiting_ids(now=shop.now, limit=10) == [customer.pk]
        assert states() == ["done"]

    def test_believes_nothing_in_the_body(self, shop: Shop) -> None:
        customer = shop.customer()
        lie = {"id": "sub_lie", "object": "subscription", "customer": customer.stripe_id, "status": "active"}
        inbox.receive(a_delivery("customer.subscription.created", about=lie), now=shop.now)
        shop.work()
        assert not Subscription.objects.exists()
        assert entitlements.snapshot(customer.reader, now=shop.now) == ()

    def test_ten_events_of_one_customer_are_one_look(self, shop: Shop) -> None:
        customer = shop.customer()
        for _event in range(10):
            inbox.receive(a_delivery(about={"id": customer.stripe_id, "object": "customer"}), now=shop.now)
        assert [found for found in process(shop) if found] == [customer.pk]
        assert set(states()) == {"done"}
        customer.refresh_from_db()
        assert customer.sync_requested == 1

    @pytest.mark.parametrize("shuffled", [False, True])
    def test_any_order_ends_alike(self, shop: Shop, *, shuffled: bool) -> None:
        customer = shop.customer()
        shop.subscribe(customer.stripe_id)
        shop.sandbox.advance(months=1)
        events = list(shop.gateway.events(since=NOON - timedelta(days=1), until=shop.now + timedelta(days=1)))
        for delivery in events if shuffled else reversed(events):
            inbox.receive(delivery, now=shop.now)
            shop.work()
        (ours,) = Subscription.objects.all()
        (theirs,) = shop.gateway.picture(customer.stripe_id).subscriptions
        assert (ours.status, ours.period_ends_at) == ("active", theirs.period_ends_at)

    def test_finds_a_detached_card_by_what_we_remember(self, shop: Shop) -> None:
        customer = shop.customer()
        shop.subscribe(customer.stripe_id)
        shop.sync(customer)
        card = customer.cards.get()
        about = {"id": card.stripe_id, "object": "payment_method", "customer": None}
        inbox.receive(a_delivery("payment_method.detached", about=about), now=shop.now)
        assert process(shop) == [customer.pk]

    def test_asks_stripe_whose_object_it_is(self, shop: Shop) -> None:
        customer = shop.customer()
        subscription = shop.subscribe(customer.stripe_id)
        about = {"id": subscription, "object": "subscription"}
        inbox.receive(a_delivery("customer.subscription.updated", about=about), now=shop.now)
        assert process(shop) == [customer.pk]

    def test_takes_over_a_customer_made_elsewhere_for_our_reader(self, shop: Shop) -> None:
        reader = a_reader()
        made = shop.gateway.create_customer(email=reader.email, reader=reader.public_id, key="elsewhere")
        shop.subscribe(made)
        shop.tell()
        shop.work()
        assert Customer.objects.get().reader == reader
        assert [grant.product for grant in entitlements.snapshot(reader, now=shop.now)] == ["premium"]

    def test_parks_what_is_nobodys_and_at_last_ignores_it(self, shop: Shop) -> None:
        stranger = shop.gateway.create_customer(email="x@example.org", reader="rdr_else", key="stranger")
        inbox.receive(a_delivery(about={"id": stranger, "object": "customer"}), now=shop.now)
        moment = shop.now
        for _try in range(7):
            assert process(shop, now=moment) == [None]
            assert states() == ["parked"]
            moment = StripeEvent.objects.get().next_attempt_at
        process(shop, now=moment)
        assert states() == ["ignored"]

    def test_trouble_is_tried_again_with_growing_pauses_then_dead_then_again_on_demand(
        self, shop: Shop
    ) -> None:
        event = a_delivery(about={"id": "pm_9", "object": "payment_method"})
        inbox.receive(event, now=shop.now)
        (key,), moment, pauses = inbox.due_ids(now=shop.now, limit=9), shop.now, []
        for _try in range(7):
            inbox.process(key, gateway=Broken(), now=moment)
            row = StripeEvent.objects.get()
            assert (row.state, "no answer" in row.last_error) == ("received", True)
            assert inbox.due_ids(now=moment, limit=9) == []
            pauses.append(row.next_attempt_at - moment)
            moment = row.next_attempt_at
        assert pauses == sorted(pauses)
        assert pauses[0] <= timedelta(seconds=1) < timedelta(minutes=30) < pauses[-1] <= timedelta(hours=1)
        while moment < shop.now + timedelta(days=3):
            inbox.process(key, gateway=Broken(), now=moment)
            assert states() == ["received"]
            moment = StripeEvent.objects.get().next_attempt_at
        inbox.process(key, gateway=Broken(), now=moment)
        assert states() == ["dead"]
        assert inbox.due_ids(now=moment + timedelta(days=9), limit=9) == []
        inbox.again([key], now=moment)
        assert inbox.due_ids(now=moment, limit=9) == [key]

    def test_a_poisoned_event_holds_back_no_other(self, shop: Shop) -> None:
        customer = shop.customer()
        inbox.receive(a_delivery(about={"id": "pm_9", "object": "payment_method"}), now=shop.now)
        inbox.process(inbox.due_ids(now=shop.now, limit=1)[0], gateway=Broken(), now=shop.now)
        inbox.receive(a_delivery(about={"id": customer.stripe_id, "object": "customer"}), now=shop.now)
        assert process(shop) == [customer.pk]

    def test_a_worker_that_died_is_followed_by_another(self, shop: Shop) -> None:
        customer = shop.customer()
        inbox.receive(a_delivery(about={"id": customer.stripe_id, "object": "customer"}), now=shop.now)
        StripeEvent.objects.update(leased_until=shop.now + StripeEvent.LEASE, attempts=1)
        assert inbox.due_ids(now=shop.now, limit=9) == []
        assert process(shop, now=shop.now + StripeEvent.LEASE) == [customer.pk]

    def test_an_event_that_kills_its_workers_is_given_up(self, shop: Shop) -> None:
        inbox.receive(a_delivery(), now=shop.now)
        StripeEvent.objects.update(attempts=8)
        assert process(shop) == [None]
        assert states() == ["dead"]

    def test_is_not_worked_through_twice_at_once(self, shop: Shop) -> None:
        inbox.receive(a_delivery(), now=shop.now)
        (key,) = inbox.due_ids(now=shop.now, limit=9)
        StripeEvent.objects.update(leased_until=shop.now + StripeEvent.LEASE)
        assert inbox.process(key, gateway=shop.gateway, now=shop.now) is None
        assert states() == ["received"]


class TestCatalogue:
    def test_a_new_price_is_on_sale_once_we_hear_of_it(self, shop: Shop) -> None:
        shop.sell("premium_yearly", unlocks="premium", amount=9900, interval="year")
        assert not Price.objects.filter(slug="premium_yearly").exists()
        shop.tell()
        shop.work()
        assert Price.objects.filter(slug="premium_yearly", active=True).exists()
        assert set(states()) == {"done"}

    def test_many_such_events_are_one_refresh(self, shop: Shop) -> None:
        class Counting:
            asked = 0

            def prices(self) -> Any:
                Counting.asked += 1
                return shop.gateway.prices()

        for number in range(5):
            inbox.receive(
                a_delivery("price.created", about={"id": f"price_{number}", "object": "price"}), now=NOON
            )
        for event in inbox.due_ids(now=NOON, limit=9):
            inbox.process(event, gateway=Counting(), now=NOON)
        assert (Counting.asked, set(states())) == (1, {"done"})

    def test_a_plan_that_unlocks_more_opens_more_to_whoever_holds_it(self, shop: Shop) -> None:
        customer = shop.customer()
        shop.subscribe(customer.stripe_id)
        shop.sync(customer)
        shop.stripe.v1.products.update(
            shop.plans["premium_monthly"], {"metadata": {"unlocks": "premium culture"}}
        )
        shop.tell()
        shop.work()
        held = {grant.product for grant in entitlements.snapshot(customer.reader, now=shop.now)}
        assert held == {"premium", "culture"}


class TestCheckout:
    def attempt(self, shop: Shop, customer: Customer) -> CheckoutAttempt:
        session = shop.gateway.start_checkout(
            customer=customer.stripe_id,
            price=shop.prices["premium_monthly"],
            reader=customer.reader.public_id,
            return_url="http://localhost:8000/back",
            cancel_url="http://localhost:8000/plans",
            key="attempt-1",
        )
        return CheckoutAttempt.objects.create(
            reader=customer.reader,
            price=catalogue.find("premium_monthly"),
            key="attempt-1",
            return_url="http://localhost:8000/",
            session_id=session.id,
            started_at=shop.now,
        )

    def test_a_paid_one_is_done_also_if_the_reader_never_comes_back(self, shop: Shop) -> None:
        customer = shop.customer()
        attempt = self.attempt(shop, customer)
        shop.sandbox.complete_checkout(attempt.session_id, card=GOOD)
        shop.tell()
        shop.work()
        attempt.refresh_from_db()
        assert attempt.state == CheckoutAttempt.State.DONE
        assert entitlements.snapshot(customer.reader, now=shop.now) != ()

    def test_an_expired_one_is_closed(self, shop: Shop) -> None:
        attempt = self.attempt(shop, shop.customer())
        shop.gateway.expire_checkout(attempt.session_id, key="expire")
        shop.tell()
        shop.work()
        attempt.refresh_from_db()
        assert attempt.state == CheckoutAttempt.State.CLOSED

    def test_a_finished_card_form_pays_what_is_open_also_if_the_reader_never_comes_back(
        self, shop: Shop
    ) -> None:
        customer = shop.customer()
        shop.subscribe(customer.stripe_id)
        shop.sandbox.swap_card(customer.stripe_id, card="4000000000000341")
        shop.sandbox.advance(months=1)
        shop.sync(customer)
        assert Subscription.objects.get().status == "past_due"
        form = shop.gateway.start_card_form(
            customer=customer.stripe_id,
            currency="eur",
            reader=customer.reader.public_id,
            return_url="http://localhost:8000/back",
            cancel_url="http://localhost:8000/",
            key="form-1",
        )
        shop.sandbox.complete_checkout(form.id, card=GOOD)
        shop.tell()
        shop.work()
        assert Subscription.objects.get().status == "active"
        (grant,) = entitlements.snapshot(customer.reader, now=shop.now)
        assert grant.suspension is None
