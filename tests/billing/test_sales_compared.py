"""What was paid once, in the nightly comparison: after whatever was lost, passes and gifts are equal to Stripe's."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.models import User
from billing import catalogue, comparison, presents, reckoning, redeeming, subscribing
from billing.models import Customer, DayPass, Present, ReconcileRun
from billing.presents import Wish
from paywall import entitlements
from tests.billing.market import BACK, Market
from tests.factories.accounts import a_reader


@pytest.fixture
def counter(market: Market) -> Market:
    """A market that sells a day, and half a year as a gift."""
    market.once(market.product("A day", unlocks="premium"), slug="day", amount=250, lasts_hours="24")
    market.once(market.product("A gift", unlocks="premium"), slug="gift", amount=5900, gift_months="6")
    catalogue.refresh(gateway=market.gateway)
    return market


def compare_all(market: Market) -> ReconcileRun:
    run = comparison.start(now=market.now)
    return comparison.advance(run, gateway=market.gateway, now=market.now)


def told(run: ReconcileRun) -> tuple[int, int, list[str]]:
    return run.returns_checked, run.returns_equal, run.drift


def pay_pass(market: Market, reader: User) -> str:
    """Pay a day, of which no news comes; return the session."""
    checkout = subscribing.start(reader, price="day", return_url=BACK, gateway=market.gateway, now=market.now)
    attempt = subscribing.attempt_of(reader, checkout.attempt)
    assert attempt is not None
    market.sandbox.complete_checkout(attempt.session_id)
    return attempt.session_id


def pay_gift(market: Market) -> Present:
    """Pay a gift, of which no news comes."""
    wish = Wish(attempt="a", price="gift", giver_email="giver@example.org")
    presents.buy(wish, giver=None, gateway=market.gateway, now=market.now)
    present = Present.objects.get(wish=wish.digest)
    market.sandbox.complete_checkout(present.session_id)
    return present


def refund(market: Market, payment: str) -> None:
    market.sdk.v1.refunds.create({"payment_intent": payment})


def grants(reader: User, market: Market) -> list[Any]:
    return [one for one in entitlements.snapshot(reader, now=market.now) if one.ends_at is not None]


def test_a_pass_whose_news_was_lost_is_found_and_opens(counter: Market) -> None:
    reader = a_reader()
    session = pay_pass(counter, reader)
    assert told(compare_all(counter)) == (1, 1, [f"{session}: paid at Stripe, unknown here"])
    assert [grant.product for grant in grants(reader, counter)] == ["premium"]
    assert told(compare_all(counter)) == (1, 1, [])


def test_a_pass_that_was_given_back_unheard_closes(counter: Market) -> None:
    reader = a_reader()
    session = pay_pass(counter, reader)
    compare_all(counter)
    refund(counter, DayPass.objects.get().stripe_id)
    lost = f"{session}: paid, not given back"
    assert lost in compare_all(counter).drift
    assert grants(reader, counter) == []
    assert compare_all(counter).drift == []


def test_a_pass_of_a_customer_who_was_deleted_meanwhile_was_paid_all_the_same(counter: Market) -> None:
    reader = a_reader()
    pay_pass(counter, reader)
    counter.gateway.delete_customer(customer=Customer.objects.get().stripe_id, key="gone")
    compare_all(counter)
    assert [grant.product for grant in grants(reader, counter)] == ["premium"]


def test_a_gift_whose_news_was_lost_is_paid_then_and_its_code_good(counter: Market) -> None:
    present = pay_gift(counter)
    assert told(compare_all(counter)) == (1, 1, [f"{present.session_id}: not paid yet, not paid"])
    present.refresh_from_db()
    reader = a_reader()
    redeeming.redeem(presents.code_of(present), reader=reader, gateway=counter.gateway, now=counter.now)
    assert [grant.product for grant in grants(reader, counter)] == ["premium"]


def test_a_gift_that_a_backup_has_forgotten_is_made_again(counter: Market) -> None:
    present = pay_gift(counter)
    key, session = present.key, present.session_id
    present.delete()
    assert told(compare_all(counter)) == (1, 1, [f"{session}: paid at Stripe, unknown here"])
    assert Present.objects.get().key == key


def test_a_gift_that_was_given_back_unheard_is_void(counter: Market) -> None:
    present = presents.look(pay_gift(counter), gateway=counter.gateway, now=counter.now)
    refund(counter, present.payment_id)
    assert f"{present.session_id}: paid, not given back" in compare_all(counter).drift
    present.refresh_from_db()
    assert present.voided_at is not None
    assert told(compare_all(counter)) == (1, 1, [])


def test_what_somebody_else_sells_on_the_account_is_left_out(counter: Market) -> None:
    price = counter.once(counter.product("A mug"), slug="mug", amount=1500)
    for promise in ({}, {"purpose": "mug"}):
        session = counter.gateway.start_payment(
            price=price, promise=promise, return_url=BACK, cancel_url=BACK, key=f"mug-{len(promise)}"
        )
        counter.sandbox.complete_checkout(session.id)
    assert told(compare_all(counter)) == (0, 0, [])


def test_a_look_through_changes_nothing(counter: Market) -> None:
    reader = a_reader()
    session = pay_pass(counter, reader)
    (found,) = reckoning.look_through(gateway=counter.gateway)
    assert str(found) == f"{session}: paid at Stripe, unknown here"
    assert not DayPass.objects.exists()
