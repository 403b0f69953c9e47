"""How a subscription has to stand for a question to be granted: brought about anew before each such question.

What earlier questions made of it does not matter then, nor does the order in which they are asked.
"""

from __future__ import annotations

from typing import Any

from schemathesis import Case

from accounts import clock
from accounts.models import User
from billing import changing, contracts, gateway, pausing
from billing.models import Subscription
from tests.proofs.odd_input.interview import Ask


def lead(case: Case, reader: User, ask: Ask) -> None:
    """Make of this subscriber's question about another plan, a pause or a return one that has to be granted."""
    match case.path.removeprefix("/api/v1/subscription/"):
        case "change":
            case.body = _change(_running(reader), ask)
        case "pause":
            case.body = _pause(_running(reader))
        case "return":
            _end(_running(reader))
            case.body = _return(ask)


def _change(row: Subscription, ask: Ask) -> dict[str, Any]:
    """Agree to what the change to another plan costs."""
    wish = {"subscription": str(row.pk), "price": changing.offers(row)[0].prices[0].slug}
    shown = ask({**wish, "preview": True})
    return {**wish, "proration_date": shown["proration_date"], "amount": shown["amount"]}


def _pause(row: Subscription) -> dict[str, Any]:
    """Wish for the shortest pause."""
    return {"subscription": str(row.pk), "until": pausing.dates(row, now=clock.now())[0].isoformat()}


def _return(ask: Ask) -> dict[str, Any]:
    """Agree to what coming back costs."""
    shown = ask({"preview": True})
    return {name: shown[name] for name in ("price", "shown_at", "amount")}


def _running(reader: User) -> Subscription:
    """Return what the reader has, with its end or its pause taken back where one was wished."""
    pausing.resume(reader, gateway=gateway.default(), now=clock.now())
    return contracts.own_open(reader, None, now=clock.now())


def _end(row: Subscription) -> None:
    """End a subscription at once, as staff do at Stripe."""
    stripe = gateway.default()
    contracts.ask(
        row,
        purpose="cancel_now",
        call=lambda key: stripe.cancel_now(subscription=row.stripe_id, key=key),
        gateway=stripe,
        now=clock.now(),
    )
