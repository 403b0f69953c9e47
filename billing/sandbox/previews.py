"""The invoice that a subscription would begin with, were it made now. Nothing is kept."""

from __future__ import annotations

from . import invoicing, lifecycle, taxes
from .clock import period_end
from .customers import live_customer
from .errors import not_simulated, parameter_missing
from .params import Params
from .store import Obj
from .subscriptions import items_from
from .world import World


def of_new(world: World, params: Params) -> Obj:
    """Return the first invoice of a new subscription of a customer.

    :raises ApiError: no customer or no items are named, or prices that do not fit together.
    """
    details = params.get("subscription_details", {})
    if not params.get("customer") or not details.get("items"):
        raise parameter_missing("customer" if "customer" not in params else "subscription")
    if details.keys() - {"items"}:
        raise not_simulated(f"a new subscription with {sorted(details)} in an invoice preview")
    customer = live_customer(world, params["customer"], param="customer")
    items = items_from(world, details["items"], param="subscription_details[items]")
    now, recurring = world.now(), items[0][0]["recurring"]
    end = period_end(now, after=now, interval=recurring["interval"], count=recurring["interval_count"])
    imagined: Obj = {
        "id": "",
        "automatic_tax": {
            "disabled_reason": None,
            "enabled": taxes.located(params, customer),
            "liability": None,
        },
        "collection_method": "charge_automatically",
        "currency": items[0][0]["currency"],
        "customer": customer["id"],
        "discounts": [],
        "metadata": {},
    }
    lines = [
        invoicing.item_line(
            world,
            imagined,
            lifecycle.new_item(world, imagined, price, quantity, period=(now, end)),
            period=(now, end),
        )
        for price, quantity in items
    ]
    for line in lines:
        line["subscription"] = line["parent"]["subscription_item_details"]["subscription"] = None
    invoice = invoicing.draft(world, imagined, lines, reason="upcoming", period=(now, now))
    invoice["id"] = world.ids.new("upcoming_in")
    invoice["parent"] = None
    invoice["lines"]["url"] = f"/v1/invoices/upcoming/lines?customer={customer['id']}"
    return invoice
