"""Whoever is about to pay for what they read by already is told until when and by what; nobody is kept from it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from billing import catalogue, comps, contracts, overlaps, passes, presents, redeeming, returning
from billing.models import Present
from billing.presents import Wish
from billing.words import day
from tests.billing.groups import a_family, join
from tests.billing.market import BACK, Market
from tests.factories.accounts import a_member_of_staff, a_reader
from tests.factories.paywall import DAY


@pytest.fixture
def counter(market: Market) -> Market:
    """A market that sells premium as a gift and for two days, too."""
    premium = market.product("Premium, once", unlocks="premium")
    market.once(premium, slug="gift", amount=5900, gift_months="6")
    market.once(premium, slug="two_days", amount=400, lasts_hours="48")
    catalogue.refresh(gateway=market.gateway)
    return market


@pytest.fixture
def reader(counter: Market) -> User:
    return a_reader()


@pytest.fixture
def site(client: Client, reader: User) -> Client:
    client.force_login(reader)
    return client


def give(market: Market, reader: User, *, name: str = "a") -> Present:
    """Let somebody pay a gift and this reader redeem it."""
    wish = Wish(attempt=name, price="gift", giver_email="giver@example.org")
    presents.buy(wish, giver=None, gateway=market.gateway, now=market.now)
    present = Present.objects.get(wish=wish.digest)
    market.sandbox.complete_checkout(present.session_id)
    code = presents.code_of(presents.look(present, gateway=market.gateway, now=market.now))
    return redeeming.redeem(code, reader=reader, gateway=market.gateway, now=market.now)


def comp(market: Market, reader: User, *products: str) -> Any:
    return comps.give(
        reader,
        by=a_member_of_staff(),
        products=list(products or ("premium",)),
        until=market.now + timedelta(days=30),
        reason="A sorry",
        now=market.now,
    )


def told(market: Market, reader: User, *products: str) -> list[str]:
    return [row.text for row in overlaps.of(reader, products or ("premium",), now=market.now)]


def page(site: Client, address: str = "/account/subscribe/") -> str:
    answer = site.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


class TestWhatIsTold:
    def test_a_redeemed_gift(self, counter: Market, reader: User) -> None:
        present = give(counter, reader)
        assert present.ends_at is not None
        assert told(counter, reader) == [
            f"Gift subscription: opens Premium to you until {day(present.ends_at)}."
        ]

    def test_a_gift_that_is_still_to_begin(self, counter: Market, reader: User) -> None:
        first, second = give(counter, reader), give(counter, reader, name="b")
        assert first.ends_at is not None
        assert second.ends_at is not None
        assert told(counter, reader) == [
            f"Gift subscription: opens Premium to you until {day(first.ends_at)}.",
            f"Gift subscription: opens Premium to you from {day(first.ends_at)} until {day(second.ends_at)}.",
        ]

    def test_free_access_from_staff(self, counter: Market, reader: User) -> None:
        row = comp(counter, reader, "premium", "culture")
        (text,) = told(counter, reader)
        assert text == f"Free access: opens Culture, Premium to you until {day(row.ends_at)}."

    def test_a_place_in_somebodys_group(self, counter: Market, reader: User) -> None:
        owner, _members = a_family(counter)
        join(counter, owner, reader)
        assert told(counter, reader) == [
            f"A place in the group of {owner.email}: opens Premium to you, for nothing."
        ]
        assert overlaps.of(reader, ("premium",), now=counter.now + 90 * DAY) == ()

    def test_neither_a_day_pass_nor_what_opens_something_else(self, counter: Market, reader: User) -> None:
        comp(counter, reader, "culture")
        counter.buy(reader, "two_days")
        assert passes.running(reader, now=counter.now).exists()
        assert told(counter, reader) == []
        assert len(told(counter, reader, "premium", "culture")) == 1

    def test_nor_what_is_over_or_was_taken_back_or_is_anothers(self, counter: Market, reader: User) -> None:
        comps.end(comp(counter, reader), reason="Enough", now=counter.now)
        present = give(counter, reader)
        assert told(counter, a_reader()) == []
        Present.objects.update(withdrawn_because="refunded")
        assert told(counter, reader) == []
        Present.objects.update(withdrawn_because="")
        assert present.ends_at is not None
        assert overlaps.of(reader, ("premium",), now=present.ends_at) == ()
        assert overlaps.of(None, ("premium",), now=counter.now) == ()


class TestBeforeTheyPay:
    def test_the_page_says_it_and_sells_all_the_same(
        self, counter: Market, site: Client, reader: User
    ) -> None:
        assert "runs beside it" not in page(site)
        give(counter, reader)
        (text,) = told(counter, reader)
        assert text in page(site)
        assert "runs beside it" in page(site)
        assert text not in page(site, "/account/subscribe/?product=culture")
        answer = site.post("/account/subscribe/", {"price": "premium_monthly"})
        assert answer.status_code == 303
        assert "/c/pay/" in answer["Location"]

    def test_the_api_says_it_with_the_plans_and_at_checkout(
        self, counter: Market, site: Client, reader: User
    ) -> None:
        present = give(counter, reader)
        assert present.ends_at is not None
        (row,) = site.get("/api/v1/plans?product=premium").json()["overlaps"]
        assert (row["kind"], row["products"], row["text"]) == ("gift", ["premium"], *told(counter, reader))
        assert row["ends_at"] == present.ends_at.isoformat().replace("+00:00", "Z")
        assert site.get("/api/v1/plans?product=culture").json()["overlaps"] == []
        for price, found in (("premium_monthly", [row]), ("culture_monthly", [])):
            answer = site.post(
                "/api/v1/checkout", {"price": price, "return_url": BACK}, content_type="application/json"
            )
            assert (answer.status_code, answer.json()["overlaps"]) == (201, found)

    def test_strangers_are_told_of_nobody(self, counter: Market, client: Client, reader: User) -> None:
        give(counter, reader)
        answer = client.get("/api/v1/plans")
        assert answer.json()["overlaps"] == []
        assert "private" in answer["Cache-Control"]

    def test_whoever_comes_back_with_one_click_is_told_first(
        self, counter: Market, site: Client, reader: User
    ) -> None:
        counter.buy(reader)
        contracts.cancel(reader, gateway=counter.gateway, now=counter.now)
        counter.pass_time(reader, seconds=40 * DAY.total_seconds())
        comp(counter, reader)
        (text,) = told(counter, reader)
        assert text in page(site, "/account/come-back/")
        preview = site.post(
            "/api/v1/subscription/return", {"preview": True}, content_type="application/json"
        ).json()
        assert [row["text"] for row in preview["overlaps"]] == [text]
        shown = returning.propose(reader, gateway=counter.gateway, now=counter.now)
        assert [row.text for row in shown.overlaps] == [text]
