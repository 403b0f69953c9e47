"""What all histories begin with, and how our side of one speaks to its sandbox: with a client that hangs up."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import stripe

from accounts.models import User
from billing import catalogue
from billing.sandbox import snapshot
from tests.factories.accounts import a_reader
from tests.factories.billing import Shop, a_shop
from tests.sandbox.in_process import InProcessClient

# After so many seconds our client hangs up, whatever Stripe goes on doing.
PATIENCE = 6.0
BACK = "http://localhost:8001/harbour-vote"
ADDRESS = "http://localhost:8002"

# Beside the shop's own plans there are one for as many readers as it is bought for, a pass and a gift.
TEAM, PASS, GIFT = "team_monthly", "premium_day", "premium_gift"

_TROUBLE = frozenset({409, 429, 500})


class ImpatientClient(InProcessClient):
    """Hangs up on an answer that took too long, as our client does; what was asked is done all the same."""

    waited = 0.0  # by the sandbox's clock
    failed = 0

    def request(self, *args: Any, **kwargs: Any) -> tuple[str, int, Mapping[str, str]]:
        """Make one request."""
        self.waited = 0.0
        try:
            answer = super().request(*args, **kwargs)
        except stripe.APIConnectionError:
            self.failed += 1
            raise
        self.failed += answer[1] in _TROUBLE
        if self.waited > PATIENCE:
            raise stripe.APIConnectionError("No answer in time.", should_retry=False)
        return answer


@dataclass(frozen=True, slots=True)
class Ground:
    """What all histories begin with: plans on sale, a reader whom both sides know, and nothing bought yet."""

    reader: User
    friend: User  # of whom Stripe never hears
    customer: str  # Stripe's id
    prices: dict[str, str]
    stock: str

    @classmethod
    def laid(cls) -> Ground:
        """Lay it, in an empty database."""
        shop = a_shop(seed="histories", refresh=False)
        _sell_more(shop)
        catalogue.refresh(gateway=shop.gateway)
        customer = shop.customer()
        assert customer.reader is not None
        return cls(
            reader=customer.reader,
            friend=a_reader(),
            customer=customer.stripe_id,
            prices=shop.prices,
            stock=json.dumps(snapshot.taken(shop.sandbox.world)),
        )


def how_many(slug: str) -> int:
    """Return for how many readers a price is bought."""
    return 2 if slug == TEAM else 1


def _sell_more(shop: Shop) -> None:
    def product(name: str, **metadata: str) -> str:
        return shop.stripe.v1.products.create(
            {"name": name, "metadata": {"unlocks": "premium", **metadata}}
        ).id

    def price(owner: str, slug: str, amount: int, **more: Any) -> None:
        wish = {"product": owner, "currency": "eur", "unit_amount": amount, "lookup_key": slug, **more}
        shop.prices[slug] = shop.stripe.v1.prices.create(wish).id

    price(product("Team", seats="1"), TEAM, 790, recurring={"interval": "month"})
    price(product("A day"), PASS, 250, metadata={"lasts_hours": "48"})
    price(product("A gift"), GIFT, 2900, metadata={"gift_months": "3"})
