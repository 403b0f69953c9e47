"""Workers really at once, on real connections: no look is lost, none overwrites a later one, nobody falls over."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from billing import calls, inbox, sync
from billing.models import OutboundCall, StripeEvent, Subscription
from tests.factories.billing import Shop, a_delivery, a_shop

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
