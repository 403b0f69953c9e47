"""The subscriber's subscription: running where it is to be changed or paused, ended where they come back."""

from __future__ import annotations

from schemathesis import Case

from accounts import clock
from accounts.models import User
from billing import changing, contracts, gateway, pausing
from billing.models import Subscription
from tests.proofs.odd_input.interview import Ask


def _change(case: Case, reader: User, ask: Ask) -> None:
    """Agree to what the change to another plan costs."""
    row = running(reader)
    wish = {"subscription": str(row.pk), "price": changing.offers(row)[0].prices[0].slug}
    shown = ask({**wish, "preview": True})
    case.body = {**wish, "shown_at": shown["shown_at"], "amount": shown["amount"]}


def _pause(case: Case, reader: User, _ask: Ask) -> None:
    """Wish for the shortest pause."""
    row = running(reader)
    until = pausing.dates(row, now=clock.now())[0]
    case.body = {"subscription": str(row.pk), "until": until.isoformat()}


def _return(case: Case, reader: User, ask: Ask) -> None:
    """Agree to what coming back costs."""
    _end(running(reader))
    shown = ask({"preview": True})
    case.body = {name: shown[name] for name in ("price", "shown_at", "amount")}


LEADS = {
    "POST /api/v1/subscription/change": _change,
    "POST /api/v1/subscription/pause": _pause,
    "POST /api/v1/subscription/return": _return,
}


def running(reader: User) -> Subscription:
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
