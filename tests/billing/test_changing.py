"""Another plan: what is charged is what was shown, once, and a card that does not pay changes nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from werkzeug.test import Client as Browser

from accounts.models import User
from billing import catalogue, changing, contracts, outlook, subscribing
from billing.changing import Proposal
from billing.errors import (
    AlreadySubscribed,
    AmountOutdated,
    CardOnFileRefused,
    NothingToDo,
    NotOnSale,
    NotPossible,
    PaymentWaiting,
    SaleRefused,
    StripeTrouble,
)
from billing.models import CheckoutAttempt, Invoice, Subscription
from tests.billing.market import BACK, CONFIRMING_CARD, FAILING_CARD, Market
from tests.factories.accounts import a_reader
from tests.proofs.races.races import at_once

HALF_A_MONTH = {"seconds": 15.5 * 24 * 3600}


@pytest.fixture
def reader(market: Market) -> User:
    """Somebody who subscribes to Culture by the month, half of which is over."""
    found = a_reader()
    market.buy(found, "culture_monthly")
    market.pass_time(found, **HALF_A_MONTH)
    return found


def propose(market: Market, reader: User, price: str = "premium_monthly") -> Proposal:
    return changing.propose(reader, price=price, gateway=market.gateway, now=market.now)


def agree(market: Market, reader: User, shown: Proposal, **other: Any) -> None:
    changing.agree(
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


def change(market: Market, reader: User, price: str = "premium_monthly") -> Proposal:
    shown = propose(market, reader, price)
    agree(market, reader, shown)
    return shown


def go_deaf(market: Market, *, was_done: bool) -> None:
    """Let the next change be asked for in vain, although it may have been made."""
    if was_done:
        market.fault(target="api", kind="drop_response", match="POST /v1/subscriptions/*", left=1)
    market.fault(target="api", kind="drop_request", match="POST /v1/subscriptions/*", left=9)


def held(reader: User) -> tuple[str, str]:
    state = outlook.of(reader, now=Subscription.objects.latest("synced_at").synced_at)
    assert state is not None
    return state.price, state.status


def paid(market: Market) -> list[int]:
    return [charge["amount"] for charge in market.objects("charge") if charge["status"] == "succeeded"]


class TestUp:
    def test_what_is_charged_is_what_was_shown(self, market: Market, reader: User) -> None:
        shown = propose(market, reader)
        assert shown.charged > shown.credited > 0
        assert shown.amount == shown.charged - shown.credited
        market.pass_time(reader, seconds=20 * 60)  # a coffee later
        agree(market, reader, shown)
        assert held(reader) == ("premium_monthly", "active")
        assert paid(market) == [490, shown.amount]
        state = outlook.of(reader, now=market.now)
        assert state is not None
        assert state.next_charge == shown.next_charge
        assert state.products == ("premium",)

    def test_a_longer_interval_begins_today(self, market: Market, reader: User) -> None:
        shown = change(market, reader, "premium_yearly")
        assert shown.charged == 9900
        assert shown.next_charge is not None
        assert shown.next_charge.at - market.now > timedelta(days=364)
        state = outlook.of(reader, now=market.now)
        assert state is not None
        assert state.next_charge is not None
        # The year begins with the click, a moment after it was shown.
        assert state.next_charge.at - shown.next_charge.at < timedelta(minutes=1)
        assert state.next_charge.amount == shown.next_charge.amount == 9900

    def test_the_next_invoice_is_as_promised(self, market: Market, reader: User) -> None:
        shown = change(market, reader)
        market.pass_time(reader, months=1)
        assert paid(market)[2:] == [shown.next_charge and shown.next_charge.amount] == [990]


class TestDown:
    def test_the_rest_is_credit_for_the_next_invoices(self, market: Market) -> None:
        reader = a_reader()
        market.buy(reader, "premium_yearly")
        market.pass_time(reader, months=3)
        shown = change(market, reader, "culture_monthly")
        assert (shown.amount, shown.charged) == (0, 490)
        assert shown.credit_left == shown.credited - 490 > 0
        assert market.customer(reader).balance == -shown.credit_left
        state = outlook.of(reader, now=market.now)
        assert state is not None
        assert state.next_charge is not None
        assert (state.price, state.next_charge.amount) == ("culture_monthly", 0)
        market.pass_time(reader, months=1)
        assert paid(market) == [9900]
        assert market.customer(reader).balance == 490 - shown.credit_left


class TestTrial:
    def test_it_costs_nothing_and_the_trial_goes_on(self, market: Market, reader: User) -> None:
        row = Subscription.objects.get(customer__reader=reader)
        market.sdk.v1.subscriptions.update(
            row.stripe_id, {"trial_end": int(market.now.timestamp()) + 9 * 24 * 3600}
        )
        market.look(reader)
        shown = change(market, reader, "premium_yearly")
        assert (shown.amount, shown.credited) == (0, 0)
        state = outlook.of(reader, now=market.now)
        assert state is not None
        assert (state.status, state.price) == ("trialing", "premium_yearly")
        assert state.next_charge == shown.next_charge
        assert shown.next_charge is not None
        assert shown.next_charge.amount == 9900


class TestTheCardDoesNotPay:
    def test_all_is_as_before_and_nothing_is_owed(self, market: Market, reader: User) -> None:
        before = Subscription.objects.get(customer__reader=reader)
        invoices = len(market.objects("invoice"))
        market.sandbox.swap_card(market.customer(reader).stripe_id, card=FAILING_CARD)
        with pytest.raises(CardOnFileRefused) as refusal:
            change(market, reader)
        assert [remedy["kind"] for remedy in refusal.value.remedies] == ["fix_card"]
        market.look(reader)
        after = Subscription.objects.get(customer__reader=reader)
        assert held(reader) == ("culture_monthly", "active")
        assert after.period_ends_at == before.period_ends_at
        assert len(market.objects("invoice")) == invoices
        assert not Invoice.objects.filter(status__in=("open", "draft")).exists()
        assert market.customer(reader).balance == 0
        assert not CheckoutAttempt.objects.filter(state="open").exists()

    def test_a_new_card_makes_the_same_change(self, market: Market, reader: User) -> None:
        market.sandbox.swap_card(market.customer(reader).stripe_id, card=FAILING_CARD)
        shown = propose(market, reader)
        with pytest.raises(CardOnFileRefused):
            agree(market, reader, shown)
        market.sandbox.swap_card(market.customer(reader).stripe_id, card="4242424242424242")
        agree(market, reader, shown)
        assert held(reader) == ("premium_monthly", "active")


class TestTheBankAsks:
    @pytest.fixture
    def asked(self, market: Market, reader: User) -> Proposal:
        market.sandbox.swap_card(market.customer(reader).stripe_id, card=CONFIRMING_CARD)
        shown = propose(market, reader)
        with pytest.raises(PaymentWaiting) as refusal:
            agree(market, reader, shown)
        assert [remedy["kind"] for remedy in refusal.value.remedies] == ["confirm_payment"]
        return shown

    def test_confirmed_it_is_made(
        self, market: Market, reader: User, asked: Proposal, client: Client
    ) -> None:
        assert held(reader) == ("culture_monthly", "active")
        client.force_login(reader)
        answer = client.get("/account/confirm-payment/")
        (invoice,) = Invoice.objects.filter(status="open")
        assert answer["Location"] == invoice.hosted_url
        Browser(market.sandbox.app).post(f"/i/{invoice.stripe_id}", data={"decision": "confirm"})
        market.look(reader)
        assert held(reader) == ("premium_monthly", "active")
        assert paid(market) == [490, asked.amount]

    def test_unconfirmed_it_is_dropped(self, market: Market, reader: User, asked: Proposal) -> None:
        market.pass_time(reader, seconds=24 * 3600)
        assert held(reader) == ("culture_monthly", "active")
        assert not Invoice.objects.filter(status="open").exists()
        assert asked.amount not in paid(market)


class TestWhatIsRefused:
    def test_an_amount_shown_too_long_ago(self, market: Market, reader: User) -> None:
        shown = propose(market, reader)
        market.pass_time(reader, seconds=31 * 60)
        with pytest.raises(AmountOutdated):
            agree(market, reader, shown)
        assert held(reader)[0] == "culture_monthly"

    @pytest.mark.parametrize("wrong", [{"amount": 0}, {"shown_at": timedelta(days=-1)}])
    def test_an_amount_that_nobody_was_shown(self, market: Market, reader: User, wrong: dict) -> None:
        shown = propose(market, reader)
        if "shown_at" in wrong:
            wrong = {"shown_at": shown.shown_at - wrong["shown_at"]}
        with pytest.raises(AmountOutdated):
            agree(market, reader, shown, **wrong)
        assert paid(market) == [490]

    def test_what_is_paid_by_invoice_is_not_offered_either(self, market: Market, reader: User) -> None:
        Subscription.objects.update(automatic=False)
        with pytest.raises(NotPossible):
            propose(market, reader)
        state = outlook.of(reader, now=market.now)
        assert state is not None
        assert not state.can_change

    def test_the_same_price_and_one_not_on_sale(self, market: Market, reader: User) -> None:
        with pytest.raises(NotPossible):
            propose(market, reader, "culture_monthly")
        with pytest.raises(NotOnSale):
            propose(market, reader, "premium_weekly")

    def test_an_archived_price_can_be_kept_but_not_changed_to(self, market: Market, reader: User) -> None:
        for price in market.objects("price"):
            if price["lookup_key"] in {"premium_monthly", "culture_monthly"}:
                market.sdk.v1.prices.update(price["id"], {"active": False})
        catalogue.refresh(gateway=market.gateway)
        with pytest.raises(NotOnSale):
            propose(market, reader)
        change(market, reader, "premium_yearly")
        assert held(reader)[0] == "premium_yearly"

    def test_another_currency(self, market: Market, reader: User) -> None:
        product = market.product("Premium in dollars", unlocks="premium")
        market.price(product, slug="premium_dollars", amount=1090, currency="usd")
        catalogue.refresh(gateway=market.gateway)
        with pytest.raises(NotPossible):
            propose(market, reader, "premium_dollars")

    def test_what_another_subscription_gives(self, market: Market, reader: User) -> None:
        market.buy(reader, "premium_monthly")
        row = Subscription.objects.get(items__price__slug="culture_monthly")
        with pytest.raises(AlreadySubscribed):
            changing.propose(
                reader,
                price="premium_yearly",
                subscription=str(row.pk),
                gateway=market.gateway,
                now=market.now,
            )

    def test_while_a_payment_waits(self, market: Market, reader: User) -> None:
        market.sandbox.swap_card(market.customer(reader).stripe_id, card=FAILING_CARD)
        market.pass_time(reader, **HALF_A_MONTH)
        with pytest.raises(PaymentWaiting) as refusal:
            propose(market, reader)
        assert [remedy["kind"] for remedy in refusal.value.remedies] == ["fix_card"]

    def test_one_that_is_about_to_end(self, market: Market, reader: User) -> None:
        contracts.cancel(reader, gateway=market.gateway, now=market.now)
        with pytest.raises(NotPossible) as refusal:
            propose(market, reader)
        assert [remedy["kind"] for remedy in refusal.value.remedies] == ["resume"]

    def test_somebody_elses(self, market: Market, reader: User) -> None:
        row = Subscription.objects.get(customer__reader=reader)
        with pytest.raises(NothingToDo):
            changing.propose(
                a_reader(),
                price="premium_monthly",
                subscription=str(row.pk),
                gateway=market.gateway,
                now=market.now,
            )


class TestOnce:
    def test_a_second_click_changes_nothing(self, market: Market, reader: User) -> None:
        shown = change(market, reader)
        agree(market, reader, shown)
        assert paid(market) == [490, shown.amount]

    @pytest.mark.parametrize("was_done", [True, False])
    def test_a_lost_answer_is_asked_for_again(self, market: Market, reader: User, was_done: bool) -> None:
        shown = propose(market, reader)
        go_deaf(market, was_done=was_done)
        with pytest.raises(StripeTrouble):
            agree(market, reader, shown)
        market.sandbox.world.faults.clear()
        agree(market, reader, shown)
        assert held(reader)[0] == "premium_monthly"
        assert paid(market) == [490, shown.amount]

    def test_checkout_waits_until_it_is_clear_what_came_of_it(
        self, market: Market, reader: User, settings: Any
    ) -> None:
        settings.CHECKOUT_SECONDS_TO_WAIT = 0.2
        shown = propose(market, reader)
        go_deaf(market, was_done=True)
        with pytest.raises(StripeTrouble):
            agree(market, reader, shown)
        market.sandbox.world.faults.clear()

        def start() -> None:
            subscribing.start(
                reader, price="premium_yearly", return_url=BACK, gateway=market.gateway, now=market.now
            )

        with pytest.raises(StripeTrouble):
            start()
        market.sandbox.advance(seconds=180)
        with pytest.raises(AlreadySubscribed):
            start()
        assert not CheckoutAttempt.objects.filter(state="open").exists()


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    @pytest.fixture(autouse=True)
    def _with_time(self, settings: Any) -> None:
        settings.SECONDS_FOR_STRIPE = settings.CHECKOUT_SECONDS_TO_WAIT = 60.0

    def test_a_double_click_is_one_change(self, market: Market, reader: User) -> None:
        shown = propose(market, reader)
        at_once(*[lambda: agree(market, reader, shown)] * 4)
        assert paid(market) == [490, shown.amount]

    def test_two_tabs_make_one_change(self, market: Market, reader: User) -> None:
        wishes = [propose(market, reader), propose(market, reader, "premium_yearly")]

        def click(shown: Proposal) -> str:
            try:
                agree(market, reader, shown)
            except SaleRefused:
                return ""
            return shown.price.slug

        said = at_once(lambda: click(wishes[0]), lambda: click(wishes[1]))
        (made,) = filter(None, said)
        market.look(reader)
        assert held(reader) == (made, "active")
        assert paid(market) == [490, next(one.amount for one in wishes if one.price.slug == made)]


class TestApi:
    @pytest.fixture
    def api(self, client: Client, reader: User) -> Client:
        client.force_login(reader)
        return client

    def post(self, api: Client, body: dict[str, Any]) -> Any:
        return api.post("/api/v1/subscription/change", body, content_type="application/json")

    def test_preview_then_agree(self, api: Client) -> None:
        shown = self.post(api, {"price": "premium_monthly", "preview": True})
        assert shown.status_code == 200, shown.content
        body = shown.json()
        agreed = self.post(api, {name: body[name] for name in ("price", "shown_at", "amount")})
        assert agreed.status_code == 200, agreed.content
        assert agreed.json()["subscription"]["price"] == "premium_monthly"

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"price": "premium_monthly"},
            {"price": "premium_monthly", "amount": 1},
            {"price": "premium_monthly", "amount": -1, "shown_at": "2026-01-01T00:00:00Z"},
            {"price": "premium_monthly", "amount": 1, "shown_at": "yesterday"},
            {"price": "premium_monthly", "preview": True, "card": "mine"},
            {"price": "premium_weekly", "preview": True},
        ],
    )
    def test_what_is_not_right_is_400(self, api: Client, body: dict[str, Any]) -> None:
        assert self.post(api, body).status_code == 400

    def test_an_old_amount_is_a_problem_with_a_code(self, api: Client, market: Market) -> None:
        body = self.post(api, {"price": "premium_monthly", "preview": True}).json()
        agreed = {name: body[name] for name in ("price", "shown_at")} | {"amount": body["amount"] + 1}
        answer = self.post(api, agreed)
        assert (answer.status_code, answer.json()["code"]) == (409, "amount_outdated")
        assert paid(market) == [490]


class TestPage:
    @pytest.fixture
    def site(self, client: Client, reader: User) -> Client:
        client.force_login(reader)
        return client

    def test_choose_see_agree(self, site: Client, reader: User) -> None:
        first = site.get("/account/change/", {"product": "premium", "return_url": BACK}).content.decode()
        assert "€9.90 a month" in first
        assert "€4.90" not in first
        page = site.get("/account/change/", {"price": "premium_monthly", "return_url": BACK})
        shown = page.context["proposal"]
        assert shown.amount_text in page.content.decode()
        form = {
            "price": "premium_monthly",
            "shown_at": int(shown.shown_at.timestamp()),
            "amount": shown.amount,
            "return_url": BACK,
        }
        answer = site.post("/account/change/", form)
        assert (answer.status_code, answer["Location"]) == (303, BACK)
        assert held(reader)[0] == "premium_monthly"

    def test_another_amount_is_shown_anew(self, site: Client, market: Market) -> None:
        now = int(market.now.timestamp())
        form = {"price": "premium_monthly", "shown_at": now, "amount": 1}
        for wrong in (form, form | {"shown_at": "x"}, form | {"amount": "-1"}, form | {"amount": "9" * 40}):
            answer = site.post("/account/change/", wrong)
            assert answer.status_code == 200
            assert answer.context["proposal"].amount > 1
        assert paid(market) == [490]

    def test_whose_card_fails_comes_to_the_card(self, site: Client, market: Market, reader: User) -> None:
        market.sandbox.swap_card(market.customer(reader).stripe_id, card=FAILING_CARD)
        shown = site.get("/account/change/", {"price": "premium_monthly"}).context["proposal"]
        form = {
            "price": "premium_monthly",
            "shown_at": int(shown.shown_at.timestamp()),
            "amount": shown.amount,
        }
        assert "/account/card/" in site.post("/account/change/", form)["Location"]

    @pytest.mark.usefixtures("market")
    def test_who_has_nothing_may_buy(self, client: Client) -> None:
        client.force_login(a_reader())
        assert "/account/subscribe/" in client.get("/account/change/")["Location"]
