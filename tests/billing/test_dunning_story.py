"""Dunning as a story: what is announced, once, in time, never after it is over, in the words of the account page."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from accounts import emails
from accounts.models import Mail, User
from billing import advice, cards, contracts, dunning, money, outlook, words
from billing.advice import Advice
from billing.models import Invoice, PaymentMethod, Price, Subscription
from tests.billing.market import CONFIRMING_CARD, Market
from tests.factories.accounts import a_reader
from tests.factories.billing import NOON

DAY = timedelta(days=1)
_A_DATE = re.compile(r"[A-Z][a-z]+\.? \d{1,2}, \d{4}")
_AN_AMOUNT = re.compile(r"€\d+\.\d\d")
_A_CARD = re.compile(r"•••• (\d{4})")


@pytest.fixture
def reader(market: Market) -> User:
    who = a_reader()
    market.buy(who)
    post()
    return who


@pytest.fixture
def owing(market: Market, reader: User) -> User:
    """A reader whose renewal failed and who has been told."""
    market.fail_renewal(reader)
    post()
    return reader


def post() -> None:
    """Send what waits; the text is kept for the test to read."""
    Mail.objects.filter(state=Mail.State.QUEUED).update(state=Mail.State.SENT)


def kinds(reader: User) -> list[str]:
    return list(Mail.objects.filter(reader=reader).order_by("queued_at", "pk").values_list("kind", flat=True))


def mail(reader: User, kind: str) -> Mail:
    return Mail.objects.filter(reader=reader, kind=kind).latest("queued_at", "pk")


def pay(market: Market, reader: User) -> None:
    cards.finish(market.card_form(reader), reader=reader, gateway=market.gateway, now=market.now)


def days(market: Market, reader: User, count: float) -> None:
    market.pass_time(reader, seconds=count * 24 * 3600)


class TestAdvice:
    @pytest.mark.parametrize(
        ("code", "advice_code", "helps", "is_tried_again"),
        [
            ("insufficient_funds", "try_again_later", Advice.WAIT, True),
            ("processing_error", "", Advice.WAIT, True),
            ("card_velocity_exceeded", "", Advice.WAIT, True),
            ("do_not_honor", "try_again_later", Advice.ASK_BANK, True),
            ("generic_decline", "", Advice.ASK_BANK, True),
            ("a_code_of_tomorrow", "", Advice.ASK_BANK, True),
            ("do_not_honor", "do_not_try_again", Advice.ANOTHER_CARD, False),
            ("lost_card", "", Advice.ANOTHER_CARD, False),
            ("stolen_card", "do_not_try_again", Advice.ANOTHER_CARD, False),
            ("pickup_card", "", Advice.ANOTHER_CARD, False),
            ("expired_card", "", Advice.ANOTHER_CARD, True),  # banks tell networks of its successor
            ("incorrect_number", "", Advice.CHECK_CARD, False),
            ("generic_decline", "confirm_card_data", Advice.CHECK_CARD, True),
            ("authentication_required", "", Advice.CONFIRM, False),
        ],
    )
    def test_what_helps_and_whether_the_card_is_tried_again(
        self, code: str, advice_code: str, helps: Advice, is_tried_again: bool
    ) -> None:
        assert advice.of(code, advice_code=advice_code) is helps
        planned = advice.retry_at(NOON, code=code, advice_code=advice_code)
        assert planned == (NOON if is_tried_again else None)

    def test_nobody_is_told_that_a_card_was_reported(self) -> None:
        said = {
            words.refusal(code) for code in ("lost_card", "stolen_card", "pickup_card", "generic_decline")
        }
        assert said == {"The bank declined the card."}

    @pytest.mark.parametrize(
        ("code", "says", "is_tried_again"),
        [
            ("insufficient_funds", "not enough money", True),
            ("do_not_honor", "Your bank can tell you why", True),
            ("stolen_card", "will not be charged again", False),
        ],
    )
    def test_mail_page_and_wall_say_it_alike(
        self, market: Market, reader: User, client: Client, *, code: str, says: str, is_tried_again: bool
    ) -> None:
        market.fault(
            target="charge", kind="decline", match=market.customer(reader).stripe_id, decline_code=code
        )
        market.pass_time(reader, months=1)
        client.force_login(reader)
        page, told = client.get("/account/").content.decode(), mail(reader, "payment_failed").text
        assert says in page
        assert says in told
        assert ("we try the same card again" in told) is ("We try again" in page) is is_tried_again
        (grant,) = reader.entitlements.filter(superseded_at=None)
        assert (grant.trouble["retry_at"] is not None) is is_tried_again


class TestTheEndOfGrace:
    def test_is_announced_once_some_days_before(self, market: Market, owing: User) -> None:
        days(market, owing, 4)
        assert "grace_ending" not in kinds(owing)
        days(market, owing, 1.2)
        days(market, owing, 0.5)
        assert kinds(owing).count("grace_ending") == 1
        until = outlook.every(owing, now=market.now)[0].grace_until
        assert until is not None
        assert words.day(until) in mail(owing, "grace_ending").subject

    def test_not_to_whoever_has_paid_meanwhile(self, market: Market, owing: User) -> None:
        pay(market, owing)
        days(market, owing, 5.5)
        assert "grace_ending" not in kinds(owing)

    def test_is_taken_back_where_it_was_not_sent_before_the_payment(
        self, market: Market, owing: User
    ) -> None:
        days(market, owing, 5.5)
        assert "grace_ending" in kinds(owing)
        pay(market, owing)
        assert "grace_ending" not in kinds(owing)

    def test_not_when_it_has_passed(self, market: Market, owing: User) -> None:
        days(market, owing, 7.5)
        assert "grace_ending" not in kinds(owing)

    def test_is_taken_back_where_it_has_passed_before_it_was_sent(self, market: Market, owing: User) -> None:
        days(market, owing, 5.5)
        days(market, owing, 2)
        assert "grace_ending" not in kinds(owing)

    def test_not_in_the_same_hour_as_the_failure(self, market: Market, reader: User) -> None:
        market.sandbox.swap_card(market.customer(reader).stripe_id, card="4000000000000341")
        market.sandbox.advance(months=1)
        days(market, reader, 5.5)  # we were down; the mail about the failure names the end
        market.look(reader)
        assert kinds(reader) == ["welcome", "payment_failed"]

    def test_by_setting_never(self, market: Market, owing: User, settings: Any) -> None:
        settings.GRACE_WARNING = timedelta()
        days(market, owing, 5.5)
        assert "grace_ending" not in kinds(owing)


class TestNothingAfterRecovery:
    def test_a_mail_in_the_hands_of_a_dead_worker_is_not_sent_by_the_next(
        self, market: Market, reader: User
    ) -> None:
        market.fail_renewal(reader)
        waiting = Mail.objects.filter(kind="payment_failed")
        waiting.update(leased_until=market.now + Mail.LEASE, attempts=1)  # and here the worker is killed
        pay(market, reader)
        later = market.now + DAY
        assert [emails.deliver(pk, now=later) for pk in waiting.values_list("pk", flat=True)] == [False]
        assert kinds(reader) == ["welcome", "payment_failed", "payment_recovered"]

    def test_nor_by_a_worker_that_comes_late(self, market: Market, reader: User) -> None:
        market.fail_renewal(reader)
        late = Mail.objects.get(kind="payment_failed").pk
        pay(market, reader)
        assert not emails.deliver(late, now=market.now + DAY)

    def test_a_try_that_fails_after_the_recovery_is_not_repeated(
        self, market: Market, reader: User, settings: Any
    ) -> None:
        settings.EMAIL_BACKEND = "tests.billing.test_dunning_story.Refusing"
        market.fail_renewal(reader)
        waiting = Mail.objects.get(kind="payment_failed")
        Refusing.meanwhile = lambda: pay(market, reader)
        assert not emails.deliver(waiting.pk, now=market.now)
        waiting.refresh_from_db()
        assert waiting.state == Mail.State.WITHDRAWN


class Refusing:
    """A mail server that takes its time, in which something happens, and then takes nothing."""

    meanwhile: Callable[[], object] = staticmethod(lambda: None)

    def __init__(self, *_args: object, **_options: object) -> None:
        pass

    def send_messages(self, _messages: object) -> int:
        """Refuse.

        :raises OSError: always.
        """
        type(self).meanwhile()
        raise OSError("no route to the mail server")


class TestTheEndOfATrial:
    @pytest.fixture
    def trying(self, market: Market) -> User:
        Price.objects.filter(slug="premium_monthly").update(trial_days=14)
        who = a_reader()
        market.buy(who)
        post()
        return who

    def test_is_announced_three_days_before_with_amount_and_card(self, market: Market, trying: User) -> None:
        days(market, trying, 10)
        assert kinds(trying) == ["welcome"]
        days(market, trying, 1.1)
        for at in (market.now, market.now + DAY):
            dunning.remind(market.customer(trying), now=at)
        assert kinds(trying) == ["welcome", "trial_ending"]
        told = mail(trying, "trial_ending").text
        assert "€9.90" in told
        assert "4242" in told

    def test_says_so_where_no_card_is_on_file(self, market: Market, trying: User) -> None:
        market.sdk.v1.payment_methods.detach(PaymentMethod.objects.get(detached_at=None).stripe_id)
        days(market, trying, 11.5)
        assert "no card is on file" in mail(trying, "trial_ending").text

    def test_says_that_it_ends_where_none_was_asked_for_and_tells_of_the_charge_once_one_is_stored(
        self, market: Market
    ) -> None:
        Price.objects.filter(slug="premium_monthly").update(trial_days=14, trial_needs_card=False)
        market.buy(trying := a_reader(), card=None)
        days(market, trying, 11.5)
        told = mail(trying, "trial_ending").text
        assert "nothing is charged" in told
        assert "€" not in told
        assert "None" not in told
        post()
        pay(market, trying)
        market.look(trying)
        assert "we charge €9.90" in mail(trying, "trial_ending").text

    def test_not_to_whoever_has_cancelled(self, market: Market, trying: User) -> None:
        contracts.cancel(trying, gateway=market.gateway, now=market.now)
        days(market, trying, 12)
        assert "trial_ending" not in kinds(trying)


def test_an_end_for_want_of_payment_is_told_as_that(market: Market, owing: User) -> None:
    for _ in range(6):
        days(market, owing, 5)
        post()
    assert Subscription.objects.get().status == "canceled"
    assert kinds(owing).count("ended_unpaid") == 1
    assert "subscription_canceled" not in kinds(owing)
    assert "could not be made" in mail(owing, "ended_unpaid").text


@dataclass(frozen=True, slots=True)
class Story:
    """How a mail of a kind comes about."""

    kind: str
    happens: Callable[[Market, User], None]
    price: str = "premium_monthly"


def _fails(market: Market, reader: User) -> None:
    market.fail_renewal(reader)


def _asks(market: Market, reader: User) -> None:
    market.fail_renewal(reader, card=CONFIRMING_CARD)


def _grace_nearly_ends(market: Market, reader: User) -> None:
    market.fail_renewal(reader)
    post()
    days(market, reader, 5.5)


def _recovers(market: Market, reader: User) -> None:
    market.fail_renewal(reader)
    post()
    pay(market, reader)


def _cancels(market: Market, reader: User) -> None:
    contracts.cancel(reader, gateway=market.gateway, now=market.now)


def _renewal_nears(market: Market, reader: User) -> None:
    days(market, reader, 355)
    dunning.remind(market.customer(reader), now=market.now)


def _tries(market: Market, reader: User) -> None:
    market.sdk.v1.subscriptions.update(
        Subscription.objects.get().stripe_id,
        {"trial_end": int((market.now + 10 * DAY).timestamp()), "proration_behavior": "none"},
    )
    days(market, reader, 8)


def _loses_the_card(market: Market, reader: User) -> None:
    market.sdk.v1.payment_methods.detach(PaymentMethod.objects.get(detached_at=None).stripe_id)
    days(market, reader, 25)
    dunning.remind(market.customer(reader), now=market.now)


STORIES = (
    Story("welcome", lambda _market, _reader: None),
    Story("payment_failed", _fails),
    Story("payment_action_required", _asks),
    Story("grace_ending", _grace_nearly_ends),
    Story("payment_recovered", _recovers),
    Story("cancel_scheduled", _cancels),
    Story("renewal_upcoming", _renewal_nears, price="premium_yearly"),
    Story("card_missing", _loses_the_card),
    Story("trial_ending", _tries),
)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.kind)
def test_a_mail_states_nothing_that_the_page_does_not(market: Market, client: Client, story: Story) -> None:
    who = a_reader()
    market.buy(who, story.price)
    story.happens(market, who)
    told = mail(who, story.kind)
    state = outlook.of(who, now=market.now)
    assert state is not None
    client.force_login(who)
    page = client.get("/account/").content.decode()
    for text in (told.text, told.html, told.subject):
        assert {*_A_DATE.findall(text)} <= _dates(state)
        assert {*_AN_AMOUNT.findall(text)} <= _amounts(state)
        assert {*_A_CARD.findall(text)} <= ({state.card.last4} if state.card else set())
    for stated in _A_DATE.findall(told.text):
        assert stated in page
    if story.kind in {"payment_failed", "grace_ending"}:
        assert state.failure_text in told.text
        assert state.step_text in told.text
        assert state.step_text in page


def _dates(state: outlook.Outlook) -> set[str]:
    moments: tuple[datetime | None, ...] = (
        state.next_charge_at,
        state.retry_at,
        state.grace_until,
        state.access_ends_at,
        state.cancelled_at,
    )
    return {words.day(moment) for moment in moments if moment is not None}


def _amounts(state: outlook.Outlook) -> set[str]:
    owed = Invoice.objects.filter(status="open").values_list("amount_remaining", flat=True)
    found = {money.text(amount, currency="eur") for amount in owed}
    return found | {state.next_charge_text, *_AN_AMOUNT.findall(state.price_text)}
