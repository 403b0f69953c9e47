"""What goes along to another plan, or comes back with one: units, discounts, trials, taxes; shown before it is paid."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from billing import assortment, cards, catalogue, changing, contracts, outlook, returning, subscribing
from billing.errors import NotPossible
from billing.models import SubscriptionItem
from billing.outlook import Outlook
from tests.billing.market import BACK, Market
from tests.factories.accounts import a_reader

SHELF = """
[plan.paper]
name = "Paper"
unlocks = ["premium"]

[plan.paper.price.paper_intro]
amount = 990
currency = "eur"
interval = "month"
intro = "hello"

[plan.paper.price.paper_trial]
amount = 990
currency = "eur"
interval = "month"
trial_days = 30
trial_card = "if_needed"

[plan.paper.price.paper_year]
amount = 9900
currency = "eur"
interval = "year"

[coupon.hello]
name = "Three months for a tenth"
percent_off = 90
duration = "repeating"
months = 3

[coupon.always]
name = "For ever less"
percent_off = 50
duration = "forever"

[code.PRESS]
coupon = "always"
"""


@pytest.fixture
def shelf(market: Market) -> Market:
    assortment.apply(
        assortment.propose(SHELF, gateway=market.gateway, now=market.now),
        gateway=market.gateway,
        now=market.now,
    )
    return market


def change(market: Market, reader: User, price: str) -> changing.Proposal:
    shown = changing.propose(reader, price=price, gateway=market.gateway, now=market.now)
    changing.agree(
        reader,
        price=price,
        shown_at=shown.shown_at,
        amount=shown.amount,
        gateway=market.gateway,
        now=market.now,
    )
    return shown


def buy(
    market: Market, reader: User, price: str, *, card: str | None = "4242424242424242", **more: Any
) -> None:
    checkout = subscribing.start(
        reader, price=price, return_url=BACK, gateway=market.gateway, now=market.now, **more
    )
    attempt = subscribing.attempt_of(reader, checkout.attempt)
    assert attempt is not None
    market.sandbox.complete_checkout(attempt.session_id, card=card)
    subscribing.finish(attempt, session_id=attempt.session_id, gateway=market.gateway, now=market.now)


def paid(market: Market) -> list[int]:
    return [charge["amount"] for charge in market.objects("charge") if charge["status"] == "succeeded"]


def state_of(reader: User, market: Market) -> Outlook:
    state = outlook.of(reader, now=market.now)
    assert state is not None
    return state


class TestUnits:
    @pytest.fixture
    def owner(self, market: Market) -> User:
        """Somebody who pays for five."""
        market.stock_groups()
        found = a_reader()
        buy(market, found, "company_monthly", quantity=5)
        return found

    def test_a_plan_that_is_had_once_is_paid_once(self, market: Market, owner: User) -> None:
        shown = change(market, owner, "premium_monthly")
        assert (shown.charged, shown.credited) == (990, 5 * 790)
        assert SubscriptionItem.objects.get().quantity == 1
        assert state_of(owner, market).price_text == "€9.90 a month"

    def test_another_price_of_the_same_keeps_them(self, market: Market, owner: User) -> None:
        product = SubscriptionItem.objects.get().stripe_product
        market.price(product, slug="company_yearly", amount=7900, interval="year")
        catalogue.refresh(gateway=market.gateway)
        shown = change(market, owner, "company_yearly")
        assert shown.charged == 5 * 7900
        assert SubscriptionItem.objects.get().quantity == 5

    def test_they_come_back_too(self, market: Market, owner: User) -> None:
        contracts.cancel(owner, gateway=market.gateway, now=market.now)
        market.pass_time(owner, months=2)
        shown = returning.propose(owner, gateway=market.gateway, now=market.now)
        assert shown.amount == 5 * 790
        returning.agree(
            owner, price=shown.price.slug, shown_at=shown.shown_at, amount=shown.amount,
            gateway=market.gateway, now=market.now,
        )  # fmt: skip
        assert SubscriptionItem.objects.latest("pk").quantity == 5
        assert paid(market) == [5 * 790, 5 * 790]


class TestDiscounts:
    def test_what_is_less_for_a_time_was_so_for_its_own_price(self, shelf: Market) -> None:
        reader = a_reader()
        buy(shelf, reader, "paper_intro")
        shown = change(shelf, reader, "paper_year")
        assert (shown.charged, shown.credited, shown.amount) == (9900, 99, 9801)
        assert paid(shelf) == [99, 9801]

    def test_what_is_less_for_ever_stays_so(self, shelf: Market) -> None:
        reader = a_reader()
        buy(shelf, reader, "premium_monthly", code="PRESS")
        shown = change(shelf, reader, "paper_year")
        assert shown.amount == 4950 - 495
        assert paid(shelf) == [495, 4950 - 495]


class TestTrials:
    def test_nobody_takes_one_along_without_a_card(self, shelf: Market) -> None:
        reader = a_reader()
        buy(shelf, reader, "paper_trial", card=None)
        assert state_of(reader, shelf).status == "trialing"
        with pytest.raises(NotPossible) as refusal:
            changing.propose(reader, price="paper_year", gateway=shelf.gateway, now=shelf.now)
        assert [remedy["kind"] for remedy in refusal.value.remedies] == ["fix_card"]
        session = shelf.card_form(reader)
        cards.finish(session, reader=reader, gateway=shelf.gateway, now=shelf.now)
        assert change(shelf, reader, "paper_year").amount == 0
        assert state_of(reader, shelf).status == "trialing"

    def test_nobody_takes_others_along(self, shelf: Market) -> None:
        shelf.stock_groups()
        reader = a_reader()
        buy(shelf, reader, "paper_trial")
        with pytest.raises(NotPossible):
            changing.propose(reader, price="family_monthly", gateway=shelf.gateway, now=shelf.now)


class TestTaxes:
    @pytest.fixture
    def taxed(self, market: Market, settings: Any) -> User:
        """Somebody at a known address, where taxes are worked out, whose subscription has ended."""
        market.gateway = market.gateway.__class__(
            secret_key="sk_test_taxed", api_base=market.base, with_tax=True
        )
        reader = a_reader()
        market.buy(reader)
        contracts.cancel(reader, gateway=market.gateway, now=market.now)
        market.pass_time(reader, months=2)
        return reader

    def test_coming_back_is_taxed_as_the_first_time(self, market: Market, taxed: User) -> None:
        customer = market.customer(taxed).stripe_id
        market.sdk.v1.customers.update(customer, {"address": {"country": "DE", "postal_code": "20457"}})
        shown = returning.propose(taxed, gateway=market.gateway, now=market.now)
        returning.agree(
            taxed, price=shown.price.slug, shown_at=shown.shown_at, amount=shown.amount,
            gateway=market.gateway, now=market.now,
        )  # fmt: skip
        first, again = paid(market)
        assert first == again == shown.amount
        invoice = max(market.objects("invoice"), key=lambda one: one["created"])
        assert invoice["automatic_tax"]["enabled"]

    def test_who_is_nowhere_goes_to_checkout(self, market: Market, taxed: User, client: Client) -> None:
        customer = market.customer(taxed).stripe_id
        market.sdk.v1.customers.update(customer, {"address": ""})
        with pytest.raises(returning.NothingToDo):
            returning.propose(taxed, gateway=market.gateway, now=market.now)
