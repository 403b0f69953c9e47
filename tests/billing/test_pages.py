"""The reader's pages: a signed-in reader, stored nowhere, safe when clicked twice, and always a way on."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.messages import get_messages
from django.test import Client

from accounts.models import User
from billing.models import CheckoutAttempt, OutboundCall, Subscription
from tests.billing.market import BACK, CONFIRMING_CARD, FAILING_CARD, Market
from tests.factories.accounts import a_reader

PAGES = [
    "/account/",
    "/account/subscribe/",
    "/account/card/",
    "/account/cancel/",
    "/account/return/?attempt=x",
    "/account/confirm-payment/",
]
FORMS = ["/account/subscribe/", "/account/card/", "/account/cancel/", "/account/resume/"]

pytestmark = pytest.mark.usefixtures("market")


@pytest.fixture
def reader(market: Market) -> User:
    return a_reader()


@pytest.fixture
def site(client: Client, reader: User) -> Client:
    client.force_login(reader)
    return client


def path_of(address: str) -> str:
    """Return an address on this service as the test client takes it."""
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def words(answer: Any) -> str:
    return " ".join(str(message) for message in get_messages(answer.wsgi_request))


def subscribe(site: Client, market: Market, reader: User, *, card: str | None = "4242424242424242") -> str:
    """Go to Checkout, pay if a card is given, and return the address that Stripe sends the reader back to."""
    answer = site.post("/account/subscribe/", {"price": "premium_monthly", "return_url": BACK})
    assert answer.status_code == 303
    attempt = CheckoutAttempt.objects.get(reader=reader, state="open")
    if card:
        market.sandbox.complete_checkout(attempt.session_id, card=card)
    return f"/account/return/?attempt={attempt.key}&session_id={attempt.session_id}"


class TestEveryPage:
    @pytest.mark.parametrize("page", PAGES)
    def test_a_stranger_signs_in_first_and_comes_back(self, client: Client, page: str) -> None:
        answer = client.get(page)
        assert answer.status_code == 302
        where = urlsplit(answer["Location"])
        assert where.path == "/account/login/"
        assert parse_qs(where.query)["next"] == [page]

    @pytest.mark.parametrize("form", FORMS)
    def test_a_form_needs_its_token(self, reader: User, form: str) -> None:
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(reader)
        assert strict.post(form).status_code == 403

    @pytest.mark.parametrize("page", ["/account/", "/account/subscribe/", "/account/card/"])
    def test_it_is_stored_nowhere(self, site: Client, page: str) -> None:
        answer = site.get(page)
        assert answer.status_code == 200
        assert "no-store" in answer["Cache-Control"]

    @pytest.mark.parametrize("page", ["/account/subscribe/", "/account/card/"])
    @pytest.mark.parametrize("address", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
    def test_it_sends_nobody_elsewhere(self, site: Client, page: str, address: str) -> None:
        assert site.get(page, {"return_url": address}).status_code == 400
        assert site.post(page, {"price": "premium_monthly", "return_url": address}).status_code == 400
        assert site.get("/account/return/", {"form": "card", "return_url": address}).status_code == 400


class TestOverview:
    def test_who_has_nothing_sees_what_is_on_sale(self, site: Client) -> None:
        assert "€9.90 a month" in site.get("/account/").content.decode()

    def test_a_subscriber_sees_what_happens_next(self, site: Client, market: Market, reader: User) -> None:
        market.buy(reader)
        text = site.get("/account/").content.decode()
        for part in ("Premium", "€9.90", "4242", "Active"):
            assert part in text

    def test_whose_card_failed_sees_which_and_until_when(
        self, site: Client, market: Market, reader: User
    ) -> None:
        market.buy(reader)
        market.fail_renewal(reader)
        text = site.get("/account/").content.decode()
        for part in ("0341", "Payment failed", "The bank declined the card.", "/account/card/"):
            assert part in text


class TestSubscribing:
    def test_paid_and_back_is_at_the_article(self, site: Client, market: Market, reader: User) -> None:
        answer = site.get(subscribe(site, market, reader))
        assert (answer.status_code, answer["Location"]) == (303, BACK)
        assert Subscription.objects.get(customer__reader=reader).status == "active"

    def test_coming_back_twice_is_the_same(self, site: Client, market: Market, reader: User) -> None:
        back = subscribe(site, market, reader)
        assert site.get(back)["Location"] == site.get(back)["Location"] == BACK

    def test_turning_back_leads_to_the_plans_and_then_to_the_article(
        self, site: Client, market: Market, reader: User
    ) -> None:
        answer = site.get(subscribe(site, market, reader, card=None))
        assert answer.status_code == 303
        plans = site.get(path_of(answer["Location"]))
        assert plans.status_code == 200
        assert BACK in plans.content.decode()

    def test_it_waits_while_the_payment_is_confirmed(
        self, site: Client, market: Market, reader: User
    ) -> None:
        back = subscribe(site, market, reader)
        market.fault(target="api", kind="status", match="GET /v1/customers/*", status=503, left=3)
        answer = site.get(back)
        assert answer.status_code == 202
        assert 'http-equiv="refresh"' in answer.content.decode()
        assert not Subscription.objects.exists()
        market.sandbox.world.faults.clear()
        assert site.get(back)["Location"] == BACK

    def test_an_attempt_of_somebody_else_is_unknown(self, site: Client, market: Market) -> None:
        other, theirs = a_reader(), Client()
        theirs.force_login(other)
        back = subscribe(theirs, market, other)
        assert site.get(back).status_code == 404
        assert not Subscription.objects.exists()

    def test_a_session_of_somebody_else_buys_nothing(
        self, site: Client, market: Market, reader: User
    ) -> None:
        other, theirs = a_reader(), Client()
        theirs.force_login(other)
        subscribe(theirs, market, other)
        subscribe(site, market, reader, card=None)
        own = CheckoutAttempt.objects.get(reader=reader)
        session = CheckoutAttempt.objects.get(reader=other).session_id
        answer = site.get("/account/return/", {"attempt": own.key, "session_id": session})
        assert "/account/subscribe/" in answer["Location"]
        assert not Subscription.objects.exists()

    def test_a_price_that_is_gone_leads_back_to_the_plans(self, site: Client) -> None:
        answer = site.post("/account/subscribe/", {"price": "premium_weekly", "return_url": BACK})
        assert answer.status_code == 303
        assert "/account/subscribe/" in answer["Location"]
        assert "not on sale" in words(answer)

    def test_whose_card_failed_is_led_to_the_card(self, site: Client, market: Market, reader: User) -> None:
        market.buy(reader)
        market.fail_renewal(reader)
        answer = site.post("/account/subscribe/", {"price": "premium_monthly", "return_url": BACK})
        assert "/account/card/" in answer["Location"]

    def test_stripe_down_asks_to_try_again(self, site: Client, market: Market, settings: Any) -> None:
        settings.CHECKOUT_SECONDS_TO_WAIT = 0.2
        market.fault(target="api", kind="status", match="*", status=503, left=100)
        answer = site.post("/account/subscribe/", {"price": "premium_monthly", "return_url": BACK})
        assert answer.status_code == 303
        assert "try again" in words(answer)


class TestCard:
    def form(self, site: Client, market: Market, card: str) -> str:
        """Open the form, fill it in, and return the address that Stripe sends the reader back to."""
        answer = site.post("/account/card/", {"return_url": BACK})
        assert answer.status_code == 303
        session = answer["Location"].rsplit("/", 1)[-1]
        market.sandbox.complete_checkout(session, card=card)
        return f"/account/return/?form=card&session_id={session}&return_url={BACK}"

    @pytest.fixture
    def owing(self, market: Market, reader: User) -> User:
        market.buy(reader)
        market.fail_renewal(reader)
        return reader

    @pytest.mark.usefixtures("owing")
    def test_fixed_and_back_is_at_the_article(self, site: Client, market: Market) -> None:
        answer = site.get(self.form(site, market, "4242424242424242"))
        assert (answer.status_code, answer["Location"]) == (303, BACK)
        assert Subscription.objects.get().status == "active"

    @pytest.mark.usefixtures("owing")
    def test_coming_back_twice_pays_once(self, site: Client, market: Market) -> None:
        back = self.form(site, market, "4242424242424242")
        charges = len(market.objects("charge"))
        assert site.get(back)["Location"] == site.get(back)["Location"] == BACK
        assert len(market.objects("charge")) == charges + 1

    @pytest.mark.usefixtures("owing")
    def test_a_declined_card_says_why_and_asks_for_another(self, site: Client, market: Market) -> None:
        answer = site.get(self.form(site, market, FAILING_CARD))
        assert path_of(answer["Location"]).startswith("/account/card/?return_url=")
        assert "declined" in words(answer)

    @pytest.mark.usefixtures("owing")
    def test_a_bank_that_asks_is_one_click_away(self, site: Client, market: Market) -> None:
        answer = site.get(self.form(site, market, CONFIRMING_CARD))
        assert path_of(answer["Location"]) == "/account/confirm-payment/"
        there = site.get("/account/confirm-payment/")
        assert there.status_code == 303
        assert there["Location"].startswith(market.base) or "/i/" in there["Location"]

    def test_somebody_elses_form_is_unknown(self, site: Client, market: Market) -> None:
        other, theirs = a_reader(), Client()
        theirs.force_login(other)
        market.buy(other)
        back = self.form(theirs, market, "5555555555554444")
        assert site.get(back).status_code == 404

    def test_who_has_no_card_is_led_to_the_plans(self, site: Client) -> None:
        answer = site.post("/account/card/", {"return_url": BACK})
        assert "/account/subscribe/" in answer["Location"]

    def test_nothing_to_confirm_leads_to_the_overview(
        self, site: Client, market: Market, reader: User
    ) -> None:
        market.buy(reader)
        assert path_of(site.get("/account/confirm-payment/")["Location"]) == "/account/"


class TestCancelling:
    def test_it_asks_first(self, site: Client, market: Market, reader: User) -> None:
        market.buy(reader)
        assert site.get("/account/cancel/").status_code == 200
        market.look(reader)
        assert Subscription.objects.get().cancel_at is None
        assert not Subscription.objects.get().cancel_at_period_end

    def test_two_clicks_cancel_once_and_two_more_resume_once(
        self, site: Client, market: Market, reader: User
    ) -> None:
        market.buy(reader)
        for action in ("cancel", "resume"):
            for _ in range(2):
                assert path_of(site.post(f"/account/{action}/")["Location"]) == "/account/"
            assert OutboundCall.objects.filter(purpose=action).count() == 1

    def test_with_nothing_to_cancel_it_leads_to_the_overview(self, site: Client) -> None:
        assert path_of(site.get("/account/cancel/")["Location"]) == "/account/"
        answer = site.post("/account/cancel/")
        assert path_of(answer["Location"]) == "/account/"
        assert "no such subscription" in words(answer)

    def test_somebody_elses_cannot_be_named(self, site: Client, market: Market) -> None:
        other = a_reader()
        market.buy(other)
        theirs = Subscription.objects.get()
        site.post("/account/cancel/", {"subscription": str(theirs.pk)})
        market.look(other)
        theirs.refresh_from_db()
        assert theirs.cancel_at is None
        assert not theirs.cancel_at_period_end

    def test_resuming_takes_a_form(self, site: Client) -> None:
        assert site.get("/account/resume/").status_code == 405
