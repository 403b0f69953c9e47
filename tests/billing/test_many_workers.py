"""Workers really at once, on real connections: no look is lost, none overwrites a later one, nobody falls over."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from accounts.models import User
from billing import calls, customers, inbox, seats, sync
from billing.models import Customer, OutboundCall, StripeEvent, Subscription
from tests.factories.accounts import a_reader
from tests.factories.billing import Shop, a_delivery, a_shop
from tests.proofs.processes.services import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
_WORKERS, _TIMES = 6, 8


def at_once(work: Callable[[int], object], *, workers: int = _WORKERS) -> None:
    """Run `work` in so many threads that all start at the same moment; fail with whatever failed there."""
    gate = threading.Barrier(workers)

    def run(number: int) -> None:
        try:
            gate.wait(30)
            work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(workers) as pool:
        for done in [pool.submit(run, number) for number in range(workers)]:
            done.result(60)


@pytest.fixture
def open_shop(transactional_db: None) -> Shop:
    """A shop whose rows every thread can see."""
    return a_shop()


def test_the_last_look_is_the_last_write(open_shop: Shop) -> None:
    shop = open_shop
    customer = shop.customer()
    subscription = str(shop.subscribe(customer.stripe_id))

    def change_and_look(number: int) -> None:
        for time in range(_TIMES):
            ask = shop.gateway.cancel_at_period_end if (number + time) % 2 else shop.gateway.keep
            ask(subscription=subscription, key=f"{number}-{time}")
            sync.request([customer.pk], now=shop.now)
            sync.customer(customer.pk, gateway=shop.gateway, now=shop.now)

    at_once(change_and_look)
    while waiting := sync.waiting_ids(now=shop.now, limit=9):
        sync.customer(waiting[0], gateway=shop.gateway, now=shop.now)
    (theirs,) = shop.gateway.picture(customer.stripe_id).subscriptions
    ours = Subscription.objects.get()
    assert (ours.cancel_at_period_end, ours.cancel_at) == (theirs.cancel_at_period_end, theirs.cancel_at)
    customer.refresh_from_db()
    assert customer.sync_done == customer.sync_requested == _WORKERS * _TIMES
    assert (customer.leased_by, customer.sync_error) == ("", "")


def test_one_delivery_many_times_at_once_is_one_event(open_shop: Shop) -> None:
    delivery = a_delivery()
    at_once(lambda _number: [inbox.receive(delivery, now=open_shop.now) for _time in range(_TIMES)])
    assert StripeEvent.objects.count() == 1


def test_one_wish_of_many_at_once_is_one_call(open_shop: Shop) -> None:
    keys: list[str] = []
    meeting = threading.Barrier(_WORKERS)

    def call(key: str) -> str:
        keys.append(key)
        meeting.wait(30)
        return "sub_1"

    at_once(lambda _number: calls.recorded(purpose="cancel", subject="sub_1", call=call, now=open_shop.now))
    assert len(keys) == _WORKERS
    assert len(set(keys)) == 1
    assert OutboundCall.objects.get().state == OutboundCall.State.DONE


def test_a_wish_that_meets_another_one_just_finished_is_made_all_the_same(open_shop: Shop) -> None:
    def wish(number: int) -> None:
        for _time in range(20 * _TIMES):
            calls.recorded(purpose="pay", subject="in_1", call=lambda _key: "in_1", now=open_shop.now)

    at_once(wish)
    assert {call.state for call in OutboundCall.objects.all()} == {OutboundCall.State.DONE}


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer and no locks of rows")
def test_a_purchase_and_a_look_at_a_new_customer_never_wait_for_one_another(open_shop: Shop) -> None:
    reader = a_reader()
    stripe_id = calls.recorded(
        purpose="customer",
        subject=f"{reader.public_id}:0",
        call=lambda key: open_shop.gateway.create_customer(
            email=reader.email, reader=reader.public_id, key=key
        ),
        now=open_shop.now,
    )
    # The event of it was faster than the answer, and somebody looks already.
    customer = sync.adopt(stripe_id, gateway=open_shop.gateway, now=open_shop.now)
    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        Customer.objects.select_for_update(of=("self",)).get(pk=customer)
        purchase = pool.submit(_ensured, reader, open_shop)
        wait_until(_somebody_waits_for_a_lock, what="the purchase to meet the look")
        seats.lock(reader)  # as a look does, which has learnt whose the customer is
        Customer.objects.filter(pk=customer).update(reader=reader)
    assert purchase.result(60) == customer


def _ensured(reader: User, shop: Shop) -> int:
    try:
        return customers.ensure(reader, gateway=shop.gateway, now=shop.now).pk
    finally:
        connection.close()


def _somebody_waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_locks WHERE NOT granted")
        return cursor.fetchone() is not None
