"""Leaving is as short as joining, says when it ends, and holds nobody up."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from accounts.models import Mail, User
from billing.models import Subscription
from tests.billing.market import Market
from tests.factories.accounts import a_reader


@pytest.fixture
def reader(market: Market) -> User:
    return a_reader()


@pytest.fixture
def site(client: Client, reader: User) -> Client:
    client.force_login(reader)
    return client


def post(site: Client, body: dict[str, Any]) -> Any:
    return site.post("/api/v1/subscription/cancel", body, content_type="application/json")


def reason_at_stripe(market: Market) -> tuple[str | None, str | None]:
    (one,) = market.objects("subscription")
    return one["cancellation_details"]["feedback"], one["cancellation_details"]["comment"]


class TestSteps:
    def test_cancelling_takes_no_more_steps_than_joining(
        self, site: Client, market: Market, reader: User
    ) -> None:
        joining = 0
        overview = site.get("/account/").content.decode()
        assert 'action="/account/subscribe/"' in overview
        assert site.post("/account/subscribe/", {"price": "premium_monthly"}).status_code == 303
        joining += 1
        attempt = reader.checkout_attempts.get()
        market.sandbox.complete_checkout(attempt.session_id)  # pays on Stripe's page
        joining += 1
        site.get(f"/account/return/?attempt={attempt.key}&session_id={attempt.session_id}")

        leaving = 0
        overview = site.get("/account/").content.decode()
        (link,) = re.findall(r'href="(/account/cancel/[^"]*)"', overview)
        page = site.get(link).content.decode()
        leaving += 1
        (named,) = set(re.findall(r'name="subscription" value="(\d+)"', page))
        assert site.post("/account/cancel/", {"subscription": named}).status_code == 303
        leaving += 1
        assert Subscription.objects.get().cancel_at_period_end
        assert leaving <= joining


class TestReceipt:
    def test_page_and_mail_say_when_it_was_asked_and_when_it_ends(
        self, site: Client, market: Market, reader: User
    ) -> None:
        market.buy(reader)
        answer = post(site, {})
        state = answer.json()["subscription"]
        assert state["cancelled_at"]
        assert state["access_ends_at"]
        text = site.get("/account/").content.decode()
        assert "Cancelled on" in text
        assert "You read until" in text
        mail = Mail.objects.get(kind="cancel_scheduled")
        assert "receipt" in mail.text
        assert str(market.now.year) in mail.text


class TestReason:
    def test_it_reaches_stripe(self, site: Client, market: Market, reader: User) -> None:
        market.buy(reader)
        assert post(site, {"feedback": "unused", "comment": "No time."}).status_code == 200
        assert reason_at_stripe(market) == ("unused", "No time.")

    def test_on_the_page_it_is_optional(self, site: Client, market: Market, reader: User) -> None:
        market.buy(reader)
        site.post("/account/cancel/", {"feedback": "made_up", "comment": "x" * 900})
        assert Subscription.objects.get().cancel_at_period_end
        assert reason_at_stripe(market) == (None, "x" * 500)

    def test_trouble_with_it_stops_no_cancellation(self, site: Client, market: Market, reader: User) -> None:
        market.buy(reader)
        post(site, {})
        market.fault(target="api", kind="status", match="POST /v1/subscriptions/*", status=500, left=9)
        assert post(site, {"feedback": "unused"}).status_code == 200
        assert Subscription.objects.get().cancel_at_period_end

    @pytest.mark.parametrize(
        "body", [{"feedback": "made_up"}, {"comment": "x" * 501}, {"comment": 5}, {"why": "x"}]
    )
    def test_what_is_not_right_is_400(self, site: Client, body: dict[str, Any]) -> None:
        assert post(site, body).status_code == 400


class TestSaveOffer:
    def test_it_is_shown_once_beside_the_button(self, site: Client, market: Market, reader: User) -> None:
        market.buy(reader)
        first, second = (site.get("/account/cancel/").content.decode() for _ in range(2))
        assert "Or only pause?" in first
        assert "Or only pause?" not in second
        for page in (first, second):
            assert 'action="/account/cancel/"' in page

    def test_not_where_the_setting_says_no(
        self, site: Client, market: Market, reader: User, settings: Any
    ) -> None:
        settings.SAVE_OFFER_PAUSE = False
        market.buy(reader)
        assert "Or only pause?" not in site.get("/account/cancel/").content.decode()
