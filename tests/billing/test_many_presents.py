"""Gift subscriptions at Christmas: many on one day, and some of whose money Stripe will not give back."""

from __future__ import annotations

from copy import copy
from typing import Any

from accounts.models import Mail
from billing import gift_codes, presents, tasks
from billing.models import Present
from billing.presents import Wish
from tests.billing.market import Market
from tests.factories.paywall import DAY


def bought(market: Market) -> Present:
    """Order a gift, pay it, and look."""
    wish = Wish(
        attempt="a",
        price="archive_gift",
        giver_email="giver@example.org",
        recipient_email="friend@example.org",
    )
    presents.buy(wish, giver=None, gateway=market.gateway, now=market.now)
    present = Present.objects.get(wish=wish.digest)
    market.sandbox.complete_checkout(present.session_id)
    return presents.look(present, gateway=market.gateway, now=market.now)


def more_like(present: Present, *, count: int, **changed: Any) -> None:
    rows = [copy(present) for _ in range(count)]
    for number, row in enumerate(rows):
        row.pk, row.key, row.wish = None, gift_codes.new_name(), f"wish {number}"
        row.code_digest = gift_codes.digest_of(gift_codes.of(row.key))
        row.told_at = None
        for name, value in changed.items():
            setattr(row, name, value)
    Present.objects.bulk_create(rows)


def test_all_whose_day_has_come_are_told_in_one_go(market: Market) -> None:
    market.stock_gifts()
    more_like(bought(market), count=60)
    tasks.look_after_presents()
    assert Mail.objects.filter(kind="present_for_you").count() == 61
    assert not Present.objects.to_send(at=market.now).exists()


def test_money_that_stripe_never_gives_back_does_not_hold_up_another_s(market: Market) -> None:
    market.stock_gifts()
    present = bought(market)
    Present.objects.update(voided_at=market.now, void_reason="Bought twice")
    present.refresh_from_db()
    more_like(present, count=30, payment_id="pi_of_nobody", made_at=market.now + DAY)
    for _turn in range(20):
        tasks.look_after_presents()
        present.refresh_from_db()
        if present.is_refunded:
            return
    raise AssertionError("never asked for")
