"""A pause skips whole periods, says until when, goes on by itself, and is no way to read for nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.models import Mail, User
from billing import cards, outlook, pausing, subscribing
from billing.errors import AlreadySubscribed, CardOnFileRefused, NothingToDo, NotPossible, PaymentWaiting
from billing.models import Invoice, PaymentMethod, Subscription
from billing.outlook import Outlook
from paywall import entitlements
from tests.billing.market import BACK, FAILING_CARD, Market
from tests.factories.accounts import a_reader
from tests.proofs.races.races import at_once

DAY = 24 * 3600


@pytest.fixture
def reader(market: Market) -> User:
    found = a_reader()
    market.buy(found)
    return found


def dates(market: Market, reader: User) -> tuple[datetime, ...]:
    return pausing.dates(Subscription.objects.get(customer__reader=reader), now=market.now)


def pause(market: Market, reader: User, *, until: datetime | None = None) -> None:
    pausing.pause(reader, until=until or dates(market, reader)[0], gateway=market.gateway, now=market.now)


def resume(market: Market, reader: User) -> None:
    pausing.resume(reader, gateway=market.gateway, now=market.now)


def state_of(market: Market, reader: User) -> Outlook:
    state = outlook.of(reader, now=market.now)
    assert state is not None
    return state


def reads(market: Market, reader: User) -> bool:
    return any(
        grant.suspension is None
        and (grant.ends_at is None or market.now < (grant.grace_until or grant.ends_at))
        for grant in entitlements.snapshot(reader, now=market.now)
    )


def paid(market: Market) -> list[int]:
    return [charge["amount"] for charge in market.objects("charge") if charge["status"] == "succeeded"]


class TestPause:
    def test_what_is_paid_is_read_then_nothing_then_it_goes_on(self, market: Market, reader: User) -> None:
        (until, _later) = dates(market, reader)
        pause(market, reader)
        state = state_of(market, reader)
        assert (state.paused, state.can_resume, state.can_change) == (True, True, False)
        assert state.paused_until is not None
        assert until - state.paused_until == timedelta(hours=1)
        assert state.access_ends_at is not None
        assert reads(market, reader)
        market.pass_time(reader, seconds=33 * DAY)
        assert not reads(market, reader)
        assert state_of(market, reader).access_ends_at is None
        assert paid(market) == [990]
        market.pass_time(reader, seconds=31 * DAY)
        assert reads(market, reader)
        assert not state_of(market, reader).paused
        assert paid(market) == [990, 990]

    def test_another_date_is_rounded_up_to_a_renewal(self, market: Market, reader: User) -> None:
        first, second = dates(market, reader)
        pause(market, reader, until=first + timedelta(seconds=1))
        assert state_of(market, reader).paused_until == second - timedelta(hours=1)

    def test_it_is_told_once(self, market: Market, reader: User) -> None:
        pause(market, reader)
        pause(market, reader)
        mail = Mail.objects.get(kind="subscription_paused")
        assert "Paused until" in mail.subject
        assert "€" not in mail.text

    @pytest.mark.parametrize("days", [-1, 0, 400])
    def test_not_so_short_nor_so_long(self, market: Market, reader: User, days: int) -> None:
        with pytest.raises(NotPossible):
            pause(market, reader, until=market.now + timedelta(days=days))

    def test_not_a_yearly_one(self, market: Market) -> None:
        reader = a_reader()
        market.buy(reader, "premium_yearly")
        with pytest.raises(NotPossible):
            pause(market, reader, until=market.now + timedelta(days=50))

    def test_not_where_the_setting_says_no(self, market: Market, reader: User, settings: Any) -> None:
        settings.PAUSE_MOST = timedelta()
        with pytest.raises(NotPossible):
            pause(market, reader, until=market.now + timedelta(days=50))

    def test_not_while_a_payment_waits(self, market: Market, reader: User) -> None:
        market.fail_renewal(reader)
        with pytest.raises(PaymentWaiting):
            pause(market, reader, until=market.now + timedelta(days=50))

    def test_not_somebody_elses(self, market: Market, reader: User) -> None:
        row = Subscription.objects.get(customer__reader=reader)
        with pytest.raises(NothingToDo):
            pausing.pause(
                a_reader(),
                until=market.now + timedelta(days=50),
                subscription=str(row.pk),
                gateway=market.gateway,
                now=market.now,
            )


class TestResume:
    def test_before_it_begins_nothing_is_charged(self, market: Market, reader: User) -> None:
        pause(market, reader)
        resume(market, reader)
        assert not state_of(market, reader).paused
        assert paid(market) == [990]

    def test_once_a_period_was_skipped_a_new_one_is_paid(self, market: Market, reader: User) -> None:
        pause(market, reader)
        market.pass_time(reader, seconds=33 * DAY)
        resume(market, reader)
        resume(market, reader)
        assert paid(market) == [990, 990]
        assert reads(market, reader)
        row = Subscription.objects.get(customer__reader=reader)
        assert row.period_ends_at is not None
        assert row.period_ends_at - market.now > timedelta(days=27)

    def test_a_pause_without_a_date_ends_each_time_that_there_is_one(
        self, market: Market, reader: User
    ) -> None:
        row = Subscription.objects.get(customer__reader=reader)
        for _time in range(2):
            paused = {
                "pause_collection": {"behavior": "void"}
            }  # in Stripe's dashboard nobody has to say until when
            market.sdk.v1.subscriptions.update(row.stripe_id, paused)  # type: ignore[arg-type]
            market.pass_time(reader, seconds=33 * DAY)
            assert not reads(market, reader)
            resume(market, reader)
            assert reads(market, reader)
        assert paid(market) == [990, 990, 990]

    def test_a_card_that_fails_leaves_it_paused(self, market: Market, reader: User) -> None:
        pause(market, reader)
        market.pass_time(reader, seconds=33 * DAY)
        market.sandbox.swap_card(market.customer(reader).stripe_id, card=FAILING_CARD)
        with pytest.raises(CardOnFileRefused) as refusal:
            resume(market, reader)
        assert [remedy["kind"] for remedy in refusal.value.remedies] == ["fix_card"]
        market.look(reader)
        assert state_of(market, reader).paused
        assert not reads(market, reader)
        assert not Invoice.objects.filter(status="open").exists()

    @pytest.mark.django_db(transaction=True)
    def test_a_double_click_pays_once(self, market: Market, reader: User, settings: Any) -> None:
        settings.SECONDS_FOR_STRIPE = settings.CHECKOUT_SECONDS_TO_WAIT = 60.0
        pause(market, reader)
        market.pass_time(reader, seconds=33 * DAY)
        at_once(*[lambda: resume(market, reader)] * 4)
        assert paid(market) == [990, 990]


class TestStripesOwn:
    """The status `paused`: the wall says "resume", and so do the page and the API."""

    @pytest.fixture
    def reader(self, market: Market, reader: User) -> User:
        row = Subscription.objects.get(customer__reader=reader)
        market.sdk.v1.subscriptions.pause(row.stripe_id, {"type": "subscription"})
        market.pass_time(reader, seconds=3 * DAY)
        assert not reads(market, reader)
        return reader

    def test_one_click_goes_on_with_a_period_that_is_paid_once(
        self, client: Client, market: Market, reader: User
    ) -> None:
        client.force_login(reader)
        state = state_of(market, reader)
        assert (state.status, state.paused, state.can_resume) == ("paused", True, True)
        page = client.get("/account/").content.decode()
        assert "Go on now (€9.90 a month, charged today)" in page
        for _click in range(2):
            assert (
                client.post("/api/v1/subscription/resume", {}, content_type="application/json").status_code
                == 200
            )
        assert paid(market) == [990, 990]
        assert reads(market, reader)

    def test_without_a_card_it_asks_for_one(self, market: Market, reader: User) -> None:
        market.sdk.v1.payment_methods.detach(PaymentMethod.objects.get(detached_at=None).stripe_id)
        market.look(reader)
        with pytest.raises(NotPossible) as refusal:
            resume(market, reader)
        assert [remedy["kind"] for remedy in refusal.value.remedies] == ["fix_card"]
        assert paid(market) == [990]

    def test_where_the_card_fails_the_page_says_so_and_a_new_one_pays(
        self, market: Market, reader: User
    ) -> None:
        market.sandbox.swap_card(market.customer(reader).stripe_id, card=FAILING_CARD)
        market.look(reader)
        resume(market, reader)
        state = state_of(market, reader)
        assert (state.status, state.needs_card) == ("past_due", True)
        cards.finish(market.card_form(reader), reader=reader, gateway=market.gateway, now=market.now)
        assert paid(market) == [990, 990]
        assert state_of(market, reader).status == "active"

    def test_the_way_to_a_purchase_leads_back_to_it(self, market: Market, reader: User) -> None:
        with pytest.raises(AlreadySubscribed) as refusal:
            subscribing.start(
                reader, price="premium_monthly", return_url=BACK, gateway=market.gateway, now=market.now
            )
        assert [remedy["kind"] for remedy in refusal.value.remedies] == ["resume"]


class TestApiAndPage:
    def test_pause_and_resume(self, client: Client, market: Market, reader: User) -> None:
        client.force_login(reader)
        body = {"until": dates(market, reader)[0].isoformat()}
        answer = client.post("/api/v1/subscription/pause", body, content_type="application/json")
        assert answer.status_code == 200
        assert answer.json()["subscription"]["paused_until"]
        answer = client.post("/api/v1/subscription/resume", {}, content_type="application/json")
        assert answer.json()["subscription"]["paused"] is False

    @pytest.mark.parametrize("body", [{}, {"until": "soon"}, {"until": 5}, {"until": None}, {"days": 5}])
    def test_what_is_not_right_is_400(self, client: Client, reader: User, body: dict[str, Any]) -> None:
        client.force_login(reader)
        answer = client.post("/api/v1/subscription/pause", body, content_type="application/json")
        assert answer.status_code == 400

    @pytest.mark.usefixtures("market")
    def test_the_page_offers_dates_and_pauses(self, client: Client, reader: User) -> None:
        client.force_login(reader)
        (first, _second) = client.get("/account/pause/").context["pause_until"]
        answer = client.post("/account/pause/", {"until": int(first.timestamp())})
        assert answer["Location"].endswith("/account/")
        assert "Paused until" in client.get("/account/").content.decode()
        for odd in ("", "x", "9" * 30, "-1"):
            assert client.post("/account/pause/", {"until": odd}).status_code == 303
