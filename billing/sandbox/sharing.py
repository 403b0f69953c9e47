"""How an invoice's discounts are shared out over its lines, to the last cent."""

from __future__ import annotations

from .store import Obj
from .world import World


def share_out(world: World, invoice: Obj) -> None:
    """Say on each line what it has of each discount; the shares of all lines add up to the discount."""
    for line in invoice["lines"]["data"]:
        line["discount_amounts"] = []
    for taken_off in invoice["total_discount_amounts"]:
        lines = _sharing(world, invoice, taken_off)
        left, weight = taken_off["amount"], sum(line["amount"] for line in lines)
        for line in lines:
            share = left * line["amount"] // weight if weight else 0
            line["discount_amounts"].append({"amount": share, "discount": taken_off["discount"]})
            left, weight = left - share, weight - line["amount"]


def _sharing(world: World, invoice: Obj, taken_off: Obj) -> list[Obj]:
    """Return the lines that a discount is good for: whole periods, where there are any, before changes."""
    discount = world.store.get("discount", taken_off["discount"])
    products = world.store.get("coupon", discount["source"]["coupon"]).get("_products")
    lines = [
        line
        for line in invoice["lines"]["data"]
        if line["amount"] > 0 and (not products or line["pricing"]["price_details"]["product"] in products)
    ]
    return [line for line in lines if line["parent"]["subscription_item_details"]] or lines
