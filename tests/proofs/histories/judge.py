"""Is ours what it should be, after a history? The oracle says so, from the sandbox's raw objects."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

from billing.models import Customer, Present, StripeEvent
from paywall.models import Entitlement
from tests.proofs.histories import held
from tests.proofs.histories.ground import TEAM
from tests.proofs.histories.history import History
from tests.proofs.ledger import oracle
from tests.proofs.ledger.oracle import Obj, Truth

_UNLOCKED = {"premium_monthly": "premium", "culture_monthly": "culture", TEAM: "premium"}


def difference(history: History) -> str:
    """Say where mirror, access or open products are not as the sandbox's; empty where all is equal."""
    truth, friend = _truth(history), history.ground.friend
    theirs = replace(truth, subscriptions=(), besides=held.of_a_friend(history, truth, friend))
    found = oracle.difference(friend, theirs, now=history.now)
    return oracle.difference(history.ground.reader, truth, now=history.now) or (found and f"friend: {found}")


def mirror_difference(history: History) -> str:
    """Say where our subscriptions are not as the sandbox's."""
    return oracle.mirror_difference(history.ground.reader, _truth(history))


def unrest(history: History) -> str:
    """Say who still waits, or is held, when all that was due is done; and where our memory contradicts itself."""
    for customer in Customer.objects.all():
        if customer.sync_requested != customer.sync_done:
            return f"customer {customer.stripe_id} waits: {customer.sync_error}"
        if customer.leased_until is not None:
            return f"customer {customer.stripe_id} is held by {customer.leased_by}"
    for event in StripeEvent.objects.filter(state__in=("received", "dead")):
        return f"{event.type} {event.event_id} is {event.state}: {event.last_error}"
    for present in Present.objects.to_note():
        return f"Stripe was never told that {present.key} is redeemed"
    return _contradiction(history)


def invoice_difference(history: History) -> str:
    """Say where invoices, cards or returns are not as the sandbox's; a deleted customer's are kept as they were."""
    store, truth = history.store, _truth(history)
    gone = {row["id"] for row in store.all("customer") if row.get("_deleted")}
    for customer in Customer.objects.exclude(stripe_id__in=gone):
        mine = tuple(row for row in truth.invoices if row["customer"] == customer.stripe_id)
        if found := oracle.invoice_difference(customer, replace(truth, invoices=mine)):
            return found
        there = {
            row["id"] for row in store.all("payment_method") if row.get("customer") == customer.stripe_id
        }
        here = {row.stripe_id for row in customer.cards.all() if row.detached_at is None}
        if here != there:
            return f"cards {here}, not {there}"
        paid = {row["id"] for row in store.all("charge") if row["customer"] == customer.stripe_id}
        refunds, disputes = (
            [row for row in store.all(kind) if row["charge"] in paid] for kind in ("refund", "dispute")
        )
        if found := oracle.returns_difference(customer, refunds, disputes):
            return found
    return ""


def _truth(history: History) -> Truth:
    return Truth(
        tuple(_expanded(row) for row in history.store.all("subscription")),
        tuple(history.store.all("invoice")),
        {price: _UNLOCKED[slug] for slug, price in history.ground.prices.items() if slug in _UNLOCKED},
        _withdrawn(history),
        held.of(history, history.ground.reader),
    )


def _withdrawn(history: History) -> dict[str, int]:
    """Tell whose money for the running period went back with the wish that reading ends, and when.

    What went back without a wish changes nothing: histories play where the policy is to keep.
    """
    store, found = history.store, {}
    wishes = {
        row["payment_intent"]: row["created"]
        for row in reversed(list(store.all("refund")))
        if (row["metadata"] or {}).get("access") == "withdraw"
    }
    for subscription in store.all("subscription"):
        begins = max(item["current_period_start"] for item in subscription["items"]["data"])
        moments = [
            wishes[row["_intent"]]
            for row in store.all("invoice")
            if row["parent"]["subscription_details"]["subscription"] == subscription["id"]
            and row["created"] >= begins - 3600
            and row.get("_intent") in wishes
        ]
        if moments:
            found[subscription["id"]] = max(moments)
    return found


def _expanded(subscription: Obj) -> Obj:
    """Show a stored subscription as the API does: prices are named in the store and told whole outside."""
    items = [{**item, "price": {"id": item["price"]}} for item in subscription["items"]["data"]]
    return {**subscription, "items": {"data": items}}


def _contradiction(history: History) -> str:
    """Find two rows of one source and product that were ever known at once."""
    last = datetime.max.replace(tzinfo=UTC)
    known: dict[tuple[int, str, str], list[tuple[datetime, datetime]]] = {}
    for row in Entitlement.objects.filter(reader__in=(history.ground.reader, history.ground.friend)):
        known.setdefault((row.reader_id, row.source, row.product_id), []).append(
            (row.recorded_at, row.superseded_at or last)
        )
    for (_, source, product), spans in known.items():
        for (_, ended), (began, _) in pairwise(sorted(spans)):
            if began < ended:
                return f"{product} of {source} was known twice at {began}"
    return ""
