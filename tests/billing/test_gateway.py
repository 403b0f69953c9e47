"""The port to Stripe: real SDK, sandbox behind it. What every call promises, and what every error becomes."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import stripe

from billing import deadline, gateway
from billing.errors import CardRefused, StripeGone, StripeRefused, StripeTrouble
from billing.gateway import StripeGateway
from billing.gateway.refusals import translated
from billing.sandbox.faults import Fault
from tests.factories.billing import ASKS_ALWAYS, DAY, FAILS_LATER, GOOD, NOON, Shop

pytestmark = pytest.mark.django_db


def fail(shop: Shop, match: str, *, kind: str = "status", **fields: Any) -> None:
    shop.sandbox.world.faults.add(Fault(target="api", kind=kind, match=match, **fields))


def form(shop: Shop, customer: str, *, card: str) -> str:
    session = shop.gateway.start_card_form(
        customer=customer,
        currency="eur",
        reader="rdr_1",
        return_url="http://localhost:8000/back",
        cancel_url="http://localhost:8000/",
        key=f"form-{card}",
    )
    assert session.url
    shop.sandbox.complete_checkout(session.id, card=card)
    stored = shop.gateway.checkout(session.id)
    assert (stored.mode, stored.status, stored.purpose) == ("setup", "complete", "card")
    assert stored.card is not None
    return stored.card


class TestPicture:
    def test_has_all_of_a_customer(self, shop: Shop) -> None:
        customer = shop.customer()
        subscription = shop.subscribe(customer.stripe_id)
        picture = shop.gateway.picture(customer.stripe_id)
        assert picture.customer.reader == customer.reader.public_id
        assert [theirs.id for theirs in picture.subscriptions] == [subscription]
        assert [invoice.status for invoice in picture.invoices] == ["paid"]
        assert [card.last4 for card in picture.cards] == ["4242"]
        assert picture.card_for(picture.subscriptions[0]) == picture.cards[0]

    def test_says_why_a_renewal_failed(self, shop: Shop) -> None:
        customer = shop.customer()
        shop.subscribe(customer.stripe_id)
        card = shop.sandbox.swap_card(customer.stripe_id, card=FAILS_LATER)
        shop.sandbox.advance(months=1)
        (invoice,) = [
            row for row in shop.gateway.picture(customer.stripe_id).invoices if row.status == "open"
        ]
        assert (invoice.failure_code, invoice.needs_action, invoice.failed_card) == (
            "generic_decline",
            False,
            card,
        )

    def test_says_when_the_bank_wants_a_confirmation(self, shop: Shop) -> None:
        customer = shop.customer()
        shop.subscribe(customer.stripe_id)
        shop.sandbox.swap_card(customer.stripe_id, card=ASKS_ALWAYS)
        shop.sandbox.advance(months=1)
        (invoice,) = [
            row for row in shop.gateway.picture(customer.stripe_id).invoices if row.status == "open"
        ]
        assert invoice.needs_action

    def test_of_a_deleted_customer_is_no_error(self, shop: Shop) -> None:
        customer = shop.customer()
        shop.subscribe(customer.stripe_id)
        for _time in range(2):
            shop.gateway.delete_customer(customer=customer.stripe_id, key="bye")
        picture = shop.gateway.picture(customer.stripe_id)
        assert picture.customer.deleted
        assert {theirs.raw_status for theirs in picture.subscriptions} <= {"canceled"}
        assert picture.cards == ()

    def test_has_what_has_ended_too(self, shop: Shop) -> None:
        customer = shop.customer()
        subscription = str(shop.subscribe(customer.stripe_id))
        shop.gateway.cancel_now(subscription=subscription, key="end")
        (theirs,) = shop.gateway.picture(customer.stripe_id).subscriptions
        assert (theirs.id, theirs.raw_status) == (subscription, "canceled")

    def test_of_nobody_is_gone(self, shop: Shop) -> None:
        with pytest.raises(StripeGone):
            shop.gateway.picture("cus_never_was")

    def test_turns_every_page(self, shop: Shop) -> None:
        customer = shop.customer()
        shop.subscribe(customer.stripe_id)
        for _month in range(105):
            shop.sandbox.advance(months=1)
        assert len(shop.gateway.picture(customer.stripe_id).invoices) == 106


class TestWrites:
    def test_a_card_becomes_the_default_everywhere_and_pays(self, shop: Shop) -> None:
        customer = shop.customer()
        subscription = str(shop.subscribe(customer.stripe_id))
        shop.sandbox.swap_card(customer.stripe_id, card=FAILS_LATER)
        shop.sandbox.advance(months=1)
        card = form(shop, customer.stripe_id, card=GOOD)
        shop.gateway.use_card(
            customer=customer.stripe_id, card=card, subscriptions=(subscription, "sub_gone"), key="use"
        )
        picture = shop.gateway.picture(customer.stripe_id)
        (theirs,) = picture.subscriptions
        assert picture.customer.default_card == theirs.default_card == card
        (invoice,) = [row for row in picture.invoices if row.status == "open"]
        for key in ("pay", "pay-again"):
            assert shop.gateway.pay_invoice(invoice=invoice.id, card=card, key=key).status == "paid"

    @pytest.mark.parametrize(
        ("card", "code"), [(FAILS_LATER, "generic_decline"), (ASKS_ALWAYS, "authentication_required")]
    )
    def test_a_card_that_is_refused_says_why(self, shop: Shop, card: str, code: str) -> None:
        customer = shop.customer()
        shop.subscribe(customer.stripe_id)
        shop.sandbox.swap_card(customer.stripe_id, card=FAILS_LATER)
        shop.sandbox.advance(months=1)
        stored = form(shop, customer.stripe_id, card=card)
        (invoice,) = [
            row for row in shop.gateway.picture(customer.stripe_id).invoices if row.status == "open"
        ]
        with pytest.raises(CardRefused) as refusal:
            shop.gateway.pay_invoice(invoice=invoice.id, card=stored, key="pay")
        assert refusal.value.code == code

    def test_an_end_is_scheduled_and_taken_back_in_either_way(self, shop: Shop) -> None:
        customer = shop.customer()
        subscription = str(shop.subscribe(customer.stripe_id))
        ends = shop.gateway.cancel_at_period_end(subscription=subscription, key="cancel")
        assert ends.scheduled_end == ends.period_ends_at
        assert shop.gateway.keep(subscription=subscription, key="keep").scheduled_end is None
        by_date = int((shop.now + 10 * DAY).timestamp())
        shop.stripe.v1.subscriptions.update(subscription, {"cancel_at": by_date})
        assert shop.gateway.keep(subscription=subscription, key="keep-2").scheduled_end is None
        assert shop.gateway.keep(subscription=subscription, key="keep-3").scheduled_end is None

    def test_ending_at_once_may_be_repeated(self, shop: Shop) -> None:
        customer = shop.customer()
        subscription = str(shop.subscribe(customer.stripe_id))
        for key in ("end", "end-again"):
            assert shop.gateway.cancel_now(subscription=subscription, key=key).raw_status == "canceled"

    def test_a_session_is_closed_once_and_then_stays_as_it_is(self, shop: Shop) -> None:
        customer = shop.customer()
        session = shop.gateway.start_card_form(
            customer=customer.stripe_id,
            currency="eur",
            reader="rdr_1",
            return_url="http://localhost:8000/",
            cancel_url="http://localhost:8000/",
            key="form",
        )
        for key in ("expire", "expire-again"):
            assert shop.gateway.expire_checkout(session.id, key=key).status == "expired"

    def test_the_next_charge_is_told_and_none_after_the_end(self, shop: Shop) -> None:
        customer = shop.customer()
        subscription = str(shop.subscribe(customer.stripe_id))
        charge = shop.gateway.next_charge(subscription=subscription)
        assert charge is not None
        assert (charge.amount, charge.currency) == (990, "eur")
        shop.gateway.cancel_now(subscription=subscription, key="end")
        assert shop.gateway.next_charge(subscription=subscription) is None

    def test_a_lost_answer_is_asked_for_again_and_nothing_happens_twice(self, shop: Shop) -> None:
        fail(shop, "POST /v1/customers", kind="drop_response", left=2)
        made = shop.gateway.create_customer(email="ann@example.org", reader="rdr_1", key="once")
        assert shop.gateway.create_customer(email="ann@example.org", reader="rdr_1", key="once") == made
        assert len(shop.stripe.v1.customers.list({"email": "ann@example.org"}).data) == 1


class TestErrors:
    @pytest.mark.parametrize("status", [429, 409, 500, 503])
    def test_what_may_pass_is_trouble(self, shop: Shop, status: int) -> None:
        customer = shop.customer()
        fail(shop, "GET /v1/customers/*", status=status, left=9)
        with pytest.raises(StripeTrouble) as trouble:
            shop.gateway.picture(customer.stripe_id)
        assert trouble.value.answered is (status >= 500)

    def test_one_bad_moment_is_not_noticed(self, shop: Shop) -> None:
        customer = shop.customer()
        fail(shop, "GET /v1/customers/*", status=500)
        assert not shop.gateway.picture(customer.stripe_id).customer.deleted

    def test_the_same_key_for_something_else_is_refused(self, shop: Shop) -> None:
        shop.gateway.create_customer(email="ann@example.org", reader="rdr_1", key="once")
        with pytest.raises(StripeRefused):
            shop.gateway.create_customer(email="ben@example.org", reader="rdr_2", key="once")

    @pytest.mark.parametrize(
        ("error", "kind"),
        [
            (stripe.AuthenticationError("no", http_status=401), StripeTrouble),
            (stripe.PermissionError("no", http_status=403), StripeTrouble),
            (stripe.RateLimitError("slow down", http_status=429), StripeTrouble),
            (stripe.APIConnectionError("gone"), StripeTrouble),
            (stripe.InvalidRequestError("no", None, code="resource_missing", http_status=404), StripeGone),
            (
                stripe.InvalidRequestError("no", "price", code="parameter_invalid", http_status=400),
                StripeRefused,
            ),
            (stripe.InvalidRequestError("busy", None, code="lock_timeout", http_status=429), StripeTrouble),
            (stripe.CardError("no", None, "card_declined", http_status=402), CardRefused),
        ],
    )
    def test_each_becomes_one_of_ours(self, error: stripe.StripeError, kind: type[Exception]) -> None:
        with pytest.raises(kind), translated():
            raise error

    def test_ours_carry_no_personal_data(self) -> None:
        with pytest.raises(StripeRefused) as refusal, translated():
            raise stripe.InvalidRequestError("ann@example.org is no address", "email", code="email_invalid")
        assert "ann@example.org" not in str(refusal.value)


@pytest.fixture
def silent() -> Iterator[int]:
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held: list[socket.socket] = []

        def hold() -> None:
            while True:
                try:
                    held.append(server.accept()[0])
                except OSError:
                    return

        threading.Thread(target=hold, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        for connection in held:
            connection.close()


def test_a_silent_stripe_costs_less_than_ten_seconds(silent: int) -> None:
    began = time.monotonic()
    with pytest.raises(StripeTrouble):
        StripeGateway(secret_key="sk_test_1", api_base=f"http://127.0.0.1:{silent}").customer("cus_1")
    assert time.monotonic() - began < 10


def test_all_calls_of_a_story_together_end_with_its_deadline(silent: int) -> None:
    stripe_that_hangs = StripeGateway(secret_key="sk_test_1", api_base=f"http://127.0.0.1:{silent}")
    began = time.monotonic()
    with deadline.within(1.0):
        for _call in range(5):
            with pytest.raises(StripeTrouble):
                stripe_that_hangs.customer("cus_1")
    assert time.monotonic() - began < 2


def test_an_unreachable_stripe_is_tried_thrice_and_soon_given_up() -> None:
    began = time.monotonic()
    with pytest.raises(StripeTrouble):
        StripeGateway(secret_key="sk_test_1", api_base="http://127.0.0.1:1").customer("cus_1")
    assert time.monotonic() - began < 5


def test_everything_asked_of_stripe_carries_the_pinned_version_and_a_key(shop: Shop) -> None:
    asked: list[tuple[str, str, dict[str, str]]] = []

    class Listening(stripe.HTTPClient):
        name = "listening"

        def request(self, method: str, url: str, headers: Any, post_data: Any = None) -> Any:
            asked.append((method, url, dict(headers)))
            return shop.stripe._requestor._client.request(method, url, headers, post_data)

    listened = StripeGateway(
        secret_key="sk_test_1", api_base="http://localhost:8002", http_client=Listening()
    )
    made = listened.create_customer(email="ann@example.org", reader="rdr_1", key="the-key")
    listened.picture(made)
    assert {headers["Stripe-Version"] for _method, _url, headers in asked} == {stripe.api_version}
    assert [headers["Idempotency-Key"] for method, _url, headers in asked if method == "post"] == ["the-key"]


def test_there_is_one_gateway_per_account(settings: Any) -> None:
    first = gateway.default()
    assert gateway.default() is first
    settings.STRIPE_SECRET_KEY = "sk_test_another"
    assert gateway.default() is not first


def test_prices_come_with_what_their_products_unlock(shop: Shop) -> None:
    found = {price.slug: price for price in shop.gateway.prices()}
    assert found["premium_monthly"].unlocks == ("premium",)
    assert (found["culture_monthly"].unit_amount, found["culture_monthly"].interval) == (490, "month")


def test_events_are_walked_within_their_window(shop: Shop) -> None:
    customer = shop.customer()
    shop.subscribe(customer.stripe_id)
    shop.sandbox.advance(months=1)
    all_of_them = list(shop.gateway.events(since=NOON - DAY, until=shop.now + DAY))
    early = list(shop.gateway.events(since=NOON - DAY, until=NOON + DAY))
    late = list(shop.gateway.events(since=NOON + DAY, until=shop.now + DAY))
    assert len(early) + len(late) == len(all_of_them)
    assert early
    assert {delivery.event.type for delivery in late} >= {"invoice.paid", "customer.subscription.updated"}


def test_an_event_that_cannot_be_read_hides_no_other(shop: Shop) -> None:
    shop.customer()
    known = len(list(shop.gateway.events(since=NOON - DAY, until=NOON + DAY)))
    odd = next(iter(shop.sandbox.world.store.all("event")))
    odd["type"] = "Not A Type"
    assert len(list(shop.gateway.events(since=NOON - DAY, until=NOON + DAY))) == known - 1


def test_subscriptions_of_the_account_are_walked_from_where_one_stopped(shop: Shop) -> None:
    for _number in range(3):
        shop.subscribe(shop.customer().stripe_id)
    walked = [theirs.id for theirs in shop.gateway.subscriptions()]
    assert len(walked) == 3
    assert [theirs.id for theirs in shop.gateway.subscriptions(after=walked[0])] == walked[1:]
