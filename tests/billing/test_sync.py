"""One door: ours equals theirs after every look, whatever happened between and whoever looks at once."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from billing import sync
from billing.errors import StripeTrouble
from billing.models import Customer, OpenProduct, Subscription, SubscriptionItem
from billing.snapshots import CustomerPicture
from billing.sync import SyncOutcome
from paywall import entitlements
from tests.factories.accounts import a_reader
from tests.factories.billing import DAY, FAILS_LATER, Shop

pytestmark = pytest.mark.django_db


class Meanwhile:
    """A gateway at which something happens while a picture is being taken."""

    def __init__(self, shop: Shop, *events: Any) -> None:
        self._shop, self._events, self.looks = shop, list(events), 0

    def picture(self, customer: str) -> CustomerPicture:
        picture = self._shop.gateway.picture(customer)
        self.looks += 1
        if self._events:
            self._events.pop(0)()
        return picture


class Broken:
    """A gateway whose Stripe does not answer."""

    def picture(self, _customer: str) -> CustomerPicture:
        raise StripeTrouble("no answer")


def grants(customer: Customer, *, now: Any) -> list[Any]:
    return list(entitlements.snapshot(customer.reader, now=now))


def test_a_purchase_becomes_a_right(shop: Shop) -> None:
    customer = shop.customer()
    subscription = shop.subscribe(customer.stripe_id)
    assert shop.sync(customer) is SyncOutcome.DONE
    (grant,) = grants(customer, now=shop.now)
    assert (grant.product, grant.source, grant.suspension) == (
        "premium",
        f"subscription:{subscription}",
        None,
    )
    ours = Subscription.objects.get()
    assert (ours.status, grant.ends_at) == ("active", ours.period_ends_at)
    assert grant.grace_until == ours.period_ends_at + timedelta(hours=24)
    assert OpenProduct.objects.get().product == "premium"
    assert list(customer.cards.values_list("last4", flat=True)) == ["4242"]
    assert list(customer.invoices.values_list("status", flat=True)) == ["paid"]


def test_looking_again_changes_nothing(shop: Shop) -> None:
    customer = shop.customer()
    shop.subscribe(customer.stripe_id)
    shop.sync(customer)
    before = [*customer.reader.entitlements.values()], [*Subscription.objects.values()]
    shop.sync(customer)
    assert ([*customer.reader.entitlements.values()], [*Subscription.objects.values()]) == before


def test_a_failed_renewal_is_grace_with_its_trouble_then_suspended(shop: Shop) -> None:
    customer = shop.customer()
    shop.subscribe(customer.stripe_id)
    shop.sandbox.swap_card(customer.stripe_id, card=FAILS_LATER)
    shop.sandbox.advance(months=1)
    shop.sync(customer)
    ours = Subscription.objects.get()
    (grant,) = grants(customer, now=shop.now)
    assert ours.status == "past_due"
    assert grant.suspension == "payment_failed"
    assert grant.ends_at == ours.past_due_since
    assert grant.grace_until == ours.past_due_since + 7 * DAY
    assert (grant.trouble.card, grant.trouble.cause) == ("Visa •••• 0341", "generic_decline")
    assert grant.trouble.retry_at is not None


def test_a_deleted_customer_holds_nothing_and_its_reader_may_buy_again(shop: Shop) -> None:
    customer = shop.customer()
    shop.subscribe(customer.stripe_id)
    shop.sync(customer)
    shop.gateway.delete_customer(customer=customer.stripe_id, key="bye")
    assert shop.sync(customer) is SyncOutcome.DONE
    customer.refresh_from_db()
    assert customer.deleted_at == shop.now
    assert Subscription.objects.get().status == "canceled"
    assert not OpenProduct.objects.exists()
    assert all(grant.ends_at <= shop.now for grant in grants(customer, now=shop.now))
    again = shop.customer(customer.reader)
    shop.subscribe(again.stripe_id)
    assert shop.sync(again) is SyncOutcome.DONE
    assert OpenProduct.objects.get().subscription.customer == again


def test_of_two_subscriptions_for_one_product_the_older_holds_it(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    customer = shop.customer()
    first = shop.subscribe(customer.stripe_id)
    shop.sandbox.advance(seconds=60)
    second = shop.subscribe(customer.stripe_id)
    shop.sync(customer)
    assert OpenProduct.objects.get().subscription.stripe_id == first
    assert second in caplog.text
    shop.gateway.cancel_now(subscription=str(first), key="end")
    shop.sync(customer)
    assert OpenProduct.objects.get().subscription.stripe_id == second


def test_a_customer_made_elsewhere_is_given_to_the_reader_it_names(shop: Shop) -> None:
    reader = a_reader()
    made = shop.gateway.create_customer(email=reader.email, reader=reader.public_id, key="elsewhere")
    shop.subscribe(made)
    key = sync.adopt(made, gateway=shop.gateway, now=shop.now)
    assert key is not None
    sync.customer(key, gateway=shop.gateway, now=shop.now)
    assert [grant.product for grant in entitlements.snapshot(reader, now=shop.now)] == ["premium"]


def test_a_reader_has_one_customer_so_a_second_one_is_not_given_to_them(shop: Shop) -> None:
    customer = shop.customer()
    other = shop.gateway.create_customer(
        email="x@example.org", reader=customer.reader.public_id, key="second"
    )
    key = sync.adopt(other, gateway=shop.gateway, now=shop.now)
    assert sync.customer(key, gateway=shop.gateway, now=shop.now) is SyncOutcome.DONE
    assert Customer.objects.get(pk=key).reader is None


def test_nobody_is_adopted_who_names_no_reader_of_ours(shop: Shop) -> None:
    stranger = shop.gateway.create_customer(email="x@example.org", reader="rdr_unknown", key="stranger")
    assert sync.adopt(stranger, gateway=shop.gateway, now=shop.now) is None
    assert sync.adopt("cus_never_was", gateway=shop.gateway, now=shop.now) is None


def test_a_hint_during_a_look_makes_it_look_again(shop: Shop) -> None:
    customer = shop.customer()

    def buy() -> None:
        shop.subscribe(customer.stripe_id)
        sync.request([customer.pk], now=shop.now)

    gateway = Meanwhile(shop, buy)
    assert sync.customer(customer.pk, gateway=gateway, now=shop.now) is SyncOutcome.DONE
    assert gateway.looks == 2
    assert Subscription.objects.count() == 1
    assert not Customer.objects.waiting(now=shop.now).exists()


def test_ten_hints_before_a_look_cost_one_look(shop: Shop) -> None:
    customer = shop.customer()
    for _hint in range(10):
        sync.request([customer.pk], now=shop.now)
    gateway = Meanwhile(shop)
    sync.customer(customer.pk, gateway=gateway, now=shop.now)
    assert gateway.looks == 1
    assert sync.waiting_ids(now=shop.now, limit=10) == []


def test_hints_without_end_are_left_to_the_next_worker(shop: Shop) -> None:
    customer = shop.customer()
    gateway = Meanwhile(shop, *[lambda: sync.request([customer.pk], now=shop.now)] * 9)
    assert sync.customer(customer.pk, gateway=gateway, now=shop.now) is SyncOutcome.AGAIN
    assert gateway.looks == 3
    assert sync.waiting_ids(now=shop.now, limit=10) == [customer.pk]


def test_a_second_worker_does_not_look_at_the_same_time(shop: Shop) -> None:
    customer = shop.customer()
    seen: list[SyncOutcome] = []
    gateway = Meanwhile(shop, lambda: seen.append(shop.sync(customer)))
    assert sync.customer(customer.pk, gateway=gateway, now=shop.now) is SyncOutcome.DONE
    assert seen == [SyncOutcome.BUSY]


def test_a_worker_that_took_too_long_is_dropped_and_writes_nothing(shop: Shop) -> None:
    customer = shop.customer()
    shop.subscribe(customer.stripe_id)

    def overtake() -> None:
        for row in shop.stripe.v1.subscriptions.list({"customer": customer.stripe_id}).data:
            shop.gateway.cancel_now(subscription=row.id, key="end")
        later = shop.now + Customer.LEASE
        assert sync.customer(customer.pk, gateway=shop.gateway, now=later) is SyncOutcome.DONE

    late = Meanwhile(shop, overtake)
    assert sync.customer(customer.pk, gateway=late, now=shop.now) is SyncOutcome.LOST
    assert Subscription.objects.get().status == "canceled"
    assert not OpenProduct.objects.exists()


def test_a_worker_that_died_is_followed_by_another_once_its_lease_is_over(shop: Shop) -> None:
    customer = shop.customer()
    sync.request([customer.pk], now=shop.now)
    Customer.objects.update(leased_by="dead", leased_until=shop.now + Customer.LEASE)
    assert sync.waiting_ids(now=shop.now, limit=10) == []
    assert shop.sync(customer) is SyncOutcome.BUSY
    later = shop.now + Customer.LEASE
    assert sync.waiting_ids(now=later, limit=10) == [customer.pk]
    assert sync.customer(customer.pk, gateway=shop.gateway, now=later) is SyncOutcome.DONE


def test_trouble_at_stripe_is_tried_again_with_growing_pauses_and_forgotten_after(shop: Shop) -> None:
    customer = shop.customer()
    sync.request([customer.pk], now=shop.now)
    moment, pauses = shop.now, []
    for _try in range(9):
        assert sync.customer(customer.pk, gateway=Broken(), now=moment) is SyncOutcome.FAILED
        customer.refresh_from_db()
        assert "no answer" in customer.sync_error
        assert sync.waiting_ids(now=moment, limit=10) == []
        pauses.append(customer.next_sync_at - moment)
        moment = customer.next_sync_at
        assert sync.waiting_ids(now=moment, limit=10) == [customer.pk]
    assert pauses[0] <= timedelta(seconds=1)
    assert all(earlier <= later for earlier, later in pairwise(pauses))
    assert pauses[-1] <= timedelta(hours=1)
    assert sync.customer(customer.pk, gateway=shop.gateway, now=moment) is SyncOutcome.DONE
    customer.refresh_from_db()
    assert (customer.sync_error, customer.sync_attempts, customer.next_sync_at) == ("", 0, None)


def test_a_new_hint_does_not_wait_for_an_old_pause(shop: Shop) -> None:
    customer = shop.customer()
    sync.request([customer.pk], now=shop.now)
    for _try in range(6):
        sync.customer(customer.pk, gateway=Broken(), now=shop.now)
    assert sync.waiting_ids(now=shop.now, limit=10) == []
    sync.request([customer.pk], now=shop.now)
    assert sync.waiting_ids(now=shop.now, limit=10) == [customer.pk]


def test_a_surprise_while_writing_leaves_everything_as_it_was_and_comes_back(shop: Shop) -> None:
    customer = shop.customer()
    shop.subscribe(customer.stripe_id)
    sync.request([customer.pk], now=shop.now)

    class Odd:
        def picture(self, customer: str) -> CustomerPicture:
            picture = shop.gateway.picture(customer)
            return CustomerPicture(customer=picture.customer, subscriptions=(None,))

    with pytest.raises(AttributeError):
        sync.customer(customer.pk, gateway=Odd(), now=shop.now)
    assert not Subscription.objects.exists()
    assert sync.waiting_ids(now=shop.now + timedelta(seconds=2), limit=10) == [customer.pk]
    assert shop.sync(customer) is SyncOutcome.DONE


def test_lines_that_are_gone_at_stripe_are_gone_here(shop: Shop) -> None:
    customer = shop.customer()
    shop.subscribe(customer.stripe_id)
    shop.sync(customer)
    (line,) = SubscriptionItem.objects.values()
    SubscriptionItem.objects.create(**{**line, "id": None, "stripe_id": "si_gone"})
    shop.sync(customer)
    assert [row.stripe_id for row in SubscriptionItem.objects.all()] == [line["stripe_id"]]


def test_a_plan_that_unlocks_nothing_of_ours_gives_nothing(shop: Shop) -> None:
    customer = shop.customer()
    shop.sell("hats", unlocks="")
    shop.subscribe(customer.stripe_id, slug="hats")
    shop.sync(customer)
    assert Subscription.objects.count() == 1
    assert grants(customer, now=shop.now) == []
    assert not OpenProduct.objects.exists()
