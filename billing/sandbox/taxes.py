"""Stripe Tax, simplified: one rate on everything, within a price or on top of it, as the price says."""

from __future__ import annotations

from .errors import ApiError
from .params import Params
from .store import Obj, Store
from .world import World

PERCENT = 19


def asked_for(params: Params, customer: Obj | None) -> bool:
    """Tell whether a session is to work out taxes.

    :raises ApiError: it takes an address or a tax id of a known customer and may not write it down.
    """
    update = params.get("customer_update") or {}
    if customer and params.get("tax_id_collection", {}).get("enabled") and update.get("name") != "auto":
        raise ApiError(
            "Tax ID collection requires updating business name on the customer. To enable tax ID collection for an "
            "existing customer, please set `customer_update[name]` to `auto`."
        )
    enabled = bool(params.get("automatic_tax", {}).get("enabled"))
    if enabled and customer and not customer["address"] and update.get("address") != "auto":
        raise ApiError(
            "Automatic tax calculation in Checkout requires a valid address on the Customer. Add a valid address to "
            "the Customer or set either `customer_update[address]` to 'auto' or `customer_update[shipping]` to 'auto'."
        )
    return enabled


def located(params: Params, customer: Obj) -> bool:
    """Tell whether a subscription is to work out taxes.

    :raises ApiError: nobody knows where the customer is.
    """
    enabled = bool(params.get("automatic_tax", {}).get("enabled"))
    if enabled and not customer["address"]:
        raise ApiError(
            "The customer's location isn't recognized. Set a valid customer address in order to automatically "
            "calculate tax.",
            code="customer_tax_location_invalid",
        )
    return enabled


def of(amount: int, *, behavior: str) -> int:
    """Return the tax within an inclusive amount, or on top of an exclusive one."""
    whole = 100 + PERCENT if behavior == "inclusive" else 100
    return round(amount * PERCENT / whole)


def behavior_of(price: Obj) -> str:
    """Return how a price stands to its tax; one that does not say is exclusive, as an account's default is."""
    return "inclusive" if price["tax_behavior"] == "inclusive" else "exclusive"


def add_to(store: Store, invoice: Obj) -> None:
    """Work out the taxes of what is left after discounts; what a price does not include grows the total."""
    subtotal, due = invoice["subtotal"], invoice["total"]
    amounts = dict.fromkeys(("exclusive", "inclusive"), 0)
    for line in invoice["lines"]["data"]:
        price = store.get("price", line["pricing"]["price_details"]["price"])
        amounts[behavior_of(price)] += line["amount"]
    shares = {
        behavior: round(amount * due / subtotal) if subtotal else 0 for behavior, amount in amounts.items()
    }
    invoice["total_taxes"] = _entries(shares)
    included = sum(
        entry["amount"] for entry in invoice["total_taxes"] if entry["tax_behavior"] == "inclusive"
    )
    added = sum(entry["amount"] for entry in invoice["total_taxes"]) - included
    invoice["total"] = due + added
    invoice["total_excluding_tax"] = due - included
    invoice["subtotal_excluding_tax"] = subtotal - included


def refuse(world: World, invoice: Obj, *, code: str) -> None:
    """Leave a draft that cannot be made due, with the reason, and make it known."""
    invoice["auto_advance"] = False
    invoice["automatic_tax"]["status"] = "requires_location_inputs"
    invoice["last_finalization_error"] = {
        "code": code,
        "message": "The customer's location isn't recognized. Set a valid customer address in order to automatically "
        "calculate tax.",
        "type": "invalid_request_error",
    }
    world.store.touch()
    world.emit("invoice.finalization_failed", invoice)


def _entries(amounts: dict[str, int]) -> list[Obj]:
    """Return `total_taxes` for taxable amounts by behaviour."""
    return [
        {
            "amount": of(amount, behavior=behavior),
            "tax_behavior": behavior,
            "tax_rate_details": {"tax_rate": f"txr_{PERCENT}_{behavior}"},
            "taxability_reason": "standard_rated",
            "taxable_amount": amount - (of(amount, behavior=behavior) if behavior == "inclusive" else 0),
            "type": "tax_rate_details",
        }
        for behavior, amount in sorted(amounts.items())
        if amount
    ]
