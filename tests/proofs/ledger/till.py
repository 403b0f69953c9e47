"""What Stripe took, from whom and for what: the questions that a bookkeeper asks."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from math import inf
from typing import Any

from tests.billing.market import Market


def charges(market: Market) -> list[dict[str, Any]]:
    """Return the charges that a bank let through, whatever became of what they paid for."""
    return [one for one in market.objects("charge") if one["status"] == "succeeded"]


def charged_twice(market: Market) -> list[str]:
    """Return invoices that more than one charge paid, or that were paid more than they ask."""
    of_intent = {
        one["payment"]["payment_intent"]: one["invoice"] for one in market.objects("invoice_payment")
    }
    taken = Counter(
        of_intent[one["payment_intent"]] for one in charges(market) if one["payment_intent"] in of_intent
    )
    overpaid = [one["id"] for one in market.objects("invoice") if one["amount_paid"] > one["amount_due"]]
    return sorted({*(invoice for invoice, count in taken.items() if count > 1), *overpaid})


def subscribed_twice(market: Market) -> list[str]:
    """Return readers who paid for two subscriptions of which one began before the other ended."""
    paid = {
        (one["parent"] or {}).get("subscription_details", {}).get("subscription")
        for one in market.objects("invoice")
        if one["status"] == "paid"
    }
    reader_of = {one["id"]: one["metadata"].get("reader_id", "") for one in market.objects("customer")}
    lives: dict[str, list[tuple[float, float]]] = {}
    for one in market.objects("subscription"):
        if one["id"] in paid:
            life = (one["created"], one["ended_at"] or inf)
            lives.setdefault(reader_of[one["customer"]], []).append(life)
    return sorted(
        reader
        for reader, held in lives.items()
        if any(earlier[1] > later[0] for earlier, later in pairwise(sorted(held)))
    )


def known_twice(market: Market) -> list[str]:
    """Return readers who are more than one customer."""
    living = [one for one in market.objects("customer") if not one.get("_deleted")]
    count = Counter(one["metadata"].get("reader_id", "") for one in living)
    return sorted(reader for reader, customers in count.items() if customers > 1)


def payers(market: Market) -> set[str]:
    """Return the readers (public ids) who have paid for now and for whom nothing is owed."""
    reader_of = {one["id"]: one["metadata"].get("reader_id", "") for one in market.objects("customer")}
    return {reader_of[one["customer"]] for one in market.objects("subscription") if one["status"] == "active"}
