"""The hosted pages, as a browser without script would use them."""

from __future__ import annotations

import threading

import pytest
from werkzeug.test import Client

from billing.sandbox.sandbox import Sandbox

CARD = {"exp": "12 / 34", "cvc": "123"}


@pytest.fixture
def browser(sandbox: Sandbox) -> Client:
    return Client(sandbox.app)


@pytest.fixture
def session(client, price, customer):
    def start(mode: str = "subscription", **extra):
        wanted = {"mode": mode, "customer": customer.id, "cancel_url": "http://localhost:8000/no"}
        wanted["success_url"] = "http://localhost:8000/yes?session={CHECKOUT_SESSION_ID}"
        if mode == "setup":
            wanted["currency"] = "eur"
        else:
            wanted["line_items"] = [{"price": price.id, "quantity": 1}]
        return client.v1.checkout.sessions.create({**wanted, **extra})

    return start


def path(session) -> str:
    return f"/c/pay/{session.id}"


def test_the_page_shows_what_is_due_and_a_way_back(browser, session) -> None:
    page = browser.get(path(session())).text
    for part in ("€9.90 per month", 'href="http://localhost:8000/no"', "no real money", 'id="pay"'):
        assert part in page


def test_product_names_are_escaped(client, browser, session, price) -> None:
    client.v1.products.update(price.product, {"name": "<script>alert(1)</script>"})
    assert "<script>" not in browser.get(path(session())).text


@pytest.mark.parametrize(
    ("number", "says"),
    [
        ("4000000000000002", "declined"),
        ("4000000000009995", "insufficient funds"),
        ("4000000000000069", "expired"),
        ("4000000000000341", "declined"),
        ("1234", "not one of the test cards"),
    ],
)
def test_a_refused_card_is_told_and_leaves_nothing(client, browser, session, number, says) -> None:
    offered = session()
    answer = browser.post(path(offered), data={"card_number": number, **CARD})
    assert says in answer.text
    assert client.v1.subscriptions.list({"status": "all"}).data == []
    assert client.v1.checkout.sessions.retrieve(offered.id).status == "open"


def test_a_good_card_completes_it_and_goes_on(client, browser, session, subscription) -> None:
    offered = session()
    answer = browser.post(path(offered), data={"card_number": "5555 5555 5555 4444", **CARD})
    assert (answer.status_code, answer.headers["Location"]) == (
        303,
        f"http://localhost:8000/yes?session={offered.id}",
    )
    done = client.v1.checkout.sessions.retrieve(
        offered.id, {"expand": ["subscription.default_payment_method"]}
    )
    assert (done.status, done.payment_status) == ("complete", "paid")
    card = done.subscription.default_payment_method.card
    assert (card.brand, card.last4, card.exp_month, card.exp_year) == ("mastercard", "4444", 12, 2034)


@pytest.mark.parametrize(
    ("number", "decision_and_status"),
    [
        ("4000000000003220", ("confirm", "complete")),
        ("4000002500003155", ("confirm", "complete")),
        ("4000002760003184", ("refuse", "open")),
        ("4000008260003178", ("confirm", "open")),
    ],
)
def test_a_card_that_must_be_confirmed(client, browser, session, number, decision_and_status) -> None:
    decision, status = decision_and_status
    offered = session()
    asked = browser.post(path(offered), data={"card_number": number, **CARD})
    assert 'id="confirm"' in asked.text
    assert client.v1.checkout.sessions.retrieve(offered.id).status == "open"
    browser.post(path(offered), data={"decision": decision})
    assert client.v1.checkout.sessions.retrieve(offered.id).status == status


def test_confirming_without_having_been_asked_does_nothing(client, browser, session) -> None:
    offered = session()
    browser.post(path(offered), data={"decision": "confirm"})
    assert client.v1.checkout.sessions.retrieve(offered.id).status == "open"


def test_two_submissions_at_once_pay_once(sandbox, client, session, customer) -> None:
    offered = session()
    answers = []

    def submit() -> None:
        answers.append(
            Client(sandbox.app).post(path(offered), data={"card_number": "4242424242424242", **CARD})
        )

    threads = [threading.Thread(target=submit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {303}
    assert len(client.v1.subscriptions.list({"customer": customer.id}).data) == 1
    assert len(client.v1.charges.list({"customer": customer.id}).data) == 1


def test_a_complete_or_expired_session_says_so(client, browser, session, sandbox) -> None:
    complete, expired = session(), session()
    sandbox.complete_checkout(complete.id)
    client.v1.checkout.sessions.expire(expired.id)
    assert "complete" in browser.get(path(complete)).text
    assert "expired" in browser.get(path(expired)).text
    assert browser.get("/c/pay/cs_none").status_code == 404


def test_a_session_expires_by_itself_after_a_day(sandbox, client, session) -> None:
    offered = session()
    sandbox.advance(seconds=86400)
    assert client.v1.checkout.sessions.retrieve(offered.id).status == "expired"
    assert client.v1.events.list({"type": "checkout.session.expired"}).data


def test_setup_saves_the_card_and_pays_nothing(client, browser, session, customer) -> None:
    offered = session("setup", setup_intent_data={"metadata": {"why": "card"}})
    browser.post(path(offered), data={"card_number": "4000000000000341", **CARD})
    setup = client.v1.setup_intents.retrieve(offered.setup_intent)
    assert (setup.status, setup.metadata["why"]) == ("succeeded", "card")
    saved = client.v1.customers.payment_methods.list(customer.id).data
    assert [card.id for card in saved] == [setup.payment_method]
    assert client.v1.customers.retrieve(customer.id).invoice_settings.default_payment_method is None


def test_a_refused_setup_stays_with_the_intent(client, browser, session) -> None:
    offered = session("setup")
    browser.post(path(offered), data={"card_number": "4000000000000002", **CARD})
    setup = client.v1.setup_intents.retrieve(offered.setup_intent)
    assert setup.last_setup_error.decline_code == "generic_decline"


def test_one_time_payments_work_too(client, sandbox, price, customer) -> None:
    once = client.v1.prices.create({"product": price.product, "currency": "eur", "unit_amount": 250})
    session = client.v1.checkout.sessions.create(
        {"mode": "payment", "line_items": [{"price": once.id, "quantity": 2}], "success_url": "http://x"}
    )
    sandbox.complete_checkout(session.id)
    done = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent", "line_items"]})
    assert (done.payment_intent.status, done.payment_intent.amount_received) == ("succeeded", 500)
    assert done.customer is None


def test_a_code_typed_into_the_page_takes_off(client, browser, session) -> None:
    coupon = client.v1.coupons.create({"amount_off": 190, "currency": "eur", "duration": "forever"})
    client.v1.promotion_codes.create({"promotion": {"type": "coupon", "coupon": coupon.id}, "code": "SPRING"})
    offered = session(allow_promotion_codes=True)
    assert "invalid" in browser.post(path(offered), data={"action": "code", "promotion_code": "WINTER"}).text
    assert "€8.00" in browser.post(path(offered), data={"action": "code", "promotion_code": "spring"}).text


class TestInvoicePage:
    @pytest.fixture
    def owed(self, sandbox, client, subscription, customer) -> str:
        sandbox.swap_card(customer.id, card="3184")
        sandbox.advance(months=1)
        return client.v1.subscriptions.retrieve(subscription.id).latest_invoice

    def test_a_waiting_payment_is_confirmed_there(self, client, browser, owed, subscription) -> None:
        assert 'id="confirm"' in browser.get(f"/i/{owed}").text
        browser.post(f"/i/{owed}", data={"decision": "confirm"})
        assert client.v1.invoices.retrieve(owed).status == "paid"
        assert client.v1.subscriptions.retrieve(subscription.id).status == "active"

    def test_or_paid_with_another_card(self, client, browser, owed) -> None:
        refused = browser.post(f"/i/{owed}", data={"card_number": "4000000000000002", **CARD})
        assert "declined" in refused.text
        browser.post(f"/i/{owed}", data={"card_number": "4242424242424242", **CARD})
        assert client.v1.invoices.retrieve(owed).status == "paid"
