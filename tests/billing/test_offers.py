"""What one reader is offered: their currency, one trial or beginning, a code; and what is charged is what was said."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import requests
from django.test import Client

from accounts.models import User
from billing import assortment, cards, catalogue, offers, outlook, subscribing
from billing.catalogue import OfferedPrice
from billing.errors import CodeRefused, CurrencyLocked, NotOnSale
from billing.models import CheckoutAttempt, Price, Subscription
from tests.billing.market import BACK, Market
from tests.factories.accounts import a_reader

SHELF = """
[plan.paper]
name = "Paper"
unlocks = ["premium"]

[plan.paper.price.paper_eur]
amount = 990
currency = "eur"
interval = "month"

[plan.paper.price.paper_chf]
amount = 1190
currency = "chf"
interval = "month"

[plan.paper.price.paper_jpy]
amount = 1500
currency = "jpy"
interval = "month"

[plan.paper.price.paper_half]
amount = 995
currency = "eur"
interval = "month"
intro = "half"

[plan.paper.price.paper_first]
amount = 990
currency = "eur"
interval = "month"
intro = "first"

[plan.paper.price.paper_trial]
amount = 990
currency = "eur"
interval = "month"
trial_days = 14

[plan.paper.price.paper_easy]
amount = 990
currency = "eur"
interval = "month"
trial_days = 14
trial_card = "if_needed"

[coupon.half]
name = "Two months for half"
percent_off = 50
duration = "repeating"
months = 2

[coupon.first]
name = "First month for a Euro"
amount_off = 890
currency = "eur"
duration = "once"

[coupon.spring]
name = "Spring"
percent_off = 20
duration = "forever"

[coupon.others]
name = "Not for this"
percent_off = 10
duration = "once"
plans = ["other"]

[plan.other]
name = "Other"
unlocks = ["culture"]

[plan.other.price.other_eur]
amount = 490
currency = "eur"
interval = "month"

[code.SPRING]
coupon = "spring"
max_redemptions = 2

[code.BRIEF]
coupon = "spring"
expires_at = 2031-01-01T00:00:00Z

[code.OTHERS]
coupon = "others"

[code.NEWCOMER]
coupon = "spring"
first_time = true
"""


@pytest.fixture
def shelf(market: Market) -> Market:
    market.lay_out("test_offers", lambda: _apply(market))
    return market


def _apply(market: Market) -> None:
    proposal = assortment.propose(SHELF, gateway=market.gateway, now=market.now)
    assortment.apply(proposal, gateway=market.gateway, now=market.now)


@pytest.fixture
def reader(shelf: Market) -> User:
    return a_reader()


@pytest.fixture
def site(client: Client, reader: User) -> Client:
    client.force_login(reader)
    return client


def begin(market: Market, reader: User, price: str, *, code: str = "") -> CheckoutAttempt:
    subscribing.start(reader, price=price, code=code, return_url=BACK, gateway=market.gateway, now=market.now)
    return CheckoutAttempt.objects.get(reader=reader, state="open")


def buy(market: Market, reader: User, price: str, *, code: str = "", **how: Any) -> dict[str, Any]:
    """Subscribe; return what Stripe asked for at once."""
    attempt = begin(market, reader, price, code=code)
    market.sandbox.complete_checkout(attempt.session_id, **how)
    subscribing.finish(attempt, session_id=attempt.session_id, gateway=market.gateway, now=market.now)
    return charges(market)[-1]


def charges(market: Market) -> list[dict[str, Any]]:
    return market.objects("invoice")


def offered(reader: User | None, slug: str, **wish: Any) -> OfferedPrice:
    plans = offers.to(reader, **wish).plans
    return next(price for offer in plans for price in offer.prices if price.slug == slug)


def state_of(reader: User, market: Market) -> outlook.Outlook:
    state = outlook.of(reader, now=market.now)
    assert state is not None
    return state


def next_is_as_told(market: Market, reader: User) -> int:
    """Tell what comes next, let it come, and hold the two against each other."""
    told = state_of(reader, market)
    assert told.next_charge_at is not None
    wait = told.next_charge_at - market.now + timedelta(hours=2)
    market.pass_time(reader, seconds=int(wait.total_seconds()))
    assert charges(market)[-1]["amount_due"] == told.next_charge_amount
    assert charges(market)[-1]["status"] == "paid"
    return told.next_charge_amount or 0


@pytest.mark.usefixtures("shelf")
class TestCurrency:
    @pytest.fixture(autouse=True)
    def _sold_in(self, settings: Any) -> None:
        settings.CURRENCIES = ("eur", "chf", "jpy", "gbp")

    @pytest.mark.parametrize(
        ("languages", "currency"),
        [
            ("", "eur"),
            ("de-CH,de;q=0.9,en;q=0.8", "chf"),
            ("de", "eur"),
            ("ja", "jpy"),
            ("en-GB, de-CH;q=0.5", "chf"),  # pounds are chosen by the site, and nothing is sold in them
            ("pl-PL", "eur"),
            ("xx-YY;q=ü, *", "eur"),
            ("zh-Hant-TW", "eur"),
        ],
    )
    def test_the_languages_choose_and_the_first_is_the_default(self, languages: str, currency: str) -> None:
        found = offers.to(None, languages=languages)
        assert found.currency == currency
        assert {price.currency for offer in found.plans for price in offer.prices} == {currency}

    def test_a_wish_comes_before_the_language(self) -> None:
        assert offers.to(None, currency="jpy", languages="de-CH").currency == "jpy"
        assert offers.to(None, currency="usd", languages="de-CH").currency == "chf"

    def test_a_site_that_chooses_none_shows_all_it_has(self, settings: Any) -> None:
        settings.CURRENCIES = ()
        assert (offers.to(None, languages="de-CH").currency, offers.to(None).currencies) == ("", ())
        assert offers.to(None, currency="chf").currency == "chf"
        assert offers.to(None, currency="usd").currency == ""
        assert len(offers.to(None, product="premium").plans[0].prices) > 3

    def test_yen_have_no_smaller_coin(self) -> None:
        assert offered(None, "paper_jpy", currency="jpy").text == "¥1,500 a month"

    def test_whom_stripe_keeps_to_a_currency_is_offered_no_other(self, shelf: Market, reader: User) -> None:
        assert buy(shelf, reader, "paper_chf")["amount_paid"] == 1190
        found = offers.to(reader, currency="eur", languages="ja")
        assert (found.currency, found.currencies) == ("chf", ("chf",))
        with pytest.raises(CurrencyLocked, match="CHF"):
            begin(shelf, reader, "other_eur")

    def test_a_currency_that_the_site_gave_up_is_still_theirs(
        self, shelf: Market, reader: User, settings: Any
    ) -> None:
        buy(shelf, reader, "paper_chf")
        settings.CURRENCIES = ("eur",)
        assert offers.to(reader).currency == "chf"
        with pytest.raises(NotOnSale):
            begin(shelf, a_reader(), "paper_chf")

    def test_a_lock_that_we_had_not_heard_of_is_a_clear_answer(self, shelf: Market, reader: User) -> None:
        begin(shelf, reader, "paper_eur")
        customer = next(
            one for one in shelf.sandbox.world.store.all("customer") if one["email"] == reader.email
        )
        customer["currency"] = "chf"
        with pytest.raises(CurrencyLocked, match="CHF"):
            begin(shelf, reader, "other_eur")

    def test_the_api(self, client: Client) -> None:
        answer = client.get(
            "/api/v1/plans", {"product": "premium"}, headers={"accept-language": "de-CH"}
        ).json()
        assert (answer["currency"], answer["currencies"]) == ("chf", ["eur", "chf", "jpy", "gbp"])
        assert [p["price"] for plan in answer["plans"] for p in plan["prices"]] == ["paper_chf"]
        assert client.get("/api/v1/plans", {"currency": "JPY"}).json()["currency"] == "jpy"
        refused = client.get("/api/v1/plans", {"currency": "usd"})
        assert (refused.status_code, "currency" in refused.json()["errors"]) == (400, True)
        assert client.get("/api/v1/plans", {"currency": "é" * 99}).status_code == 400

    def test_the_page_leads_from_one_to_another(self, site: Client) -> None:
        page = site.get("/account/subscribe/?product=premium", headers={"accept-language": "de-CH"})
        assert "paper_chf" in page.content.decode()
        assert "?currency=eur&amp;product=premium" in page.content.decode()
        assert "paper_jpy" in site.get("/account/subscribe/?currency=jpy").content.decode()


@pytest.mark.usefixtures("shelf")
class TestTrial:
    def test_with_a_card(self, shelf: Market, reader: User) -> None:
        attempt = begin(shelf, reader, "paper_trial")
        assert (
            shelf.sdk.v1.checkout.sessions.retrieve(attempt.session_id).payment_method_collection == "always"
        )
        assert buy(shelf, reader, "paper_trial")["amount_due"] == 0
        assert next_is_as_told(shelf, reader) == 990

    def test_without_a_card_it_says_when_it_ends_and_ends_then(self, shelf: Market, reader: User) -> None:
        buy(shelf, reader, "paper_easy", card=None)
        state = state_of(reader, shelf)
        assert (state.status, state.ends_without_card, state.next_charge) == ("trialing", True, None)
        assert state.access_ends_at == Subscription.objects.get().starts_at + timedelta(days=14)
        shelf.pass_time(reader, seconds=15 * 86_400)
        assert state_of(reader, shelf).status == "canceled"
        assert [invoice["amount_due"] for invoice in charges(shelf)] == [0]

    def test_a_card_stored_meanwhile_lets_it_go_on(self, shelf: Market, reader: User) -> None:
        buy(shelf, reader, "paper_easy", card=None)
        session = shelf.card_form(reader)
        cards.finish(session, reader=reader, gateway=shelf.gateway, now=shelf.now)
        state = state_of(reader, shelf)
        assert (state.ends_without_card, state.access_ends_at) == (False, None)
        assert next_is_as_told(shelf, reader) == 990

    def test_the_pages_say_so(self, shelf: Market, site: Client, reader: User) -> None:
        assert "No card is needed for that." in site.get("/account/subscribe/").content.decode()
        buy(shelf, reader, "paper_easy", card=None)
        page = site.get("/account/").content.decode()
        assert "as no card is stored" in page
        assert "Store a card" in page
        assert "are not charged" in site.get("/account/cancel/").content.decode()
        assert site.get("/api/v1/subscription").json()["subscription"]["ends_without_card"] is True

    def test_nobody_gets_a_second_one(self, shelf: Market, reader: User) -> None:
        buy(shelf, reader, "paper_easy", card=None)
        shelf.pass_time(reader, seconds=15 * 86_400)
        assert offered(reader, "paper_trial").trial_days == 0
        assert buy(shelf, reader, "paper_trial")["amount_paid"] == 990


@pytest.mark.usefixtures("shelf")
class TestIntroduction:
    def test_once(self, shelf: Market, reader: User) -> None:
        assert offered(reader, "paper_first").first_text == "€1.00 at first, then €9.90 a month"
        assert buy(shelf, reader, "paper_first")["amount_paid"] == 100
        assert state_of(reader, shelf).discount_text == ""
        assert [next_is_as_told(shelf, reader) for _ in range(2)] == [990, 990]

    def test_for_some_months(self, shelf: Market, reader: User) -> None:
        shown = offered(reader, "paper_half")
        assert shown.first_text == "€4.97 a month for 2 months, then €9.95 a month"
        assert buy(shelf, reader, "paper_half")["amount_paid"] == shown.first_amount == 497
        assert state_of(reader, shelf).discount_text.startswith("Two months for half, until ")
        assert [next_is_as_told(shelf, reader) for _ in range(3)] == [497, 995, 995]

    def test_a_number_that_stripe_will_not_work_out_keeps_nothing_else_from_us(
        self, shelf: Market, reader: User
    ) -> None:
        buy(shelf, reader, "paper_half")
        shelf.fault(
            target="api", kind="status", match="POST /v1/invoices/create_preview", status=400, left=99
        )
        shelf.pass_time(reader, months=1)
        assert [invoice["amount_paid"] for invoice in charges(shelf)] == [497, 497]
        assert Subscription.objects.get().invoices.filter(status="paid").count() == 2

    def test_credit_and_discount_together(self, shelf: Market, reader: User) -> None:
        buy(shelf, reader, "paper_half")
        shelf.sdk.v1.customers.update(shelf.customer(reader).stripe_id, {"balance": -100})
        shelf.look(reader)
        assert next_is_as_told(shelf, reader) == 397

    def test_only_for_who_never_subscribed(self, shelf: Market, reader: User) -> None:
        buy(shelf, reader, "other_eur")
        assert offered(reader, "paper_half").first_text == ""
        assert buy(shelf, reader, "paper_half")["amount_paid"] == 995

    def test_one_that_ended_at_stripe_is_a_clear_answer(self, shelf: Market, reader: User) -> None:
        shelf.sdk.v1.coupons.delete("half")
        with pytest.raises(NotOnSale, match="just changed"):
            begin(shelf, reader, "paper_half")
        assert offered(reader, "paper_half").first_text == ""
        assert buy(shelf, reader, "paper_half")["amount_paid"] == 995

    def test_the_api_tells_it(self, client: Client) -> None:
        plans = client.get("/api/v1/plans", {"product": "premium"}).json()["plans"]
        told = {price["price"]: price["introduction"] for plan in plans for price in plan["prices"]}
        assert told["paper_first"] == {"amount": 100, "text": "€1.00 at first, then €9.90 a month"}
        assert told["paper_eur"] is None


@pytest.mark.usefixtures("shelf")
class TestCode:
    def test_typed_here_it_is_used_at_checkout(self, shelf: Market, reader: User) -> None:
        assert buy(shelf, reader, "paper_eur", code=" spring ")["amount_paid"] == 792
        assert state_of(reader, shelf).discount_text == "Spring"
        assert [next_is_as_told(shelf, reader) for _ in range(2)] == [792, 792]

    def test_it_takes_the_place_of_the_introduction(self, shelf: Market, reader: User) -> None:
        assert buy(shelf, reader, "paper_half", code="SPRING")["amount_paid"] == 796

    def test_typed_at_checkout_it_is_mirrored_too(self, shelf: Market, reader: User, settings: Any) -> None:
        settings.CHECKOUT_ASKS_FOR_CODES = True
        attempt = begin(shelf, reader, "paper_eur")
        form = {"action": "code", "promotion_code": "spring"}
        page = requests.post(f"{shelf.base}/c/pay/{attempt.session_id}", data=form, timeout=5)
        assert "Discount" in page.text
        assert buy(shelf, reader, "paper_eur")["amount_paid"] == 792
        assert next_is_as_told(shelf, reader) == 792

    def test_stripe_is_never_asked_for_both(self, shelf: Market, reader: User, settings: Any) -> None:
        settings.CHECKOUT_ASKS_FOR_CODES = True
        attempt = begin(shelf, reader, "paper_half")
        session = shelf.sandbox.world.store.get("checkout.session", attempt.session_id)
        assert (session["allow_promotion_codes"], len(session["discounts"])) == (None, 1)

    def test_another_code_is_another_session(self, shelf: Market, reader: User) -> None:
        plain = begin(shelf, reader, "paper_eur")
        with_code = begin(shelf, reader, "paper_eur", code="SPRING")
        assert plain.pk != with_code.pk
        assert begin(shelf, reader, "paper_eur", code="spring").pk == with_code.pk

    @pytest.mark.parametrize(
        ("code", "said"),
        [
            ("NOWHERE", "do not know"),
            ("a b", "do not know"),
            ("'; --", "do not know"),
            ("x" * 60, "do not know"),
            ("OTHERS", "not for this subscription"),
        ],
    )
    def test_one_that_gives_nothing_says_why(self, shelf: Market, reader: User, code: str, said: str) -> None:
        with pytest.raises(CodeRefused, match=said):
            begin(shelf, reader, "paper_eur", code=code)
        assert not CheckoutAttempt.objects.exists()

    def test_used_up_expired_taken_off(self, shelf: Market) -> None:
        for _ in range(2):
            buy(shelf, a_reader(), "paper_eur", code="SPRING")
        with pytest.raises(CodeRefused, match="used up"):
            begin(shelf, a_reader(), "paper_eur", code="SPRING")
        shelf.sandbox.advance(seconds=6 * 366 * 86_400)
        with pytest.raises(CodeRefused, match="expired"):
            begin(shelf, a_reader(), "paper_eur", code="BRIEF")
        code = next(one for one in shelf.objects("promotion_code") if one["code"] == "NEWCOMER")
        shelf.sdk.v1.promotion_codes.update(code["id"], {"active": False})
        with pytest.raises(CodeRefused, match="no longer valid"):
            begin(shelf, a_reader(), "paper_eur", code="NEWCOMER")

    def test_for_newcomers_only(self, shelf: Market, reader: User) -> None:
        buy(shelf, reader, "other_eur")
        with pytest.raises(CodeRefused, match="new subscribers"):
            begin(shelf, reader, "paper_eur", code="NEWCOMER")

    def test_somebody_else_s_own_is_unknown(self, shelf: Market, reader: User) -> None:
        other = a_reader()
        buy(shelf, other, "other_eur")
        owner = shelf.customer(other).stripe_id
        shelf.sdk.v1.promotion_codes.create(
            {"code": "MINE", "customer": owner, "promotion": {"type": "coupon", "coupon": "spring"}}
        )
        with pytest.raises(CodeRefused, match="do not know"):
            begin(shelf, reader, "paper_eur", code="MINE")
        assert buy(shelf, other, "paper_eur", code="MINE")["amount_paid"] == 792

    def test_the_page_shows_it_and_loses_nothing(self, site: Client) -> None:
        page = site.get("/account/subscribe/", {"code": "spring", "product": "premium", "return_url": BACK})
        text = page.content.decode()
        assert "With SPRING: €7.92 a month instead of €9.90 a month" in " ".join(
            text.replace("\n", " ").split()
        )
        wrong = site.get("/account/subscribe/", {"code": "sprung", "product": "premium", "return_url": BACK})
        for kept in ("We do not know this code.", 'value="sprung"', f'value="{BACK}"', "paper_eur"):
            assert kept in wrong.content.decode()
        answer = site.post(
            "/account/subscribe/",
            {"price": "paper_eur", "code": "sprung", "product": "premium", "return_url": BACK},
        )
        assert (answer.status_code, "code=sprung" in answer["Location"]) == (303, True)
        good = site.post("/account/subscribe/", {"price": "paper_eur", "code": "spring", "return_url": BACK})
        assert "/c/pay/" in good["Location"]

    def test_the_api_takes_it_and_says_what_is_wrong(self, site: Client) -> None:
        body = {"price": "paper_eur", "return_url": BACK}
        refused = site.post("/api/v1/checkout", {**body, "code": "NO"}, content_type="application/json")
        assert (refused.status_code, refused.json()["code"]) == (400, "code_refused")
        good = site.post("/api/v1/checkout", {**body, "code": "SPRING"}, content_type="application/json")
        assert good.status_code == 201

    def test_guessing_comes_to_an_end(self, site: Client) -> None:
        for number in range(30):
            site.get("/account/subscribe/", {"code": f"GUESS{number}"})
        assert "many codes" in site.get("/account/subscribe/", {"code": "SPRING"}).content.decode()


@pytest.mark.usefixtures("shelf")
class TestKeptPrices:
    def test_who_has_an_archived_price_keeps_it_and_nobody_gets_it(
        self, shelf: Market, site: Client, reader: User
    ) -> None:
        buy(shelf, reader, "paper_eur")
        dearer = SHELF.replace("amount = 990", "amount = 1290", 1)
        proposal = assortment.propose(dearer, gateway=shelf.gateway, now=shelf.now)
        assortment.apply(proposal, gateway=shelf.gateway, now=shelf.now)
        shelf.look(reader)
        state = state_of(reader, shelf)
        assert (state.plan_name, state.price_text) == ("Paper", "€9.90 a month")
        assert (state.price, state.keeps_price) == ("", True)
        assert "You keep this price" in site.get("/account/").content.decode()
        assert next_is_as_told(shelf, reader) == 990
        assert catalogue.find("paper_eur").unit_amount == 1290
        with pytest.raises(NotOnSale):
            catalogue.find(Price.objects.get(plan__name="Paper", unit_amount=990, slug="").slug)

    def test_one_archived_by_hand_keeps_its_name_to_itself(self, shelf: Market, reader: User) -> None:
        buy(shelf, reader, "paper_eur")
        price = Price.objects.get(slug="paper_eur")
        shelf.sdk.v1.prices.update(price.stripe_id, {"active": False})
        shelf.sdk.v1.products.update("paper", {"active": False})
        catalogue.refresh(gateway=shelf.gateway)
        shelf.look(reader)
        state = state_of(reader, shelf)
        assert (state.price, state.keeps_price, state.plan_name) == ("", True, "Paper")
        with pytest.raises(NotOnSale):
            begin(shelf, a_reader(), "paper_eur")
        assert Subscription.objects.get(customer__reader=reader).items.get().price == price
