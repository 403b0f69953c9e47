"""What else than a subscription of their own opens something to a reader, told from the sandbox's raw objects.

Of what Stripe never hears (who was given what, who sits where, when a gift was redeemed) our rows are the truth; what
they are worth still follows from Stripe: whether a gift's money went back, what a group's subscription opens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from accounts.models import User
from billing.models import Comp, Present, Seat
from tests.proofs.histories.ground import TEAM
from tests.proofs.histories.history import History
from tests.proofs.ledger import oracle
from tests.proofs.ledger.oracle import Obj, Truth

_RUNNING = ("trialing", "active", "past_due")

Window = tuple[str, float, float]  # a product, from when, until when


def of(history: History, reader: User) -> Callable[[str, float], bool]:
    """Return whether passes, gifts or free access open a product at a moment."""
    windows = [*_comps(reader), *_gifts(history, reader)]
    if reader == history.ground.reader:
        windows += _passes(history)
    return lambda product, moment: any(
        product == opened and starts <= moment < ends for opened, starts, ends in windows
    )


def of_a_friend(history: History, truth: Truth, friend: User) -> Callable[[str, float], bool]:
    """Return the same for whoever may also read by somebody else's subscription."""
    own, rows = of(history, friend), {row["id"]: row for row in truth.subscriptions}
    seats = Seat.objects.members().filter(member=friend).select_related("subscription")
    places = [(_group_of(seat, history, rows), seat.accepted_at) for seat in seats]

    def opens(product: str, moment: float) -> bool:
        return own(product, moment) or any(
            group is not None
            and accepted_at is not None
            and accepted_at.timestamp() <= moment
            and oracle.opens(truth, group, product, moment)
            for group, accepted_at in places
        )

    return opens


def _passes(history: History) -> Iterator[Window]:
    charges = {row["payment_intent"]: row for row in history.store.all("charge") if row["paid"]}
    for intent in history.store.all("payment_intent"):
        charge, promise = charges.get(intent["id"]), intent["metadata"] or {}
        if charge is not None and promise.get("purpose") == "pass" and not charge["refunded"]:
            ends = charge["created"] + int(promise["lasts_hours"]) * 3600
            yield from ((product, charge["created"], ends) for product in promise["unlocks"].split(","))


def _gifts(history: History, reader: User) -> Iterator[Window]:
    refunded = {row["payment_intent"] for row in history.store.all("charge") if row["refunded"]}
    for present in Present.objects.filter(redeemed_by=reader).exclude(payment_id__in=refunded):
        for product in present.products:
            yield product, _seconds(present.starts_at), _seconds(present.ends_at)


def _comps(reader: User) -> Iterator[Window]:
    for comp in Comp.objects.filter(reader=reader):
        for product in comp.products:
            yield product, _seconds(comp.starts_at), _seconds(comp.ended_at or comp.ends_at)


def _group_of(seat: Seat, history: History, rows: dict[str, Obj]) -> Obj | None:
    """Return the subscription by which somebody in this seat reads: its own, or that by which the owner came back."""
    own = rows.get(seat.subscription.stripe_id)
    if own is None or own["status"] not in {"canceled", "incomplete_expired"}:
        return own if own is not None and _room(history, own) else None
    running = [row for row in rows.values() if row["status"] in _RUNNING and _room(history, row) is not None]
    first = min(running, key=lambda row: (row["created"], row["id"]), default=None)
    return first if first is not None and _room(history, first) else None


def _room(history: History, row: Obj) -> int | None:
    """Return how many may sit beside the owner; None where it is no group."""
    (item,) = row["items"]["data"]
    return item["quantity"] - 1 if item["price"]["id"] == history.ground.prices[TEAM] else None


def _seconds(moment: datetime | None) -> float:
    assert moment is not None
    return moment.timestamp()
