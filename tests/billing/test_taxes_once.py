"""Under `STRIPE_TAX` Stripe is asked for the taxes of what is paid once too, and what was paid is kept with them."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from billing import catalogue, gateway, presents, subscribing
from billing.models import CheckoutAttempt, DayPass, Present
from billing.presents import Wish
from tests.billing.market import BACK, Market
from tests.factories.accounts import a_reader


@pytest.fixture
def counter(market: Market) -> Market:
    """A market that sells a day and a gift, whose prices do not include their taxes."""
    premium = market.product("Premium, once", unlocks="premium")
    market.once(premium, slug="day", amount=200, lasts_hours="24")
    market.once(premium, slug="gift", amount=5900, gift_months="6")
    catalogue.refresh(gateway=market.gateway)
    return market


def sell_pass(market: Market) -> None:
    """Let a reader buy the day by the API."""
    client, reader = Client(), a_reader()
    client.force_login(reader)
    wish = {"price": "day", "return_url": BACK}
    answer = client.post("/api/v1/checkout", wish, content_type="application/json")
    assert answer.status_code == 201, answer.content
    attempt = CheckoutAttempt.objects.get(reader=reader)
    market.sandbox.complete_checkout(attempt.session_id)
    subscribing.finish(attempt, session_id=attempt.session_id, gateway=gateway.default(), now=market.now)


def sell_gift(market: Market) -> None:
    """Let somebody without an account buy the gift."""
    wish = Wish(attempt="a", price="gift", giver_email="giver@example.org")
    presents.buy(wish, giver=None, gateway=gateway.default(), now=market.now)
    present = Present.objects.get()
    market.sandbox.complete_checkout(present.session_id)
    presents.look(present, gateway=gateway.default(), now=market.now)


def test_a_pass_is_paid_with_its_taxes(counter: Market, settings: Any) -> None:
    settings.STRIPE_TAX = True
    sell_pass(counter)
    (session,) = counter.objects("checkout.session")
    assert session["automatic_tax"] == {**session["automatic_tax"], "enabled": True, "status": "complete"}
    assert session["total_details"]["amount_tax"] == 38
    assert (session["amount_total"], DayPass.objects.get().amount) == (238, 238)


def test_a_gift_is_paid_with_its_taxes(counter: Market, settings: Any) -> None:
    settings.STRIPE_TAX = True
    sell_gift(counter)
    (session,) = counter.objects("checkout.session")
    assert session["automatic_tax"] == {**session["automatic_tax"], "enabled": True, "status": "complete"}
    assert session["total_details"]["amount_tax"] == 1121
    assert (session["amount_total"], Present.objects.get().paid_at is not None) == (7021, True)
    assert Present.objects.get().amount == 7021


@pytest.mark.parametrize("sell", [sell_pass, sell_gift])
def test_without_the_setting_nobody_asks(counter: Market, sell: Any) -> None:
    sell(counter)
    (session,) = counter.objects("checkout.session")
    assert not session["automatic_tax"]["enabled"]
    assert session["amount_total"] in {200, 5900}
