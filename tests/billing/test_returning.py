"""Coming back: one click, the card on file, the amount that was shown, one subscription, or none."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from billing import contracts, outlook, returning, subscribing
from billing.errors import (
    AlreadySubscribed,
    AmountOutdated,
    CardOnFileRefused,
    NothingToDo,
    SaleRefused,
    StripeTrouble,
)
from billing.models import CheckoutAttempt, Invoice
from billing.returning import Proposal
from billing.sandbox.errors import ApiError
from tests.billing.market import BACK, CONFIRMING_CARD, FAILING_CARD, Market
from tests.factories.accounts import a_reader
from tests.proofs.races.races import at_once


@pytest.fixture
def reader(market: Market) -> User:
    """Somebody whose subscription has ended."""
    found = a_reader()
    market.buy(found)
    contracts.cancel(found, gateway=market.gateway, now=market.now)
    market.pass_time(found, seconds=40 * 24 * 3600)
    return found


def propose(market: Market, reader: User, price: str = "") -> Proposal:
    return returning.propose(reader, price=price, gateway=market.gateway, now=market.now)


def agree(market: Market, reader: User, shown: Proposal, **other: Any) -> None:
    returning.agree(
        reader,
        **{
            "price": shown.price.slug,
            "shown_at": shown.shown_at,
            "amount": shown.amount,
            "gateway": market.gateway,
            "now": market.now,
            **other,
        },
    )


def live(market: Market) -> int:
    return sum(
        one["status"] not in {"canceled", "incomplete_expired"} for one in market.objects("subscription")
    )


def paid(market: Market) -> list[int]:
    return [charge["amount"] for charge in market.objects("charge") if charge["status"] == "succeeded"]


def swap(market: Market, reader: User, card: str) -> None:
    market.sandbox.swap_card(market.customer(reader).stripe_id, card=card)
    market.look(reader)


class TestReturn:
    def test_what_was_shown_is_charged_to_the_card_on_file(self, market: Market, reader: User) -> None:
        shown = propose(market, reader)
        assert (shown.price.slug, shown.amount, shown.card.last4) == ("premium_monthly", 990, "4242")
        agree(market, reader, shown)
        agree(market, reader, shown)  # a second click
        state = outlook.of(reader, now=market.now)
        assert state is not None
        assert (state.status, state.products) == ("active", ("premium",))
        assert state.next_charge is not None
        assert shown.next_charge is not None
        assert state.next_charge.amount == shown.next_charge.amount
        assert paid(market) == [990, 990]
        assert len(market.objects("customer")) == 1

    def test_credit_is_used_first(self, market: Market, reader: User) -> None:
        market.sdk.v1.customers.update(market.customer(reader).stripe_id, {"balance": -400})
        shown = propose(market, reader)
        assert shown.amount == 590
        agree(market, reader, shown)
        assert paid(market) == [990, 590]

    @pytest.mark.parametrize(("card", "remedy"), [(FAILING_CARD, "fix_card"), (CONFIRMING_CARD, "subscribe")])
    def test_a_card_that_does_not_pay_leaves_nothing(
        self, market: Market, reader: User, card: str, remedy: str
    ) -> None:
        swap(market, reader, card)
        with pytest.raises(CardOnFileRefused) as refusal:
            agree(market, reader, propose(market, reader))
        assert [one["kind"] for one in refusal.value.remedies] == [remedy]
        market.look(reader)
        assert live(market) == 0
        assert not Invoice.objects.filter(status="open").exists()
        swap(market, reader, "4242424242424242")
        agree(market, reader, propose(market, reader))
        assert live(market) == 1

    def test_an_old_or_invented_amount_is_refused(self, market: Market, reader: User) -> None:
        shown = propose(market, reader)
        with pytest.raises(AmountOutdated):
            agree(market, reader, shown, amount=1)
        market.pass_time(reader, seconds=31 * 60)
        with pytest.raises(AmountOutdated):
            agree(market, reader, shown)
        assert live(market) == 0

    def test_nobody_returns_beside_an_open_one(self, market: Market, reader: User) -> None:
        shown = propose(market, reader)
        market.buy(reader, "premium_yearly")
        with pytest.raises(AlreadySubscribed):
            propose(market, reader)
        with pytest.raises(SaleRefused):
            agree(market, reader, shown)
        assert live(market) == 1

    def test_nobody_returns_to_nothing(self, market: Market) -> None:
        with pytest.raises(NothingToDo):
            propose(market, a_reader())

    @pytest.mark.parametrize("was_done", [True, False])
    def test_a_lost_answer_is_asked_for_again(self, market: Market, reader: User, was_done: bool) -> None:
        shown = propose(market, reader)
        if was_done:
            market.fault(target="api", kind="drop_response", match="POST /v1/subscriptions", left=1)
        market.fault(target="api", kind="drop_request", match="POST /v1/subscriptions", left=9)
        with pytest.raises(StripeTrouble):
            agree(market, reader, shown)
        market.sandbox.world.faults.clear()
        agree(market, reader, shown)
        assert live(market) == 1
        assert paid(market) == [990, 990]

    @pytest.mark.parametrize("was_done", [True, False])
    def test_days_later_a_form_sent_again_buys_nothing(
        self, market: Market, reader: User, was_done: bool
    ) -> None:
        """Stripe has forgotten the key by then: the same call would be another purchase."""
        shown = propose(market, reader)
        if was_done:
            market.fault(target="api", kind="drop_response", match="POST /v1/subscriptions", left=1)
        market.fault(target="api", kind="drop_request", match="POST /v1/subscriptions", left=9)
        with pytest.raises(StripeTrouble):
            agree(market, reader, shown)
        market.sandbox.world.faults.clear()
        market.sandbox.advance(seconds=25 * 3600)
        with pytest.raises(AmountOutdated):
            agree(market, reader, shown)
        assert live(market) == int(was_done)
        assert paid(market) == [990] * (1 + was_done)


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    @pytest.fixture(autouse=True)
    def _with_time(self, settings: Any) -> None:
        settings.SECONDS_FOR_STRIPE = settings.CHECKOUT_SECONDS_TO_WAIT = 60.0

    def test_a_double_click_is_one_subscription(self, market: Market, reader: User) -> None:
        shown = propose(market, reader)
        at_once(*[lambda: agree(market, reader, shown)] * 4)
        assert live(market) == 1
        assert paid(market) == [990, 990]

    @pytest.mark.parametrize("is_paid_before", [True, False])
    def test_with_checkout_beside_it_there_is_one(
        self, market: Market, reader: User, is_paid_before: bool
    ) -> None:
        shown = propose(market, reader)

        def come_back() -> None:
            try:
                agree(market, reader, shown)
            except SaleRefused:
                return

        def buy() -> None:
            try:
                subscribing.start(
                    reader, price="premium_yearly", return_url=BACK, gateway=market.gateway, now=market.now
                )
            except SaleRefused:
                return
            pay_whatever_is_open(market)

        if is_paid_before:
            subscribing.start(
                reader, price="premium_yearly", return_url=BACK, gateway=market.gateway, now=market.now
            )
            at_once(come_back, lambda: pay_whatever_is_open(market))
        else:
            at_once(come_back, buy, come_back)
        pay_whatever_is_open(market)
        assert live(market) == 1


def pay_whatever_is_open(market: Market) -> None:
    for session in market.objects("checkout.session"):
        try:
            market.sandbox.complete_checkout(session["id"])
        except ApiError:
            continue  # expired or paid


class TestApiAndPage:
    @pytest.fixture
    def site(self, client: Client, reader: User) -> Client:
        client.force_login(reader)
        return client

    def post(self, site: Client, body: dict[str, Any]) -> Any:
        return site.post("/api/v1/subscription/return", body, content_type="application/json")

    def test_preview_then_agree(self, site: Client, market: Market) -> None:
        body = self.post(site, {"preview": True}).json()
        assert body["amount"] == 990
        answer = self.post(site, {name: body[name] for name in ("price", "shown_at", "amount")})
        assert answer.status_code == 200, answer.content
        assert answer.json()["subscription"]["status"] == "active"
        assert live(market) == 1

    @pytest.mark.parametrize(
        "body",
        [{}, {"price": "premium_monthly"}, {"preview": True, "x": 1}, {"preview": True, "price": "no"}],
    )
    def test_what_is_not_right_is_400(self, site: Client, body: dict[str, Any]) -> None:
        assert self.post(site, body).status_code == 400

    def test_the_wall_leads_to_one_click(self, site: Client, market: Market) -> None:
        answer = site.get("/account/subscribe/", {"product": "premium", "return_url": BACK})
        assert answer["Location"].split("?")[0].endswith("/account/come-back/")
        page = site.get("/account/come-back/", {"return_url": BACK})
        assert "€9.90" in page.content.decode()
        shown = page.context["proposal"]
        form = {
            "price": shown.price.slug,
            "shown_at": int(shown.shown_at.timestamp()),
            "amount": shown.amount,
            "return_url": BACK,
        }
        assert site.post("/account/come-back/", form)["Location"] == BACK
        assert live(market) == 1

    def test_the_account_page_leads_there_too(self, site: Client, market: Market, reader: User) -> None:
        assert "/account/come-back/" in site.get("/account/").content.decode()
        market.buy(reader)
        assert "/account/come-back/" not in site.get("/account/").content.decode()

    def test_another_plan_is_a_click_away(self, site: Client) -> None:
        page = site.get("/account/come-back/").context["all_url"]
        assert site.get(page[page.index("/account") :]).status_code == 200
        assert site.get("/account/subscribe/", {"product": "culture"}).status_code == 200
        assert site.get("/account/subscribe/", {"code": "SPRING"}).status_code == 200
        assert not CheckoutAttempt.objects.filter(state="open").exists()
