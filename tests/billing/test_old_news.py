"""What money or reading turns on never rests on old news: where nobody can look in time, nothing is done."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.models import User
from billing import changing, contracts, merging, pausing, refunding, returning, subscribing
from billing.errors import AlreadySubscribed, StripeTrouble
from billing.models import CheckoutAttempt, Customer, Invoice
from billing.refunding import Access
from tests.billing.market import BACK, Market
from tests.factories.accounts import a_member_of_staff, a_reader


@pytest.fixture(autouse=True)
def _nobody_waits(settings: Any) -> None:
    settings.CHECKOUT_SECONDS_TO_WAIT = settings.SYNC_SECONDS_TO_WAIT = 0.0


@pytest.fixture
def reader(market: Market) -> User:
    found = a_reader()
    market.buy(found)
    return found


def let_a_worker_die(market: Market, reader: User) -> None:
    """Leave the reader in the hands of a worker who is no more: nobody can look until its lease is over."""
    Customer.objects.filter(reader=reader).update(
        leased_by="a worker that died", leased_until=market.now + Customer.LEASE
    )


def live(market: Market) -> int:
    return sum(one["status"] != "canceled" for one in market.objects("subscription"))


def agree(story: Any, market: Market, reader: User, *, price: str = "") -> None:
    """Agree at once to what a story (a change, a return) shows."""
    shown = story.propose(reader, price=price, gateway=market.gateway, now=market.now)
    story.agree(
        reader,
        price=shown.price.slug,
        shown_at=shown.shown_at,
        amount=shown.amount,
        gateway=market.gateway,
        now=market.now,
    )


def come_back(market: Market, reader: User) -> None:
    agree(returning, market, reader)


def check_out(market: Market, reader: User) -> None:
    subscribing.start(
        reader, price="premium_monthly", return_url=BACK, gateway=market.gateway, now=market.now
    )


class TestDoubt:
    """Somebody came back with the card on file, it was paid, and the answer was lost."""

    @pytest.fixture
    def reader(self, market: Market, reader: User) -> User:
        contracts.cancel(reader, gateway=market.gateway, now=market.now)
        market.pass_time(reader, seconds=40 * 24 * 3600)
        market.fault(target="api", kind="drop_response", match="POST /v1/subscriptions", left=1)
        market.fault(target="api", kind="drop_request", match="POST /v1/subscriptions", left=9)
        with pytest.raises(StripeTrouble):
            come_back(market, reader)
        market.sandbox.world.faults.clear()
        market.sandbox.advance(seconds=150)
        let_a_worker_die(market, reader)
        return reader

    @pytest.mark.parametrize("buy", [check_out, come_back])
    def test_nothing_is_bought_again_before_somebody_looked(
        self, market: Market, reader: User, buy: Any
    ) -> None:
        for _click in range(2):
            with pytest.raises(StripeTrouble):
                buy(market, reader)
            assert live(market) == 1
            assert not any(one["status"] == "open" for one in market.objects("checkout.session"))
        market.sandbox.advance(seconds=Customer.LEASE.total_seconds())
        with pytest.raises(AlreadySubscribed):
            buy(market, reader)
        assert live(market) == 1
        assert not CheckoutAttempt.objects.filter(state="open").exists()


def test_a_period_just_paid_for_is_not_ended_at_once(market: Market, reader: User) -> None:
    market.fail_renewal(reader)
    method = market.sandbox.swap_card(market.customer(reader).stripe_id, card="4242424242424242")
    (owed,) = (one["id"] for one in market.objects("invoice") if one["status"] == "open")
    market.sdk.v1.invoices.pay(owed, {"payment_method": method})
    let_a_worker_die(market, reader)
    with pytest.raises(StripeTrouble):
        contracts.cancel(reader, gateway=market.gateway, now=market.now)
    assert live(market) == 1
    market.sandbox.advance(seconds=Customer.LEASE.total_seconds())
    contracts.cancel(reader, gateway=market.gateway, now=market.now)
    (theirs,) = market.objects("subscription")
    assert (theirs["status"], theirs["cancel_at_period_end"]) == ("active", True)


def _change(market: Market, reader: User) -> None:
    agree(changing, market, reader, price="premium_yearly")


def _pause(market: Market, reader: User) -> None:
    row = contracts.own_open(reader, None, now=market.now)
    until = pausing.dates(row, now=market.now)[0]
    pausing.pause(reader, until=until, gateway=market.gateway, now=market.now)


def _refund(market: Market, reader: User) -> None:
    invoice = Invoice.objects.get(customer__reader=reader)
    wish = refunding.Wish(key="form", amount=990, reason="wished", access=Access.KEEP, seen=0)
    refunding.refund(invoice, wish=wish, by=a_member_of_staff(), gateway=market.gateway, now=market.now)


def _merge(market: Market, reader: User) -> None:
    theirs = market.gateway.create_customer(email=reader.email, reader=reader.public_id, key="other")
    other = Customer.objects.create(stripe_id=theirs, reader=None, created_at=market.now)
    merging.merge(stays=market.customer(reader), goes=other, gateway=market.gateway, now=market.now)


@pytest.mark.parametrize("act", [_change, _pause, _refund, _merge])
def test_who_cannot_look_changes_nothing(market: Market, reader: User, act: Any) -> None:
    let_a_worker_die(market, reader)
    before = [market.objects(kind) for kind in ("subscription", "invoice", "charge", "refund")]
    with pytest.raises(StripeTrouble):
        act(market, reader)
    assert [market.objects(kind) for kind in ("subscription", "invoice", "charge", "refund")] == before
