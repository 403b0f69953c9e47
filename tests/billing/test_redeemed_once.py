"""A gift that was redeemed stays redeemed, also after a backup of yesterday was brought back: Stripe remembers it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from accounts.models import User
from billing import catalogue, presents, redeeming, tasks
from billing.errors import GiftCodeRefused, StripeTrouble
from billing.models import Present
from billing.presents import Wish
from paywall import entitlements
from paywall.models import Entitlement
from tests.billing.market import Market
from tests.factories.accounts import a_reader
from tests.factories.paywall import DAY


@pytest.fixture
def code(market: Market) -> str:
    """Half a year of premium, bought as a gift; returns its code."""
    cache.clear()
    market.once(market.product("A gift", unlocks="premium"), slug="gift", amount=5900, gift_months="6")
    catalogue.refresh(gateway=market.gateway)
    wish = Wish(attempt="a", price="gift", giver_email="giver@example.org")
    presents.buy(wish, giver=None, gateway=market.gateway, now=market.now)
    present = Present.objects.get()
    market.sandbox.complete_checkout(present.session_id)
    return presents.code_of(presents.look(present, gateway=market.gateway, now=market.now))


@pytest.fixture
def reader(code: str) -> User:
    return a_reader()


def redeem(code: str, reader: User, market: Market, *, now: datetime | None = None) -> Present:
    return redeeming.redeem(code, reader=reader, gateway=market.gateway, now=now or market.now)


def restore_yesterday() -> None:
    """Let our rows be as they were before the gift was redeemed."""
    Entitlement.objects.all().delete()
    Present.objects.update(redeemed_at=None, redeemed_by=None, starts_at=None, ends_at=None, noted_at=None)


def held(reader: User, market: Market) -> list[Any]:
    return [(one.product, one.ends_at) for one in entitlements.snapshot(reader, now=market.now)]


def test_it_is_noted_on_the_payment_and_once(market: Market, code: str, reader: User) -> None:
    present = redeem(code, reader, market)
    redeem(code, reader, market)
    (intent,) = market.objects("payment_intent")
    assert intent["metadata"]["redeemed_by"] == reader.public_id
    assert present.redeemed_at is not None
    assert intent["metadata"]["redeemed_at"] == str(int(present.redeemed_at.timestamp()))
    assert intent["metadata"]["present"] == present.key
    assert Present.objects.get().noted_at == present.redeemed_at


def test_nobody_redeems_it_again_after_a_backup_was_brought_back(
    market: Market, code: str, reader: User
) -> None:
    redeemed_at = redeem(code, reader, market).redeemed_at
    before = held(reader, market)
    restore_yesterday()
    other = a_reader()
    with pytest.raises(GiftCodeRefused):
        redeem(code, other, market, now=market.now + DAY)
    assert (held(reader, market), held(other, market)) == (before, [])
    assert redeem(code, reader, market, now=market.now + DAY).redeemed_at == redeemed_at


def test_a_look_alone_gives_it_back_to_whoever_redeemed_it(market: Market, code: str, reader: User) -> None:
    redeem(code, reader, market)
    before = held(reader, market)
    restore_yesterday()
    presents.look(Present.objects.get(), gateway=market.gateway, now=market.now)
    assert held(reader, market) == before


def test_who_redeemed_it_may_be_forgotten_and_the_code_is_used_all_the_same(
    market: Market, code: str, reader: User
) -> None:
    redeem(code, reader, market)
    restore_yesterday()
    User.objects.filter(pk=reader.pk).update(public_id="somebody_else")
    with pytest.raises(GiftCodeRefused):
        redeem(code, a_reader(), market)
    assert Present.objects.get().redeemed_by is None


def test_a_note_that_failed_is_written_by_the_sweep(market: Market, code: str, reader: User) -> None:
    market.fault(target="api", kind="status", match="POST /v1/payment_intents/*", status=503, left=3)
    redeem(code, reader, market)
    assert Present.objects.get().noted_at is None
    market.sandbox.world.faults.clear()
    tasks.look_after_presents()
    (intent,) = market.objects("payment_intent")
    assert intent["metadata"]["redeemed_by"] == reader.public_id
    assert not Present.objects.to_note().exists()


def test_while_stripe_is_silent_nobody_redeems_and_the_code_stays_good(
    market: Market, code: str, reader: User, client: Client
) -> None:
    market.fault(target="api", kind="status", match="GET /v1/checkout/sessions/*", status=503, left=9)
    with pytest.raises(StripeTrouble):
        redeem(code, reader, market)
    client.force_login(reader)
    page = client.post("/account/redeem/", {"code": code})
    assert (page.status_code, "try again" in page.content.decode()) == (503, True)
    market.sandbox.world.faults.clear()
    assert redeem(code, reader, market).redeemed_by == reader


@pytest.mark.parametrize("odd", ["", "never", "-1", "9" * 11, "٣" * 10])
def test_an_odd_note_is_none(market: Market, code: str, reader: User, odd: str) -> None:
    payment = Present.objects.get().payment_id
    market.sdk.v1.payment_intents.update(payment, {"metadata": {"redeemed_at": odd, "redeemed_by": "x"}})
    assert redeem(code, reader, market).redeemed_by == reader
