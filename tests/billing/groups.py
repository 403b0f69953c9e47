"""Families for tests: an owner with a plan of five seats, and readers who were invited and came."""

from __future__ import annotations

import re
from typing import Any

from accounts.models import Mail, User
from billing import groups
from billing.models import Seat, Subscription
from tests.billing.market import Market
from tests.factories.accounts import a_reader


def a_family(market: Market, *, members: int = 0, owner: User | None = None) -> tuple[User, list[User]]:
    """Let somebody buy a family plan and `members` readers join, an hour apart."""
    owner = owner or a_reader()
    market.stock_groups()
    market.buy(owner, "family_monthly")
    return owner, [join(market, owner) for _ in range(members)]


def join(market: Market, owner: User, reader: User | None = None) -> User:
    """Invite a reader and let them come."""
    reader = reader or a_reader()
    groups.invite(owner, reader.email, now=market.now)
    market.sandbox.advance(seconds=3600)
    groups.accept(reader, token_for(reader.email), now=market.now)
    return reader


def token_for(email: str) -> str:
    """Return the token of the last invitation to an address, from its mail."""
    mail = Mail.objects.filter(to=email, kind="group_invitation").latest("pk")
    found = re.search(r"/account/group/join/\?token=(\S+)", mail.text)
    assert found is not None
    return found[1]


def seat_of(reader: User) -> Seat:
    """Return the one seat that a reader holds."""
    return Seat.objects.members().get(member=reader)


def change(market: Market, owner: User, **item: Any) -> None:
    """Change the owner's subscription at Stripe (quantity, price), and look."""
    subscription = Subscription.objects.filter(customer__reader=owner).latest("created_at")
    line = subscription.items.get()
    market.sdk.v1.subscriptions.update(
        subscription.stripe_id, {"items": [{"id": line.stripe_id, **item}], "proration_behavior": "none"}
    )
    market.look(owner)
