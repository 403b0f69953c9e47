"""Buying for many: the number asked for on our page, changed at Checkout, paid for, and given as seats."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from django.test import Client

from accounts.models import User
from billing import outlook, rosters, subscribing
from billing.errors import NotOnSale
from billing.models import CheckoutAttempt
from tests.billing.market import BACK, GOOD_CARD, Market
from tests.factories.accounts import a_reader


@pytest.fixture
def reader(market: Market) -> User:
    market.stock_groups()
    return a_reader()


@pytest.fixture
def site(client: Client, reader: User) -> Client:
    client.force_login(reader)
    return client


def start(site: Client, quantity: str, price: str = "company_monthly") -> Any:
    return site.post("/account/subscribe/", {"price": price, "quantity": quantity, "return_url": BACK})


def page_of(answer: Any, market: Market) -> str:
    """Return where the stand-in that is served here has the page of Checkout."""
    return market.base + urlsplit(answer.headers["Location"]).path


def pay(market: Market, reader: User) -> None:
    attempt = CheckoutAttempt.objects.get(reader=reader, state="open")
    market.sandbox.complete_checkout(attempt.session_id, card=GOOD_CARD)
    arrival = subscribing.finish(
        attempt, session_id=attempt.session_id, gateway=market.gateway, now=market.now
    )
    assert arrival is subscribing.Arrival.DONE


def test_our_page_asks_how_many_and_says_for_how_many(site: Client) -> None:
    page = site.get("/account/subscribe/").content.decode()
    assert "How many people read?" in page
    assert "For up to 5 people" in page


def test_as_many_seats_as_were_asked_for_are_paid_and_given(
    site: Client, market: Market, reader: User
) -> None:
    answer = start(site, "7")
    assert answer.status_code == 303
    assert "\u00d7 7" in requests.get(page_of(answer, market), timeout=5).text
    pay(market, reader)
    (roster,) = rosters.of(reader, now=market.now)
    assert (roster.seats, roster.free) == (7, 6)
    state = outlook.of(reader, now=market.now)
    assert state is not None
    assert state.next_charge_amount == 7 * 790


def test_the_number_may_be_changed_at_checkout(site: Client, market: Market, reader: User) -> None:
    page = page_of(start(site, "7"), market)
    for typed in ("0", "501", "x", ""):
        answer = requests.post(page, {"action": "quantity", "quantity": typed}, timeout=5)
        assert answer.status_code == 400
    assert requests.post(page, {"action": "quantity", "quantity": "3"}, timeout=5).status_code == 200
    pay(market, reader)
    assert rosters.of(reader, now=market.now)[0].seats == 3


def test_another_number_closes_the_open_checkout(site: Client, market: Market, reader: User) -> None:
    first, again, other = (start(site, number).headers["Location"] for number in ("7", "7", "8"))
    assert first == again != other
    assert CheckoutAttempt.objects.filter(reader=reader, state="open").get().quantity == 8
    assert [session["status"] for session in market.objects("checkout.session")].count("open") == 1


@pytest.mark.parametrize("quantity", [0, -1, 501])
def test_no_other_numbers_are_sold(market: Market, reader: User, quantity: int) -> None:
    with pytest.raises(NotOnSale):
        subscribing.start(
            reader,
            price="company_monthly",
            quantity=quantity,
            return_url=BACK,
            gateway=market.gateway,
            now=market.now,
        )


def test_a_family_and_a_plan_of_ones_own_are_sold_once(site: Client, reader: User) -> None:
    for price in ("family_monthly", "premium_monthly"):
        start(site, "2", price)
    assert not CheckoutAttempt.objects.filter(reader=reader).exists()


def test_what_is_no_number_is_a_bad_request(site: Client) -> None:
    for typed in ("x", "1.5", "-1", "9" * 30):
        assert start(site, typed).status_code == 400


def test_the_api_sells_for_many_and_says_who_fits(site: Client, reader: User) -> None:
    plans = {plan["name"]: plan["seats"] for plan in site.get("/api/v1/plans").json()["plans"]}
    assert plans == {"Family": 5, "Company": 1, "Premium": 0, "Culture": 0}
    wish = {"price": "company_monthly", "quantity": 3, "return_url": BACK}
    assert site.post("/api/v1/checkout", wish, content_type="application/json").status_code == 201
    assert CheckoutAttempt.objects.get(reader=reader).quantity == 3
    for nonsense in (0, 501, "x", 1.5):
        answer = site.post(
            "/api/v1/checkout", {**wish, "quantity": nonsense}, content_type="application/json"
        )
        assert answer.status_code == 400
