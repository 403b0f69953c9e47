"""Day passes: paid once, charged once, for so many hours; whatever was lost on the way, a look ends equal."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

from accounts.models import Mail, User
from billing import catalogue, holdings, inbox, oneoff, passes, reconciliation, subscribing, sync
from billing.errors import AlreadySubscribed, CodeRefused, NotOnSale, PassRunning, PaymentWaiting
from billing.models import CheckoutAttempt, DayPass, Price, Subscription
from billing.subscribing import Arrival
from paywall import access, entitlements
from paywall.decision.reasons import Reason
from tests.billing.market import BACK, GOOD_CARD, Market
from tests.factories.accounts import a_member_of_staff, a_reader
from tests.factories.paywall import article

HOUR = 3600
PASS = "premium_day"


@pytest.fixture
def kiosk(market: Market) -> Market:
    """A market that sells a pass of 24 hours to premium, and a mug."""
    product = market.product("Premium for a day", unlocks="premium")
    market.once(product, slug=PASS, amount=250, lasts_hours="24")
    market.once(market.product("A mug"), slug="mug", amount=1500)
    market.once(market.product("Premium, somehow", unlocks="premium"), slug="somehow", amount=100)
    catalogue.refresh(gateway=market.gateway)
    return market


@pytest.fixture
def reader(kiosk: Market) -> User:
    return a_reader()


def pay(market: Market, reader: User, *, card: str = GOOD_CARD, price: str = PASS) -> CheckoutAttempt:
    """Go to Checkout and pay; what comes after is the test's."""
    checkout = subscribing.start(reader, price=price, return_url=BACK, gateway=market.gateway, now=market.now)
    attempt = subscribing.attempt_of(reader, checkout.attempt)
    assert attempt is not None
    market.sandbox.complete_checkout(attempt.session_id, card=card)
    return attempt


def come_back(market: Market, attempt: CheckoutAttempt) -> Arrival:
    return subscribing.finish(attempt, session_id=attempt.session_id, gateway=market.gateway, now=market.now)


def buy(market: Market, reader: User) -> DayPass:
    assert come_back(market, pay(market, reader)) is Arrival.DONE
    return DayPass.objects.latest("pk")


def reason(market: Market, reader: User, page: Any) -> Reason:
    return access.explain(reader, page, at=market.now, known_at=market.now).decision.reason


class TestOnSale:
    @pytest.mark.usefixtures("kiosk")
    def test_it_says_how_long_and_stands_beside_the_plans(self, client: Client) -> None:
        sale = client.get("/api/v1/plans").json()
        assert [row["text"] for row in sale["passes"]] == ["€2.50 for 24 hours"]
        assert [row["lasts_hours"] for row in sale["passes"]] == [24]
        assert all(price["interval"] for plan in sale["plans"] for price in plan["prices"])
        assert client.get("/api/v1/plans?product=culture").json()["passes"] == []

    @pytest.mark.usefixtures("kiosk")
    def test_what_does_not_say_how_long_is_not_ours(self) -> None:
        assert [row.slug for row in oneoff.passes()] == [PASS]
        assert not Price.objects.filter(slug__in=("mug", "somehow")).exists()

    def test_the_product_may_say_it_for_all_its_prices(self, kiosk: Market) -> None:
        product = kiosk.product("A week", unlocks="premium", lasts_hours="168")
        kiosk.once(product, slug="premium_week", amount=490)
        kiosk.price(product, slug="premium_weekly", amount=490, interval="week")
        catalogue.refresh(gateway=kiosk.gateway)
        assert [row.text for row in oneoff.passes()] == ["€2.50 for 24 hours", "€4.90 for 7 days"]
        assert catalogue.find("premium_weekly").lasts_hours == 0

    def test_it_is_sold_in_the_currencies_of_the_site_only(
        self, kiosk: Market, client: Client, settings: Any
    ) -> None:
        product = kiosk.product("Premium for a day", unlocks="premium")
        for currency in ("chf", "gbp"):
            kiosk.once(product, slug=f"day_{currency}", amount=300, currency=currency, lasts_hours="24")
        catalogue.refresh(gateway=kiosk.gateway)
        settings.CURRENCIES = ("eur", "chf")
        assert [row.slug for row in oneoff.passes()] == [PASS, "day_chf"]
        assert [row.slug for row in oneoff.passes(currency="chf")] == ["day_chf"]
        assert [row["price"] for row in client.get("/api/v1/plans?currency=eur").json()["passes"]] == [PASS]
        assert oneoff.find_pass("day_gbp") is None

    @pytest.mark.parametrize("odd", ["", "0", "-1", "one", "1.5", "99999", "9" * 40])
    def test_an_odd_word_sells_nothing(self, kiosk: Market, odd: str) -> None:
        kiosk.once(kiosk.product("Odd", unlocks="premium"), slug="odd", amount=1, lasts_hours=odd)
        catalogue.refresh(gateway=kiosk.gateway)
        assert [row.slug for row in oneoff.passes()] == [PASS]

    @pytest.mark.usefixtures("kiosk")
    def test_it_is_no_plan_to_change_to(self) -> None:
        with pytest.raises(NotOnSale):
            catalogue.find(PASS)

    @pytest.mark.usefixtures("kiosk")
    def test_the_database_keeps_ways_of_selling_apart(self) -> None:
        with pytest.raises(IntegrityError), transaction.atomic():
            Price.objects.filter(slug="premium_monthly").update(lasts_hours=24)


class TestBuying:
    def test_a_promotion_code_is_refused_and_not_left_out(self, kiosk: Market, reader: User) -> None:
        coupon = kiosk.sdk.v1.coupons.create({"percent_off": 50, "duration": "once"})
        kiosk.sdk.v1.promotion_codes.create(
            {"promotion": {"type": "coupon", "coupon": coupon.id}, "code": "HALF"}
        )
        with pytest.raises(CodeRefused):
            subscribing.start(
                reader, price=PASS, code="HALF", return_url=BACK, gateway=kiosk.gateway, now=kiosk.now
            )
        assert not CheckoutAttempt.objects.exists()

    @pytest.mark.parametrize("quantity", [0, 2, 10**9])
    def test_it_is_for_one(self, kiosk: Market, reader: User, quantity: int) -> None:
        with pytest.raises(NotOnSale):
            subscribing.start(
                reader, price=PASS, quantity=quantity, return_url=BACK, gateway=kiosk.gateway, now=kiosk.now
            )

    def test_it_opens_from_the_payment_for_its_hours(self, kiosk: Market, reader: User) -> None:
        page = article(published_at=kiosk.now)
        row = buy(kiosk, reader)
        assert (row.hours, row.amount, row.status) == (24, 250, "succeeded")
        assert row.starts_at is not None
        assert row.ends_at is not None
        assert (row.ends_at - row.starts_at).total_seconds() == 24 * HOUR
        assert reason(kiosk, reader, page) is Reason.ENTITLED
        kiosk.pass_time(reader, seconds=24 * HOUR)
        assert reason(kiosk, reader, page) is Reason.SUBSCRIPTION_ENDED
        assert not Subscription.objects.exists()

    def test_two_clicks_and_two_ways_back_charge_once(self, kiosk: Market, reader: User) -> None:
        first = pay(kiosk, reader)
        with pytest.raises(PassRunning):
            subscribing.start(reader, price=PASS, return_url=BACK, gateway=kiosk.gateway, now=kiosk.now)
        assert {come_back(kiosk, first), come_back(kiosk, first)} == {Arrival.DONE}
        assert len(kiosk.objects("charge")) == 1
        assert DayPass.objects.count() == 1

    def test_tabs_for_a_pass_and_a_plan_share_one_page_to_pay_on(self, kiosk: Market, reader: User) -> None:
        for price in (PASS, "premium_monthly", PASS):
            subscribing.start(reader, price=price, return_url=BACK, gateway=kiosk.gateway, now=kiosk.now)
        states = sorted(row["status"] for row in kiosk.objects("checkout.session"))
        assert states == ["expired", "expired", "open"]
        assert CheckoutAttempt.objects.filter(state="open").count() == 1

    def test_a_second_one_is_refused_while_one_runs(self, kiosk: Market, reader: User) -> None:
        buy(kiosk, reader)
        with pytest.raises(PassRunning):
            pay(kiosk, reader)
        kiosk.pass_time(reader, seconds=24 * HOUR)
        buy(kiosk, reader)
        assert DayPass.objects.count() == 2

    def test_who_subscribes_is_sold_none_and_a_pass_stops_no_subscription(
        self, kiosk: Market, reader: User
    ) -> None:
        buy(kiosk, reader)
        kiosk.buy(reader)
        kiosk.pass_time(reader, seconds=25 * HOUR)
        with pytest.raises(AlreadySubscribed):
            pay(kiosk, reader)

    def test_none_is_sold_while_a_payment_waits(self, kiosk: Market, reader: User) -> None:
        kiosk.buy(reader)
        kiosk.fail_renewal(reader)
        with pytest.raises(PaymentWaiting):
            pay(kiosk, reader)

    def test_a_declined_card_buys_nothing(self, kiosk: Market, reader: User) -> None:
        attempt = pay(kiosk, reader, card="4000000000000002")
        assert come_back(kiosk, attempt) is Arrival.UNPAID
        kiosk.look(reader)
        assert entitlements.snapshot(reader, now=kiosk.now) == ()

    def test_what_was_promised_holds_whatever_becomes_of_the_price(self, kiosk: Market, reader: User) -> None:
        attempt = pay(kiosk, reader)
        price = Price.objects.get(slug=PASS)
        kiosk.sdk.v1.prices.update(price.stripe_id, {"metadata": {"lasts_hours": "1"}})
        catalogue.refresh(gateway=kiosk.gateway)
        come_back(kiosk, attempt)
        assert DayPass.objects.get().hours == 24

    def test_it_is_told_once_and_until_when(self, kiosk: Market, reader: User) -> None:
        buy(kiosk, reader)
        kiosk.look(reader)
        mail = Mail.objects.get(kind="day_pass")
        assert mail.subject.startswith("Your pass is valid until")
        assert "/receipts/" in mail.text


class TestWhateverWasLost:
    def test_nobody_came_back_and_the_event_brings_it(self, kiosk: Market, reader: User) -> None:
        pay(kiosk, reader)
        self.work(kiosk, replay=True)
        assert DayPass.objects.get().status == "succeeded"
        assert not CheckoutAttempt.objects.filter(state="open").exists()
        once = self.picture(reader, kiosk)
        self.work(kiosk, replay=True)
        inbox.again(list(inbox.StripeEvent.objects.values_list("pk", flat=True)), now=kiosk.now)
        self.work(kiosk, replay=False)
        assert self.picture(reader, kiosk) == once

    def test_every_event_was_lost_and_the_sweep_finds_it(self, kiosk: Market, reader: User) -> None:
        pay(kiosk, reader)
        kiosk.sandbox.advance(seconds=2 * HOUR)
        reconciliation.sweep_boundaries(now=kiosk.now)
        self.work(kiosk, replay=False)
        assert [held.kind for held in holdings.of(reader, now=kiosk.now)] == ["pass"]

    def test_a_backup_from_before_the_purchase_ends_equal(self, kiosk: Market, reader: User) -> None:
        buy(kiosk, reader)
        before = self.picture(reader, kiosk)
        DayPass.objects.all().delete()
        entitlements.replace(reader, source=before[0][0], grants=(), now=kiosk.now)
        kiosk.look(reader)
        assert self.picture(reader, kiosk) == before

    def picture(self, reader: User, market: Market) -> list[Any]:
        grants = entitlements.snapshot(reader, now=market.now)
        return [(grant.source, grant.product, grant.starts_at, grant.ends_at) for grant in grants]

    def work(self, market: Market, *, replay: bool) -> None:
        if replay:
            reconciliation.replay(gateway=market.gateway, now=market.now)
        for event in inbox.due_ids(now=market.now, limit=1000):
            inbox.process(event, gateway=market.gateway, now=market.now)
        for customer in sync.waiting_ids(now=market.now, limit=1000):
            sync.customer(customer, gateway=market.gateway, now=market.now)


class TestRefunds:
    def refund(self, market: Market, row: DayPass, *, amount: int | None = None) -> None:
        wish: Any = {"payment_intent": row.stripe_id}
        market.sdk.v1.refunds.create(wish | ({"amount": amount} if amount else {}))

    def test_a_full_one_takes_it_back(self, kiosk: Market, reader: User) -> None:
        row = buy(kiosk, reader)
        self.refund(kiosk, row)
        kiosk.look(reader)
        assert entitlements.snapshot(reader, now=kiosk.now) == ()
        assert DayPass.objects.get().is_refunded
        assert not Mail.objects.filter(kind="day_pass").exists()
        buy(kiosk, reader)

    def test_a_part_leaves_it(self, kiosk: Market, reader: User) -> None:
        row = buy(kiosk, reader)
        self.refund(kiosk, row, amount=100)
        kiosk.look(reader)
        assert len(entitlements.snapshot(reader, now=kiosk.now)) == 1


class TestWhatIsShown:
    @pytest.fixture
    def site(self, client: Client, reader: User) -> Client:
        client.force_login(reader)
        return client

    def test_it_is_offered_bought_and_shown(self, site: Client, kiosk: Market, reader: User) -> None:
        assert "€2.50 for 24 hours" in site.get("/account/subscribe/").content.decode()
        assert site.post("/account/subscribe/", {"price": PASS, "return_url": BACK}).status_code == 303
        attempt = CheckoutAttempt.objects.get(reader=reader)
        kiosk.sandbox.complete_checkout(attempt.session_id)
        back = {"attempt": attempt.key, "session_id": attempt.session_id}
        assert site.get("/account/return/", back)["Location"] == BACK
        page = site.get("/account/").content.decode()
        assert "Premium for a day" in page
        assert "You read until" in page
        again = site.post("/account/subscribe/", {"price": PASS, "return_url": BACK}, follow=True)
        assert "opens this already" in again.content.decode()

    def test_the_api_sells_it_and_says_until_when(self, site: Client, kiosk: Market, reader: User) -> None:
        wish = {"price": PASS, "return_url": BACK}
        answer = site.post("/api/v1/checkout", wish, content_type="application/json")
        assert (answer.status_code, "/c/pay/" in answer.json()["url"]) == (201, True)
        kiosk.sandbox.complete_checkout(CheckoutAttempt.objects.get(reader=reader).session_id)
        second = site.post("/api/v1/checkout", wish, content_type="application/json")
        assert (second.status_code, second.json()["code"]) == (409, "pass_running")
        held = site.get("/api/v1/subscription").json()["holdings"]
        assert [(row["kind"], row["name"]) for row in held] == [("pass", "Premium for a day")]

    def test_staff_see_it_and_where_the_right_comes_from(self, client: Client, kiosk: Market) -> None:
        reader = a_reader()
        row = buy(kiosk, reader)
        client.force_login(a_member_of_staff())
        page = client.get(reverse("admin:billing_daypass_change", args=[row.pk])).content.decode()
        assert "€2.50" in client.get(reverse("admin:billing_daypass_changelist")).content.decode()
        assert f"source__exact=pass%3A{row.stripe_id}" in page
        assert client.post(reverse("admin:billing_daypass_add")).status_code == 403


@pytest.mark.django_db(transaction=True)
def test_twenty_parallel_clicks_open_one_page_and_charge_once(kiosk: Market) -> None:
    reader = a_reader()

    def click(_number: int) -> str:
        try:
            return subscribing.start(
                reader, price=PASS, return_url=BACK, gateway=kiosk.gateway, now=kiosk.now
            ).url
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        urls = set(pool.map(click, range(20)))
    assert len(urls) == 1
    kiosk.sandbox.complete_checkout(CheckoutAttempt.objects.get().session_id, card=GOOD_CARD)
    assert come_back(kiosk, CheckoutAttempt.objects.get()) is Arrival.DONE
    assert len(kiosk.objects("charge")) == 1
    assert passes.running(reader, now=kiosk.now).count() == 1
