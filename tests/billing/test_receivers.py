"""News from accounts reaches Stripe; a closing that cannot end billing does not happen."""

from __future__ import annotations

import pytest
from django.test import TestCase

from accounts.models import User
from accounts.signals import email_changed, reader_closing
from billing.errors import StripeTrouble
from billing.models import Customer, Subscription
from tests.billing.market import Market
from tests.factories.accounts import a_reader


@pytest.fixture
def reader(market: Market) -> User:
    who = a_reader()
    market.buy(who)
    return who


def change_address(reader: User, market: Market, to: str) -> None:
    reader.email = to
    reader.save()
    with TestCase.captureOnCommitCallbacks(execute=True):
        email_changed.send(sender=User, reader=reader, now=market.now)


def test_a_new_address_reaches_stripe(market: Market, reader: User) -> None:
    change_address(reader, market, "new@example.org")
    market.look(reader)
    assert market.customer(reader).email == "new@example.org"


def test_an_address_changes_even_while_stripe_is_down(market: Market, reader: User) -> None:
    market.fault(target="api", kind="status", match="*", status=503, left=100)
    change_address(reader, market, "new@example.org")
    customer = market.customer(reader)
    assert customer.sync_requested > customer.sync_done


def test_who_never_bought_is_unknown_to_stripe(market: Market) -> None:
    change_address(a_reader(), market, "other@example.org")
    assert not Customer.objects.exists()


def test_closing_ends_every_subscription_at_stripe(market: Market, reader: User) -> None:
    market.buy(reader, "culture_monthly")
    reader_closing.send(sender=User, reader=reader, now=market.now)
    assert {one["status"] for one in market.objects("subscription")} == {"canceled"}
    assert not Customer.objects.filter(reader=reader, deleted_at=None).exists()
    assert not Subscription.objects.exclude(status="canceled").exists()


def test_closing_twice_is_the_same(market: Market, reader: User) -> None:
    for _ in range(2):
        reader_closing.send(sender=User, reader=reader, now=market.now)
    assert Customer.objects.filter(reader=reader).count() == 1


def test_a_closing_stops_where_stripe_does_not_answer(market: Market, reader: User) -> None:
    market.fault(target="api", kind="status", match="*", status=503, left=100)
    with pytest.raises(StripeTrouble):
        reader_closing.send(sender=User, reader=reader, now=market.now)
    assert Customer.objects.filter(reader=reader, deleted_at=None).exists()
