"""Mails tell what is true, once, in time, and never after it is over."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from accounts.models import Mail, User
from billing import cards, contracts, dunning
from billing.models import Invoice, PaymentMethod, Subscription
from tests.billing.market import CONFIRMING_CARD, Market
from tests.factories.accounts import a_reader

DAY = timedelta(days=1)


@pytest.fixture
def reader(market: Market) -> User:
    who = a_reader()
    market.buy(who)
    return who


def kinds(reader: User) -> list[str]:
    return list(Mail.objects.filter(reader=reader).order_by("queued_at", "pk").values_list("kind", flat=True))


def mail(reader: User, kind: str) -> Mail:
    return Mail.objects.get(reader=reader, kind=kind)


def post() -> None:
    """Send what waits."""
    Mail.objects.update(state=Mail.State.SENT)


def test_a_new_subscriber_is_welcomed_once(market: Market, reader: User) -> None:
    for _ in range(3):
        market.look(reader)
    assert kinds(reader) == ["welcome"]
    assert mail(reader, "welcome").subject


def test_a_failed_payment_is_told_once_per_attempt(market: Market, reader: User) -> None:
    market.fail_renewal(reader)
    market.look(reader)
    assert kinds(reader) == ["welcome", "payment_failed"]
    told = mail(reader, "payment_failed")
    assert "0341" in told.text
    assert "0341" in told.html
    assert "/account/fix/?k=" in told.text
    post()
    market.pass_time(reader, seconds=4 * 24 * 3600)
    attempts = Invoice.objects.get(status="open").attempt_count
    assert attempts > 1
    assert kinds(reader).count("payment_failed") == 2  # one look, one mail, however many attempts went by


def test_recovery_is_told_once_and_ends_the_matter(market: Market, reader: User) -> None:
    market.fail_renewal(reader)
    post()
    cards.finish(market.card_form(reader), reader=reader, gateway=market.gateway, now=market.now)
    market.look(reader)
    assert kinds(reader) == ["welcome", "payment_failed", "payment_recovered"]


def test_a_failure_that_was_over_before_we_looked_is_not_told(market: Market, reader: User) -> None:
    customer = market.customer(reader).stripe_id
    market.sandbox.swap_card(customer, card="4000000000000341")
    market.sandbox.advance(months=1)
    market.sandbox.swap_card(customer, card="4242424242424242")
    market.sandbox.advance(seconds=7 * 24 * 3600)
    market.look(reader)
    assert Subscription.objects.get().status == "active"
    assert kinds(reader) == ["welcome"]


def test_what_is_over_before_it_was_sent_is_not_sent(market: Market, reader: User) -> None:
    market.fail_renewal(reader)
    cards.finish(market.card_form(reader), reader=reader, gateway=market.gateway, now=market.now)
    assert kinds(reader) == ["welcome"]  # neither the failure nor, since nobody heard of it, the recovery
    contracts.cancel(reader, gateway=market.gateway, now=market.now)
    assert kinds(reader) == ["welcome", "cancel_scheduled"]
    contracts.resume(reader, gateway=market.gateway, now=market.now)
    assert kinds(reader) == ["welcome"]


def test_what_is_being_sent_is_not_taken_back(market: Market, reader: User) -> None:
    market.fail_renewal(reader)
    Mail.objects.filter(kind="payment_failed").update(attempts=1, leased_until=market.now + DAY)
    cards.finish(market.card_form(reader), reader=reader, gateway=market.gateway, now=market.now)
    assert kinds(reader) == ["welcome", "payment_failed", "payment_recovered"]


def test_a_bank_that_asks_is_told_once(market: Market, reader: User) -> None:
    market.fail_renewal(reader, card=CONFIRMING_CARD)
    market.look(reader)
    assert kinds(reader) == ["welcome", "payment_action_required"]
    assert "/account/fix/?k=" in mail(reader, "payment_action_required").text


def test_a_cancellation_is_told_each_time_it_is_made(market: Market, reader: User) -> None:
    contracts.cancel(reader, gateway=market.gateway, now=market.now)
    market.look(reader)
    assert kinds(reader) == ["welcome", "cancel_scheduled"]
    post()
    contracts.resume(reader, gateway=market.gateway, now=market.now)
    market.sandbox.advance(seconds=60)
    contracts.cancel(reader, gateway=market.gateway, now=market.now)
    assert kinds(reader) == ["welcome", "cancel_scheduled", "cancel_scheduled"]


def test_the_end_is_told(market: Market, reader: User) -> None:
    contracts.cancel(reader, gateway=market.gateway, now=market.now)
    post()
    market.pass_time(reader, months=1)
    assert kinds(reader) == ["welcome", "cancel_scheduled", "subscription_canceled"]


def test_old_news_is_no_news(market: Market) -> None:
    who = a_reader()
    market.buy(who)
    Mail.objects.all().delete()
    market.sandbox.advance(seconds=4 * 24 * 3600)
    market.look(who)
    assert kinds(who) == []


def test_an_old_invoice_that_is_still_tried_is_news(market: Market, reader: User) -> None:
    market.sandbox.swap_card(market.customer(reader).stripe_id, card="4000000000000341")
    market.sandbox.advance(months=1)
    market.sandbox.advance(seconds=4 * 24 * 3600)  # we were down all the time
    market.look(reader)
    assert kinds(reader) == ["welcome", "payment_failed"]


def test_the_reader_language_is_spoken(market: Market) -> None:
    who = a_reader(language="de")
    market.buy(who)
    market.fail_renewal(who)
    assert "9,90" in mail(who, "payment_failed").text or "0341" in mail(who, "payment_failed").text


def test_a_mail_that_cannot_be_written_does_not_hold_the_state_back(
    market: Market, reader: User, settings, caplog
) -> None:
    settings.TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": []}]
    market.fail_renewal(reader)
    assert Subscription.objects.get().status == "past_due"
    assert "could not be written" in caplog.text


class TestRemind:
    def remind(self, *, at: datetime) -> None:
        for customer in dunning.to_remind():
            dunning.remind(customer, now=at)

    def test_a_card_is_named_in_its_last_weeks_once(self, market: Market, reader: User) -> None:
        now = market.now
        soon = now + 10 * DAY
        PaymentMethod.objects.update(exp_month=soon.month, exp_year=soon.year)
        Subscription.objects.update(period_ends_at=now + 40 * DAY)
        last_day = _end_of_month(soon)
        for at in (last_day - 15 * DAY, last_day - 14 * DAY):
            self.remind(at=at)
        assert kinds(reader) == ["welcome", "card_expiring"]

    def test_a_card_good_for_long_is_not_named(self, market: Market, reader: User) -> None:
        self.remind(at=market.now)
        assert kinds(reader) == ["welcome"]

    def test_a_yearly_renewal_is_announced_once(self, market: Market) -> None:
        who = a_reader()
        market.buy(who, "premium_yearly")
        renewal = Subscription.objects.get().period_ends_at
        assert renewal is not None
        for days in (60, 13, 12):
            self.remind(at=renewal - days * DAY)
        assert kinds(who) == ["welcome", "renewal_upcoming"]

    def test_who_has_cancelled_is_not_reminded(self, market: Market) -> None:
        who = a_reader()
        market.buy(who, "premium_yearly")
        contracts.cancel(who, gateway=market.gateway, now=market.now)
        renewal = Subscription.objects.get().period_ends_at
        assert renewal is not None
        self.remind(at=renewal - 3 * DAY)
        assert "renewal_upcoming" not in kinds(who)


def _end_of_month(moment: datetime) -> datetime:
    first = moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + 32 * DAY).replace(day=1)
