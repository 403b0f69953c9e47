"""News from accounts reaches Stripe; a closing that cannot end billing does not happen."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.test import TestCase

from accounts import closing
from accounts.models import Mail, User
from accounts.signals import email_changed, reader_closing
from billing import inbox, leftovers, reconciliation, subscribing, sync
from billing.errors import StripeTrouble
from billing.models import CheckoutAttempt, Customer, StripeEvent, Subscription
from tests.billing.market import BACK, Market
from tests.factories.accounts import a_reader
from tests.factories.billing import a_delivery


@pytest.fixture
def reader(market: Market) -> User:
    who = a_reader()
    market.buy(who)
    return who


def change_address(reader: User, market: Market, to: str) -> None:
    reader.email = to
    reader.save()
    with TestCase.captureOnCommitCallbacks(execute=True):
        email_changed.send(sender=User, reader=reader, now=market.now)


def test_a_new_address_reaches_stripe(market: Market, reader: User) -> None:
    change_address(reader, market, "new@example.org")
    market.look(reader)
    assert market.customer(reader).email == "new@example.org"


def test_an_address_changes_even_while_stripe_is_down(market: Market, reader: User) -> None:
    market.fault(target="api", kind="status", match="*", status=503, left=100)
    change_address(reader, market, "new@example.org")
    customer = market.customer(reader)
    assert customer.sync_requested > customer.sync_done


def test_an_address_that_did_not_arrive_is_told_again_by_the_next_look(market: Market, reader: User) -> None:
    market.fault(target="api", kind="status", match="POST /v1/customers/*", status=503, left=100)
    change_address(reader, market, "new@example.org")
    market.look(reader)
    assert market.gateway.customer(market.customer(reader).stripe_id).email != "new@example.org"
    market.sandbox.world.faults.clear()
    market.look(reader)
    assert market.gateway.customer(market.customer(reader).stripe_id).email == "new@example.org"
    assert market.customer(reader).email == "new@example.org"


def test_an_address_overtakes_one_whose_outcome_is_unknown(market: Market, reader: User) -> None:
    first = reader.email
    for address in ("second@example.org", first):  # there and back, and no answer to the first
        if address != first:
            market.fault(target="api", kind="slow", match="POST /v1/customers/*", seconds=6.5)
        change_address(reader, market, address)
    assert market.gateway.customer(market.customer(reader).stripe_id).email == first
    change_address(reader, market, "second@example.org")
    assert market.gateway.customer(market.customer(reader).stripe_id).email == "second@example.org"


def test_no_address_is_told_of_a_reader_who_is_blocked(market: Market, reader: User) -> None:
    User.objects.filter(pk=reader.pk).update(email="elsewhere@example.org", is_active=False)
    market.look(reader)
    assert market.gateway.customer(market.customer(reader).stripe_id).email == reader.email


def test_who_never_bought_is_unknown_to_stripe(market: Market) -> None:
    change_address(a_reader(), market, "other@example.org")
    assert not Customer.objects.exists()


def test_closing_ends_every_subscription_at_stripe(market: Market, reader: User) -> None:
    market.buy(reader, "culture_monthly")
    reader_closing.send(sender=User, reader=reader, now=market.now)
    assert {one["status"] for one in market.objects("subscription")} == {"canceled"}
    assert not Customer.objects.filter(reader=reader, deleted_at=None).exists()
    assert not Subscription.objects.exclude(status="canceled").exists()


def test_what_lay_open_at_checkout_cannot_be_paid_after_closing(market: Market) -> None:
    reader = a_reader()
    opened = subscribing.start(
        reader, price="premium_monthly", return_url=BACK, gateway=market.gateway, now=market.now
    )
    attempt = subscribing.attempt_of(reader, opened.attempt)
    assert attempt is not None
    closing.close(reader, now=market.now)
    assert market.gateway.checkout(attempt.session_id).status == "expired"
    assert not CheckoutAttempt.objects.filter(state=CheckoutAttempt.State.OPEN).exists()


def test_a_click_that_is_slower_than_the_closing_opens_nothing(market: Market) -> None:
    reader = a_reader()

    class Slow:
        """A gateway that opens a session while the account is being closed."""

        def __getattr__(self, name: str) -> Any:
            return getattr(market.gateway, name)

        def start_checkout(self, **wish: Any) -> Any:
            session = market.gateway.start_checkout(**wish)
            closing.close(User.objects.get(pk=reader.pk), now=market.now)
            return session

    with pytest.raises(PermissionDenied):
        subscribing.start(
            reader,
            price="premium_monthly",
            return_url=BACK,
            gateway=Slow(),
            now=market.now,
        )
    assert {one["status"] for one in market.objects("checkout.session")} == {"expired"}
    assert not Customer.objects.filter(reader=reader, deleted_at=None).exists()


def test_a_click_that_is_slower_than_the_closing_leaves_no_customer(market: Market) -> None:
    reader = a_reader()

    class Slow:
        """A gateway that makes a customer while the account is being closed."""

        def __getattr__(self, name: str) -> Any:
            return getattr(market.gateway, name)

        def create_customer(self, **wish: Any) -> str:
            made = market.gateway.create_customer(**wish)
            closing.close(User.objects.get(pk=reader.pk), now=market.now)
            return made

    with pytest.raises(PermissionDenied):
        subscribing.start(reader, price="premium_monthly", return_url=BACK, gateway=Slow(), now=market.now)
    # Nobody waits for a click that was turned away.
    assert not CheckoutAttempt.objects.filter(state=CheckoutAttempt.State.OPEN).exists()
    (waiting,) = sync.waiting_ids(now=market.now, limit=9)
    leftovers.look(waiting, gateway=market.gateway, now=market.now)
    assert not market.objects("checkout.session")
    assert not [one for one in market.objects("customer") if not one.get("_deleted")]
    assert Customer.objects.get(reader=reader).deleted_at is not None
    assert Customer.objects.get(reader=reader).email == ""


def test_a_click_between_billings_end_and_the_closing_leaves_nothing(market: Market, reader: User) -> None:
    def click(sender: object, **_news: Any) -> None:
        subscribing.start(
            reader, price="premium_monthly", return_url=BACK, gateway=market.gateway, now=market.now
        )

    reader_closing.connect(click)  # after billing, which was there before
    try:
        closing.close(reader, now=market.now)
    finally:
        reader_closing.disconnect(click)
    assert {one["status"] for one in market.objects("checkout.session")} == {"complete", "expired"}
    assert not Customer.objects.filter(reader=reader, deleted_at=None).exists()
    assert not CheckoutAttempt.objects.filter(state=CheckoutAttempt.State.OPEN).exists()


def test_what_stripe_could_not_let_go_of_is_found_by_the_sweep(market: Market, reader: User) -> None:
    customer = market.customer(reader)
    User.objects.filter(pk=reader.pk).update(is_active=False, email="rdr_1@closed.invalid")
    reconciliation.sweep_boundaries(now=market.now)
    assert sync.waiting_ids(now=market.now, limit=9) == [customer.pk]
    leftovers.look(customer.pk, gateway=market.gateway, now=market.now)
    assert leftovers.customers(now=market.now) == set()
    assert {one["status"] for one in market.objects("subscription")} == {"canceled"}


def test_who_is_merely_blocked_keeps_their_subscription(market: Market, reader: User) -> None:
    User.objects.filter(pk=reader.pk).update(is_active=False)
    leftovers.look(market.customer(reader).pk, gateway=market.gateway, now=market.now)
    assert {one["status"] for one in market.objects("subscription")} == {"active"}


def test_closing_twice_is_the_same(market: Market, reader: User) -> None:
    for _ in range(2):
        reader_closing.send(sender=User, reader=reader, now=market.now)
    assert Customer.objects.filter(reader=reader).count() == 1


def test_a_closing_stops_where_stripe_does_not_answer(market: Market, reader: User) -> None:
    market.fault(target="api", kind="status", match="*", status=503, left=100)
    with pytest.raises(StripeTrouble):
        reader_closing.send(sender=User, reader=reader, now=market.now)
    assert Customer.objects.filter(reader=reader, deleted_at=None).exists()


def test_after_closing_nothing_says_who_it_was_and_nobody_is_written_to(market: Market, reader: User) -> None:
    address, customer = reader.email, market.customer(reader)
    inbox.receive(
        a_delivery(about={"id": customer.stripe_id, "object": "customer", "email": address}), now=market.now
    )
    closing.close(reader, now=market.now)
    sync.request([customer.pk], now=market.now)  # Stripe's own news of it comes later
    sync.customer(customer.pk, gateway=market.gateway, now=market.now)
    customer.refresh_from_db()
    assert customer.email == ""
    assert customer.invoices.count() == 1
    assert not customer.cards.exists()
    assert not StripeEvent.objects.exclude(payload=None).exists()
    assert not Mail.objects.exists()
