"""Where Stripe's side and ours differ: wallets, cards taken away, customers deleted or double, currencies, modes."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from accounts.models import Mail, User
from billing import (
    catalogue,
    contracts,
    customers,
    dunning,
    inbox,
    merging,
    offers,
    outlook,
    returning,
    subscribing,
    sync,
)
from billing.errors import CurrencyLocked, MergeRefused
from billing.models import Customer, PaymentMethod, StripeEvent, Subscription
from billing.steps import Step
from paywall import entitlements
from tests.billing.market import BACK, FAILING_CARD, GOOD_CARD, Market
from tests.factories.accounts import a_member_of_staff, a_reader
from tests.factories.billing import DAY, a_delivery


@pytest.fixture
def reader(market: Market) -> User:
    who = a_reader()
    market.buy(who)
    return who


def state_of(reader: User, market: Market) -> outlook.Outlook:
    state = outlook.of(reader, now=market.now)
    assert state is not None
    return state


def open_to(reader: User, market: Market) -> set[str]:
    """Return the products that a reader may read now."""
    grants = entitlements.snapshot(reader, now=market.now)
    return {grant.product for grant in grants if grant.ends_at is None or grant.ends_at > market.now}


def kinds(reader: User) -> list[str]:
    return list(Mail.objects.filter(reader=reader).order_by("pk").values_list("kind", flat=True))


@pytest.mark.parametrize(
    ("wallet", "text"),
    [("apple_pay", "Apple Pay (Visa •••• 4242)"), ("google_pay", "Google Pay (Visa •••• 4242)")],
)
def test_a_card_in_a_wallet_is_shown_as_the_phone_shows_it(
    market: Market, reader: User, wallet: str, text: str
) -> None:
    with market.sandbox.lock:
        for method in market.sandbox.world.store.all("payment_method"):
            method["card"]["wallet"] = {"type": wallet, "dynamic_last4": "0000"}
    market.look(reader)
    card = state_of(reader, market).card
    assert card is not None
    assert (card.text, card.last4, card.brand) == (text, "4242", "Visa")
    contracts.cancel(reader, gateway=market.gateway, now=market.now)
    market.pass_time(reader, months=2)
    assert returning.propose(reader, gateway=market.gateway, now=market.now).card.text == text


class TestADetachedCard:
    def detach(self, market: Market, reader: User) -> None:
        card = PaymentMethod.objects.get(customer__reader=reader, detached_at=None).stripe_id
        market.sdk.v1.payment_methods.detach(card)
        market.look(reader)

    def test_is_no_card_and_the_page_asks_for_one(self, market: Market, reader: User, client: Client) -> None:
        self.detach(market, reader)
        state = state_of(reader, market)
        assert (state.card, state.step, state.status) == (None, Step.ADD_CARD, "active")
        client.force_login(reader)
        assert "No card is on file" in client.get("/account/").content.decode()

    def test_is_told_before_the_renewal_and_taken_back_with_a_new_card(
        self, market: Market, reader: User
    ) -> None:
        self.detach(market, reader)
        renewal = Subscription.objects.get().period_ends_at
        assert renewal is not None
        customer = market.customer(reader)
        dunning.remind(customer, now=renewal - 8 * DAY)
        assert kinds(reader) == ["welcome"]
        for days in (7, 6):
            dunning.remind(customer, now=renewal - days * DAY)
        assert kinds(reader) == ["welcome", "card_missing"]
        market.sandbox.swap_card(customer.stripe_id, card=GOOD_CARD)
        market.look(reader)
        assert kinds(reader) == ["welcome"]

    def test_does_not_promise_a_retry(self, market: Market, reader: User) -> None:
        self.detach(market, reader)
        market.pass_time(reader, months=1)
        state = state_of(reader, market)
        assert (state.status, state.needs_card, state.retry_at) == ("past_due", True, None)


class TestADeletedCustomer:
    def test_rights_end_and_the_next_purchase_makes_a_new_one(self, market: Market, reader: User) -> None:
        first = market.customer(reader)
        market.sdk.v1.customers.delete(first.stripe_id)
        market.look(reader)
        assert open_to(reader, market) == set()
        assert state_of(reader, market).step is Step.SUBSCRIBE
        market.buy(reader)
        second = market.customer(reader)
        assert second.stripe_id != first.stripe_id
        assert state_of(reader, market).status == "active"


class TestCurrencies:
    @pytest.fixture(autouse=True)
    def _dollars(self, market: Market) -> None:
        product = market.product("Culture in dollars", unlocks="culture")
        market.price(product, slug="culture_usd", amount=590, currency="usd")
        market.price(product, slug="culture_eur", amount=590)
        catalogue.refresh(gateway=market.gateway)

    def start(self, market: Market, reader: User, price: str) -> subscribing.Checkout:
        return subscribing.start(reader, price=price, return_url=BACK, gateway=market.gateway, now=market.now)

    def test_a_second_currency_is_refused_in_words_and_the_first_goes_on(
        self, market: Market, reader: User
    ) -> None:
        for _ in range(2):
            with pytest.raises(CurrencyLocked, match="EUR"):
                self.start(market, reader, "culture_usd")
        assert self.start(market, reader, "culture_eur").url

    def test_the_api_says_409_and_the_page_says_why(self, reader: User, client: Client) -> None:
        client.force_login(reader)
        wish = {"price": "culture_usd", "return_url": BACK}
        answer = client.post("/api/v1/checkout", wish, content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == (409, "currency_locked")
        page = client.post("/account/subscribe/", wish, follow=True)
        assert "EUR" in page.content.decode()

    def test_whoever_pays_nothing_yet_may_choose(self, market: Market) -> None:
        assert self.start(market, a_reader(), "culture_usd").url


class TestModes:
    def test_a_look_at_the_other_mode_changes_nothing_and_is_reported(
        self, market: Market, reader: User
    ) -> None:
        customer = market.customer(reader)
        with market.sandbox.lock:
            market.sandbox.world.store.get("customer", customer.stripe_id)["livemode"] = True
        market.sdk.v1.subscriptions.cancel(Subscription.objects.get().stripe_id)
        self.refused(market, customer)

    def test_so_does_a_subscription_of_the_other_mode(self, market: Market, reader: User) -> None:
        with market.sandbox.lock:
            for row in market.sandbox.world.store.all("subscription"):
                row["livemode"] = True
        self.refused(market, market.customer(reader))

    def refused(self, market: Market, customer: Customer) -> None:
        sync.request([customer.pk], now=market.now)
        outcome = sync.customer(customer.pk, gateway=market.gateway, now=market.now)
        customer.refresh_from_db()
        assert outcome is sync.SyncOutcome.FAILED
        assert "OtherMode" in customer.sync_error
        assert (Subscription.objects.get().status, customer.livemode) == ("active", False)

    def test_a_customer_of_the_other_mode_is_nobody_of_ours(self, market: Market) -> None:
        who = a_reader()
        made = market.gateway.create_customer(email=who.email, reader=who.public_id, key="made")
        with market.sandbox.lock:
            market.sandbox.world.store.get("customer", made)["livemode"] = True
        assert sync.adopt(made, gateway=market.gateway, now=market.now) is None
        assert not Customer.objects.exists()

    def test_an_event_of_the_other_mode_is_kept_and_ignored(self, market: Market, reader: User) -> None:
        body = {"id": market.customer(reader).stripe_id, "object": "customer"}
        asked = market.customer(reader).sync_requested
        inbox.receive(a_delivery(about=body, livemode=True), now=market.now)
        assert StripeEvent.objects.get(livemode=True).state == "ignored"
        assert market.customer(reader).sync_requested == asked


class TestMerging:
    @pytest.fixture
    def other(self, market: Market, reader: User) -> Customer:
        """A second customer who names the same reader, with a subscription of their own."""
        return self.second(market, reader, slug="culture_monthly")

    def second(self, market: Market, reader: User, *, slug: str) -> Customer:
        made = market.gateway.create_customer(email=reader.email, reader=reader.public_id, key=f"two-{slug}")
        method = market.sdk.v1.payment_methods.attach("pm_card_visa", {"customer": made})
        market.sdk.v1.customers.update(made, {"invoice_settings": {"default_payment_method": method.id}})
        price = next(one["id"] for one in market.objects("price") if one["lookup_key"] == slug)
        market.sdk.v1.subscriptions.create({"customer": made, "items": [{"price": price}]})
        pk = sync.adopt(made, gateway=market.gateway, now=market.now)
        assert pk is not None
        sync.request([pk], now=market.now)
        sync.customer(pk, gateway=market.gateway, now=market.now)
        return Customer.objects.get(pk=pk)

    def merge(self, market: Market, *, stays: Customer, goes: Customer) -> merging.Merged:
        return merging.merge(stays=stays, goes=goes, gateway=market.gateway, now=market.now)

    @pytest.mark.parametrize("which_stays", ["first", "second"])
    def test_both_give_rights_and_one_takes_purchases(
        self, market: Market, reader: User, other: Customer, which_stays: str
    ) -> None:
        first = Customer.objects.get(reader=reader)
        assert other.reader is None  # a look does not decide which of two is meant
        stays, goes = (first, other) if which_stays == "first" else (other, first)
        charges = len(market.objects("charge"))
        for _ in range(2):
            assert self.merge(market, stays=stays, goes=goes) == merging.Merged((), ())
        assert open_to(reader, market) == {"premium", "culture"}
        assert {state.plan_name for state in outlook.every(reader, now=market.now)} == {"Premium", "Culture"}
        assert customers.of(reader) == stays
        assert len(market.objects("charge")) == charges

    @pytest.mark.parametrize("which_stays", ["first", "second"])
    def test_the_currency_is_that_of_the_one_who_takes_purchases(
        self, market: Market, reader: User, other: Customer, which_stays: str
    ) -> None:
        first = Customer.objects.get(reader=reader)
        stays, goes = (first, other) if which_stays == "first" else (other, first)
        self.merge(market, stays=stays, goes=goes)
        Customer.objects.filter(pk=stays.pk).update(currency="chf")
        Customer.objects.filter(pk=goes.pk).update(currency="eur")
        assert offers.locked_currency(reader) == "chf"

    def test_what_would_be_paid_twice_ends_with_its_period(self, market: Market, reader: User) -> None:
        first = Customer.objects.get(reader=reader)
        twin = self.second(market, reader, slug="premium_yearly")
        done = self.merge(market, stays=first, goes=twin)
        double = Subscription.objects.get(customer=twin)
        assert done.ending == (double.stripe_id,)
        assert (double.status, double.cancel_at_period_end) == ("active", True)
        assert Subscription.objects.get(customer=first).cancel_at_period_end is False

    def test_the_card_of_the_one_in_trouble_is_fixed(
        self, market: Market, reader: User, other: Customer
    ) -> None:
        self.merge(market, stays=Customer.objects.get(reader=reader), goes=other)
        market.sandbox.swap_card(other.stripe_id, card=FAILING_CARD)
        market.sandbox.advance(months=1)
        for customer in Customer.objects.filter(reader=reader):
            sync.request([customer.pk], now=market.now)
            sync.customer(customer.pk, gateway=market.gateway, now=market.now)
        session = market.card_form(reader)
        assert market.gateway.checkout(session).customer == other.stripe_id

    def test_two_readers_are_never_made_one(self, market: Market, reader: User) -> None:
        stranger = a_reader()
        market.buy(stranger, "culture_monthly")
        first, theirs = market.customer(reader), market.customer(stranger)
        with pytest.raises(MergeRefused):
            self.merge(market, stays=first, goes=theirs)
        with pytest.raises(MergeRefused):
            self.merge(market, stays=first, goes=first)
        assert market.customer(stranger).merged_into is None

    def test_staff_merge_with_a_reason_that_is_kept(
        self, reader: User, other: Customer, client: Client
    ) -> None:
        client.force_login(a_member_of_staff())
        first = Customer.objects.get(reader=reader)
        asked = {"action": "merge_customers", "_selected_action": [first.pk, other.pk]}
        page = client.post("/admin/billing/customer/", asked)
        assert page.status_code == 200
        assert first.stripe_id in page.content.decode()
        client.post("/admin/billing/customer/", {**asked, "stays": first.pk, "reason": ""})
        assert Customer.objects.get(pk=other.pk).merged_into is None
        client.post(
            "/admin/billing/customer/", {**asked, "stays": first.pk, "reason": "same person, by phone"}
        )
        assert Customer.objects.get(pk=other.pk).merged_into == first
        kept = LogEntry.objects.values_list("change_message", flat=True)
        assert any("same person, by phone" in line for line in kept)
