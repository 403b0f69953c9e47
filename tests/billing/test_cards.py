"""A new card is the default everywhere and pays what was open: once, whoever finishes the form, however often."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import User
from billing import cards, outlook, subscribing
from billing.cards import Stored
from billing.errors import NothingToDo, StripeGone, StripeTrouble
from billing.models import Customer, Invoice, OutboundCall, Subscription
from billing.snapshots import CustomerPicture
from tests.billing.market import BACK, CONFIRMING_CARD, FAILING_CARD, Market
from tests.factories.accounts import a_reader


@pytest.fixture
def reader(market: Market) -> User:
    """A reader whose renewal failed."""
    who = a_reader()
    market.buy(who)
    market.fail_renewal(who)
    return who


def finish(market: Market, session: str, reader: User | None) -> cards.Outcome:
    return cards.finish(session, reader=reader, gateway=market.gateway, now=market.now)


def payments(market: Market, invoice: str) -> list[dict[str, Any]]:
    return [
        one
        for one in market.objects("invoice_payment")
        if one["invoice"] == invoice and one["status"] == "paid"
    ]


def test_the_open_invoice_is_paid_and_the_card_is_the_default_everywhere(
    market: Market, reader: User
) -> None:
    session = market.card_form(reader)
    assert finish(market, session, reader) == cards.Outcome(Stored.PAID)
    subscription = Subscription.objects.get()
    card = market.gateway.checkout(session).card
    assert subscription.status == "active"
    assert subscription.default_card == market.customer(reader).default_card == card
    assert not Invoice.objects.filter(status="open").exists()
    state = outlook.of(reader, now=market.now)
    assert state is not None
    assert not state.needs_card
    assert state.card is not None
    assert state.card.last4 == "4242"


def test_the_same_return_twice_pays_once(market: Market, reader: User) -> None:
    invoice = Invoice.objects.get(status="open")
    session = market.card_form(reader)
    assert finish(market, session, reader) == finish(market, session, reader)
    assert len(payments(market, invoice.stripe_id)) == 1


def test_page_and_worker_may_both_finish(market: Market, reader: User) -> None:
    session = market.card_form(reader)
    assert finish(market, session, None).state is Stored.PAID
    assert finish(market, session, reader).state is Stored.PAID


def test_a_card_that_is_declined_again_says_why_and_is_tried_once(market: Market, reader: User) -> None:
    session = market.card_form(reader, card=FAILING_CARD)
    first = finish(market, session, reader)
    attempts = len(market.objects("charge"))
    assert first.state is Stored.REFUSED
    assert first.text == "The bank declined the card."
    assert finish(market, session, None) == first
    assert len(market.objects("charge")) == attempts


def test_another_form_after_a_declined_one_pays(market: Market, reader: User) -> None:
    finish(market, market.card_form(reader, card=FAILING_CARD), reader)
    assert finish(market, market.card_form(reader), reader).state is Stored.PAID
    assert Subscription.objects.get().status == "active"


def test_a_bank_that_asks_leads_to_the_confirmation(market: Market, reader: User) -> None:
    outcome = finish(market, market.card_form(reader, card=CONFIRMING_CARD), reader)
    assert outcome.state is Stored.CONFIRM
    assert outcome.url.endswith("/account/confirm-payment/")
    state = outlook.of(reader, now=market.now)
    assert state is not None
    assert state.confirm_url
    assert not state.needs_card


def test_an_old_form_does_not_bring_back_its_card(market: Market, reader: User) -> None:
    old = market.card_form(reader, card="5555555555554444")
    finish(market, old, reader)
    finish(market, market.card_form(reader), reader)
    finish(market, old, reader)
    state = outlook.of(reader, now=market.now)
    assert state is not None
    assert state.card is not None
    assert state.card.last4 == "4242"


def test_changing_a_good_card_charges_nothing(market: Market) -> None:
    who = a_reader()
    market.buy(who)
    charges = len(market.objects("charge"))
    assert finish(market, market.card_form(who, card="5555555555554444"), who).state is Stored.PAID
    assert len(market.objects("charge")) == charges
    assert Subscription.objects.get().default_card == market.customer(who).default_card


def test_a_form_left_half_way_changes_nothing(market: Market, reader: User) -> None:
    url = cards.start_form(
        reader, return_url="http://localhost:8001/", gateway=market.gateway, now=market.now
    )
    assert finish(market, url.rsplit("/", 1)[-1], reader).state is Stored.UNFINISHED


def test_a_form_of_somebody_else_is_as_unknown_as_one_that_never_was(market: Market, reader: User) -> None:
    other = a_reader()
    market.buy(other)
    session = market.card_form(reader)
    with pytest.raises(StripeGone):
        finish(market, session, other)
    with pytest.raises(StripeGone):
        finish(market, "cs_test_never_was", reader)
    assert Subscription.objects.get(customer__reader=reader).status == "past_due"


def test_a_session_that_is_no_card_form_is_refused(market: Market) -> None:
    who = a_reader()
    checkout = subscribing.start(
        who,
        price="premium_monthly",
        return_url="http://localhost:8001/",
        gateway=market.gateway,
        now=market.now,
    )
    attempt = subscribing.attempt_of(who, checkout.attempt)
    assert attempt is not None
    with pytest.raises(StripeGone):
        finish(market, attempt.session_id, who)


def test_an_answer_that_comes_too_late_does_not_pay_twice(market: Market, reader: User) -> None:
    invoice = Invoice.objects.get(status="open")
    session = market.card_form(reader)
    market.fault(target="api", kind="slow", match="POST /v1/invoices/*/pay", seconds=6.5)
    with pytest.raises(StripeTrouble):
        finish(market, session, reader)
    assert finish(market, session, reader).state is Stored.PAID
    assert len(payments(market, invoice.stripe_id)) == 1


def test_who_never_bought_has_no_card_to_replace(market: Market) -> None:
    with pytest.raises(NothingToDo):
        cards.start_form(
            a_reader(), return_url="http://localhost:8001/", gateway=market.gateway, now=market.now
        )
    assert not Customer.objects.exists()


def test_grace_ends_in_reading_again(market: Market, reader: User) -> None:
    market.pass_time(reader, seconds=8 * 24 * 3600)
    late = outlook.of(reader, now=market.now)
    assert late is not None
    assert (late.in_grace, late.needs_card) == (False, True)
    finish(market, market.card_form(reader), reader)
    state = outlook.of(reader, now=market.now)
    assert state is not None
    assert state.status == "active"


class Meanwhile:
    """A gateway with which something else happens at Stripe right after the first look."""

    def __init__(self, gateway: Any, happens: Callable[[], object]) -> None:
        self._gateway, self._happens = gateway, [happens]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gateway, name)

    def picture(self, customer: str) -> CustomerPicture:
        picture: CustomerPicture = self._gateway.picture(customer)
        while self._happens:
            self._happens.pop()()
        return picture


def test_the_worker_that_finishes_while_the_page_looks_takes_nothing_from_the_page(
    market: Market, reader: User
) -> None:
    session, invoice = market.card_form(reader), Invoice.objects.get(status="open").stripe_id
    gateway = Meanwhile(market.gateway, lambda: finish(market, session, None))
    assert cards.finish(session, reader=reader, gateway=gateway, now=market.now).state is Stored.PAID
    assert len(payments(market, invoice)) == 1


def test_an_old_form_charges_nothing_to_its_card(market: Market, reader: User) -> None:
    old = market.card_form(reader, card="5555555555554444")
    finish(market, old, reader)
    finish(market, market.card_form(reader, card=FAILING_CARD), reader)
    market.pass_time(reader, months=1)
    charges = len(market.objects("charge"))
    for who in (reader, None):  # who comes back by the browser's history; a delivery that comes late or again
        assert finish(market, old, who).state is Stored.REPLACED
    assert len(market.objects("charge")) == charges
    assert Subscription.objects.get().status == "past_due"


def test_an_old_form_is_known_by_its_card_where_our_records_are_lost(market: Market, reader: User) -> None:
    old = market.card_form(reader, card="5555555555554444")
    market.sandbox.advance(seconds=60)
    finish(market, market.card_form(reader), reader)
    OutboundCall.objects.all().delete()
    assert finish(market, old, None).state is Stored.REPLACED
    state = outlook.of(reader, now=market.now)
    assert state is not None
    assert state.card is not None
    assert state.card.last4 == "4242"


def test_an_invoice_voided_meanwhile_is_no_failure(market: Market, reader: User) -> None:
    session, invoice = market.card_form(reader), Invoice.objects.get(status="open").stripe_id
    gateway = Meanwhile(market.gateway, lambda: market.sdk.v1.invoices.void_invoice(invoice))
    outcome = cards.finish(session, reader=reader, gateway=gateway, now=market.now)
    assert outcome.state is Stored.PAID
    assert Invoice.objects.get(stripe_id=invoice).status == "void"


def test_a_subscription_ended_meanwhile_does_not_keep_the_card_from_the_others(
    market: Market, reader: User
) -> None:
    finish(market, market.card_form(reader), reader)
    market.buy(reader, "culture_monthly")
    session, ended = market.card_form(reader, card="5555555555554444"), Subscription.objects.earliest("pk")
    gateway = Meanwhile(market.gateway, lambda: market.sdk.v1.subscriptions.cancel(ended.stripe_id))
    outcome = cards.finish(session, reader=reader, gateway=gateway, now=market.now)
    assert outcome.state is Stored.PAID
    assert Subscription.objects.get(status="active").default_card == market.gateway.checkout(session).card


def test_a_refusal_that_is_not_the_card_s_keeps_no_other_invoice_from_being_paid(
    market: Market, reader: User
) -> None:
    finish(market, market.card_form(reader), reader)
    market.buy(reader, "culture_monthly")
    market.fail_renewal(reader)
    first, second = Invoice.objects.filter(status="open").order_by("created_at", "pk")
    market.fault(target="api", kind="status", match=f"POST /v1/invoices/{first.stripe_id}/pay", status=400)
    assert finish(market, market.card_form(reader), reader).state is Stored.REFUSED
    assert Invoice.objects.get(pk=second.pk).status == "paid"


def test_a_form_that_leads_back_elsewhere_is_another_call(market: Market, reader: User) -> None:
    market.fault(target="api", kind="slow", match="POST /v1/checkout/sessions", seconds=6.5)
    with pytest.raises(StripeTrouble):
        cards.start_form(reader, return_url=BACK, gateway=market.gateway, now=market.now)
    elsewhere = f"{BACK}-2"
    assert cards.start_form(reader, return_url=elsewhere, gateway=market.gateway, now=market.now)
