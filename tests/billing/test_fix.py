"""The link in a mail about a failed payment: it stores a card and pays what is open, for one customer, and no more."""

from __future__ import annotations

import logging
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client

from accounts.models import Mail, User
from billing import contracts, fixing, leftovers
from billing.errors import LinkRefused
from billing.models import Customer, Invoice, OutboundCall, Subscription
from paywall.models import Entitlement
from tests.billing.market import CONFIRMING_CARD, FAILING_CARD, GOOD_CARD, Market
from tests.factories.accounts import a_reader

FIX, DONE = "/account/fix/", "/account/fix/done/"


@pytest.fixture(autouse=True)
def _no_counts(db: None) -> None:
    cache.clear()


@pytest.fixture
def reader(market: Market) -> User:
    """A reader whose renewal failed."""
    who = a_reader()
    market.buy(who)
    market.fail_renewal(who)
    return who


@pytest.fixture
def stranger() -> Client:
    """Whoever has the mail: no cookie, no session."""
    return Client(enforce_csrf_checks=True)


def token_for(reader: User) -> str:
    """Return the token out of the mail."""
    told = Mail.objects.filter(reader=reader, kind__startswith="payment_").latest("pk")
    found = re.search(r"/account/fix/\?k=(\S+)", told.text)
    assert found is not None
    return found[1].replace("%3A", ":")


def paid(market: Market, invoice: str) -> int:
    """Count how often an invoice was paid."""
    payments = market.objects("invoice_payment")
    return len([one for one in payments if one["invoice"] == invoice and one["status"] == "paid"])


def fill_in(market: Market, address: str, *, card: str = GOOD_CARD) -> str:
    """Fill in the hosted form and return the address that Stripe sends back to."""
    session = address.rstrip("/").rsplit("/", 1)[-1]
    market.sandbox.complete_checkout(session, card=card)
    return f"{DONE}?session_id={session}"


class TestTheStory:
    def test_from_the_mail_to_the_open_article_without_signing_in(
        self, market: Market, reader: User, stranger: Client
    ) -> None:
        market.pass_time(reader, seconds=8 * 24 * 3600)  # the grace period is over too
        token, invoice = token_for(reader), Invoice.objects.get(status="open")
        page = stranger.get(FIX, {"k": token})
        assert page.status_code == 200
        assert "€9.90" in page.content.decode()
        assert "0341" in page.content.decode()
        form = stranger.post(FIX, {"k": token})
        assert form.status_code == 303
        back = stranger.get(fill_in(market, form["Location"]))
        assert "Thank you" in back.content.decode()
        assert (Subscription.objects.get().status, paid(market, invoice.stripe_id)) == ("active", 1)
        current = Entitlement.objects.get(reader=reader, superseded_at=None)
        assert (current.suspension, current.ends_at > market.now) == ("", True)
        assert "All is well" in stranger.get(FIX, {"k": token}).content.decode()
        assert "All is well" in stranger.post(FIX, {"k": token}).content.decode()

    def test_nobody_is_signed_in_by_it(self, market: Market, reader: User, stranger: Client) -> None:
        token = token_for(reader)
        form = stranger.post(FIX, {"k": token})
        stranger.get(fill_in(market, form["Location"]))
        assert "session" not in stranger.cookies
        assert stranger.get("/account/").status_code == 302
        assert stranger.get("/api/v1/subscription").status_code == 401

    def test_a_bank_that_asks_is_one_click_away(self, market: Market, stranger: Client) -> None:
        who = a_reader()
        market.buy(who)
        market.fail_renewal(who, card=CONFIRMING_CARD)
        page = stranger.get(FIX, {"k": token_for(who)}).content.decode()
        assert Invoice.objects.get(status="open").hosted_url in page
        assert "confirm" in page

    def test_a_card_that_is_refused_says_why_and_leaves_the_link(
        self, market: Market, reader: User, stranger: Client
    ) -> None:
        token = token_for(reader)
        back = fill_in(market, stranger.post(FIX, {"k": token})["Location"], card=FAILING_CARD)
        assert "The bank declined the card." in stranger.get(back).content.decode()
        again = fill_in(market, stranger.post(FIX, {"k": token})["Location"])
        assert "Thank you" in stranger.get(again).content.decode()

    def test_a_form_that_was_left_changes_nothing(self, reader: User, stranger: Client) -> None:
        stranger.post(FIX, {"k": token_for(reader)})
        assert "Nothing was changed" in stranger.get(DONE).content.decode()
        assert Subscription.objects.get().status == "past_due"

    def test_the_page_speaks_the_reader_s_language(self, market: Market, stranger: Client) -> None:
        who = a_reader(language="de")
        market.buy(who)
        market.fail_renewal(who)
        assert '<html lang="de">' in stranger.get(FIX, {"k": token_for(who)}).content.decode()

    def test_paid_otherwise_meanwhile_it_has_nothing_to_do(
        self, market: Market, reader: User, stranger: Client
    ) -> None:
        token = token_for(reader)
        contracts.cancel(reader, gateway=market.gateway, now=market.now)
        assert "Nothing is to be paid" in stranger.get(FIX, {"k": token}).content.decode()


class TestScanners:
    def test_looking_spends_nothing_and_makes_nothing(
        self, market: Market, reader: User, stranger: Client
    ) -> None:
        token = token_for(reader)
        sessions, calls = len(market.objects("checkout.session")), OutboundCall.objects.count()
        for _ in range(20):
            assert stranger.get(FIX, {"k": token}).status_code == 200
            assert stranger.head(FIX, {"k": token}).status_code == 200
        assert (len(market.objects("checkout.session")), OutboundCall.objects.count()) == (sessions, calls)

    def test_looking_at_the_way_back_does_nothing_either(
        self, market: Market, reader: User, stranger: Client
    ) -> None:
        back = fill_in(market, stranger.post(FIX, {"k": token_for(reader)})["Location"])
        assert stranger.head(back).status_code == 200
        assert Subscription.objects.get().status == "past_due"


class TestAttacks:
    @pytest.mark.parametrize(
        "forge",
        [
            lambda _token: "",
            lambda _token: "x" * 5000,
            lambda token: token[:-1] + ("A" if token[-1] != "A" else "B"),
            lambda token: token.replace(".", ".9", 1),
            lambda token: token.partition(":")[0],
            lambda token: token.rpartition(":")[0] + ":",
            lambda token: "in_never_was" + token[token.index(".") :],
            lambda token: "🔑:" + token,
        ],
        ids=[
            "none",
            "long",
            "tampered",
            "later end",
            "no signature",
            "empty signature",
            "other invoice",
            "odd",
        ],
    )
    def test_what_is_not_ours_opens_nothing(self, reader: User, stranger: Client, forge: Any) -> None:
        forged = forge(token_for(reader))
        for answer in (stranger.get(FIX, {"k": forged}), stranger.post(FIX, {"k": forged})):
            assert answer.status_code == 404
            assert "0341" not in answer.content.decode()
        assert not OutboundCall.objects.filter(purpose="card_form").exists()

    def test_one_reader_s_signature_does_not_fit_another_s_invoice(
        self, market: Market, reader: User, stranger: Client
    ) -> None:
        other = a_reader()
        market.buy(other)
        market.fail_renewal(other)
        mine, theirs = token_for(reader), token_for(other)
        mixed = theirs.rpartition(":")[0] + ":" + mine.rpartition(":")[2]
        assert stranger.get(FIX, {"k": mixed}).status_code == 404

    def test_a_form_of_the_account_page_is_not_finished_by_it(
        self, market: Market, reader: User, stranger: Client
    ) -> None:
        session = market.card_form(reader)
        assert stranger.get(DONE, {"session_id": session}).status_code == 404
        assert stranger.get(DONE, {"session_id": "cs_test_never_was"}).status_code == 404
        assert stranger.get(DONE, {"session_id": "../customers/cus_1"}).status_code == 404
        assert Subscription.objects.get().status == "past_due"

    def test_the_form_can_only_store_a_card_for_that_customer(
        self, market: Market, reader: User, stranger: Client
    ) -> None:
        stranger.post(FIX, {"k": token_for(reader), "customer": "cus_other", "price": "premium_yearly"})
        (form,) = [one for one in market.objects("checkout.session") if one["metadata"]["purpose"] == "fix"]
        assert (form["mode"], form["customer"]) == ("setup", market.customer(reader).stripe_id)

    def test_it_runs_out(self, reader: User, settings: Any) -> None:
        token = token_for(reader)
        told = Mail.objects.get(reader=reader, kind="payment_failed").queued_at
        assert fixing.read(token, now=told + settings.FIX_LINK_LIFE - timedelta(seconds=1)).reader == reader
        with pytest.raises(LinkRefused):
            fixing.read(token, now=told + settings.FIX_LINK_LIFE)

    def test_it_ends_with_the_account(self, market: Market, reader: User, stranger: Client) -> None:
        token = token_for(reader)
        leftovers.let_go(reader, gateway=market.gateway, now=market.now)
        assert stranger.get(FIX, {"k": token}).status_code == 404

    @pytest.mark.parametrize("change", [{"is_active": False}, {"email": "new@example.org"}])
    def test_it_ends_when_it_was_sent_to_somebody_else(
        self, reader: User, stranger: Client, change: dict[str, Any]
    ) -> None:
        token = token_for(reader)
        User.objects.filter(pk=reader.pk).update(**change)
        assert stranger.post(FIX, {"k": token}).status_code == 404

    def test_it_ends_when_the_customer_is_another_reader_s(self, reader: User, stranger: Client) -> None:
        token = token_for(reader)
        Customer.objects.filter(reader=reader).update(reader=a_reader())
        assert stranger.post(FIX, {"k": token}).status_code == 404

    def test_it_cannot_be_used_without_end(self, reader: User, stranger: Client) -> None:
        token = token_for(reader)
        answers = [stranger.post(FIX, {"k": token}).status_code for _ in range(12)]
        assert answers == [303] * 10 + [429] * 2
        assert stranger.get(FIX, {"k": token}).status_code == 200


class TestKeptQuiet:
    def test_no_cache_no_referrer_no_log(
        self, market: Market, reader: User, stranger: Client, caplog: pytest.LogCaptureFixture
    ) -> None:
        token = token_for(reader)
        with caplog.at_level(logging.DEBUG):
            answers = [stranger.get(FIX, {"k": token}), stranger.post(FIX, {"k": token})]
            answers.append(stranger.get(FIX, {"k": token + "x"}))
            answers.append(stranger.get(fill_in(market, answers[1]["Location"])))
        for answer in answers:
            assert answer["Cache-Control"] == "private, no-store"
            assert answer["Referrer-Policy"] == "no-referrer"
        assert token.rpartition(":")[2] not in caplog.text
        assert not OutboundCall.objects.filter(subject__contains=token[-20:]).exists()
        assert token[-20:] not in str(market.objects("checkout.session"))

    def test_nothing_about_the_person_is_shown(self, reader: User, stranger: Client) -> None:
        page = stranger.get(FIX, {"k": token_for(reader)}).content.decode()
        hidden = (reader.email, reader.public_id, "Premium", Customer.objects.get().stripe_id)
        assert [text for text in hidden if text in page] == []


@pytest.mark.django_db(transaction=True)
class TestTwoTabs:
    def test_two_forms_finished_at_once_pay_once(self, market: Market) -> None:
        who = a_reader()
        market.buy(who)
        market.fail_renewal(who)
        token, invoice = token_for(who), Invoice.objects.get(status="open").stripe_id
        addresses = [Client().post(FIX, {"k": token})["Location"] for _ in range(2)]
        backs = [
            fill_in(market, address, card=card)
            for address, card in zip(addresses, (GOOD_CARD, "5555555555554444"), strict=True)
        ]
        assert len(set(backs)) == 2

        def arrive(back: str) -> int:
            try:
                return Client().get(back).status_code
            finally:
                connection.close()

        with ThreadPoolExecutor(2) as pool:
            codes = list(pool.map(arrive, backs))
        assert {*codes} <= {200, 202}
        market.look(who)
        assert paid(market, invoice) == 1
        assert Subscription.objects.get().status == "active"
