"""Customers: create, find, change, delete."""

from __future__ import annotations

import re

from .errors import ApiError, missing
from .lifecycle import end_subscription
from .params import Params, merged_metadata
from .payment_methods import attach_to, detach_from_customer, owned_by, usable_payment_method
from .rendering import included, listing
from .routes import PAGED, route
from .store import Obj, Store, page, within
from .world import World

_TEXTS = ("description", "email", "name", "phone")


def create(world: World, params: Params) -> Obj:
    """Make a customer."""
    customer = new_customer(world, params)
    if "payment_method" in params:
        method = usable_payment_method(world, params["payment_method"], param="payment_method")
        attach_to(world, method, customer["id"])
    _set_default_payment_method(world, customer, params)
    world.emit("customer.created", customer)
    return customer


def new_customer(world: World, params: Params) -> Obj:
    """Keep a new customer without an event."""
    return world.store.add(
        {
            "id": world.ids.new("cus", length=14),
            "object": "customer",
            "address": params.get("address") or None,
            "balance": params.get("balance", 0),
            "created": world.now(),
            "currency": None,
            "default_source": None,
            "delinquent": False,
            "description": params.get("description") or None,
            "email": params.get("email") or None,
            "invoice_prefix": world.ids.token(length=8).upper(),
            "invoice_settings": {
                "custom_fields": None,
                "default_payment_method": None,
                "footer": None,
                "rendering_options": None,
            },
            "livemode": False,
            "metadata": params.get("metadata") or {},
            "name": params.get("name") or None,
            "next_invoice_sequence": 1,
            "phone": params.get("phone") or None,
            "preferred_locales": params.get("preferred_locales", []),
            "shipping": None,
            "tax_exempt": params.get("tax_exempt") or "none",
            "test_clock": None,
        }
    )


def retrieve(world: World, _: Params, customer: str) -> Obj:
    """Return a customer; a deleted one is shown as deleted."""
    found = world.store.get("customer", customer)
    return gone(found) if found.get("_deleted") else found


def gone(customer: Obj) -> Obj:
    """Return what is left of a deleted customer."""
    return {"id": customer["id"], "object": "customer", "deleted": True}


def live_customer(world: World, identifier: str, *, param: str = "id") -> Obj:
    """Return a customer that is not deleted.

    :raises ApiError: there is none.
    """
    found = world.store.get("customer", identifier, param=param)
    if found.get("_deleted"):
        raise missing("customer", identifier, param=param)
    return found


def update(world: World, params: Params, customer: str) -> Obj:
    """Change a customer."""
    found = live_customer(world, customer)
    with world.changing(found, "customer.updated"):
        for name in (*_TEXTS, "address"):
            if name in params:
                found[name] = params[name] or None
        for name in ("balance", "preferred_locales", "tax_exempt"):
            if name in params:
                found[name] = params[name]
        found["metadata"] = merged_metadata(found["metadata"], params.get("metadata"))
        _set_default_payment_method(world, found, params)
    return found


def _set_default_payment_method(world: World, customer: Obj, params: Params) -> None:
    settings = params.get("invoice_settings", {})
    if "default_payment_method" not in settings:
        return
    wanted = settings["default_payment_method"] or None
    if wanted:
        method = usable_payment_method(world, wanted, param="invoice_settings[default_payment_method]")
        if method["customer"] != customer["id"]:
            raise ApiError(
                f"The customer does not have a payment method with the ID {wanted}. The payment method must be "
                "attached to the customer.",
                code="resource_missing",
                param="invoice_settings[default_payment_method]",
            )
        wanted = method["id"]
    customer["invoice_settings"]["default_payment_method"] = wanted


def delete(world: World, _: Params, customer: str) -> Obj:
    """Delete a customer for good: its subscriptions end now and its cards are detached."""
    found = live_customer(world, customer)
    for subscription in world.store.all("subscription"):
        if subscription["customer"] == customer and not subscription["ended_at"]:
            end_subscription(world, subscription, reason="cancellation_requested")
    for method in owned_by(world, customer):
        detach_from_customer(world, method)
    found["_deleted"] = True
    world.store.touch()
    world.emit("customer.deleted", found)
    return gone(found)


def list_all(world: World, params: Params) -> Obj:
    rows = [
        customer
        for customer in world.store.all("customer")
        if not customer.get("_deleted")
        and params.get("email") in {None, customer["email"]}
        and within(customer["created"], params.get("created"))
    ]
    return page(rows, params=params, url="/v1/customers")


def search(world: World, params: Params) -> Obj:
    """Search by `field:'value'` or `metadata['key']:'value'`, joined by AND. Unlike Stripe's, never out of date."""
    terms = re.findall(r"(\w+)(?:\['([^']+)'\])?\s*:\s*'([^']*)'", params.get("query", ""))
    if not terms:
        raise ApiError("We were unable to parse your search query.", param="query")
    rows = [
        customer
        for customer in world.store.all("customer")
        if not customer.get("_deleted") and all(_meets(customer, *term) for term in terms)
    ]
    limit = params.get("limit", 10)
    return {
        "object": "search_result",
        "data": rows[::-1][:limit],
        "has_more": len(rows) > limit,
        "next_page": None,
        "url": "/v1/customers/search",
    }


def _meets(customer: Obj, field: str, key: str, value: str) -> bool:
    found = customer.get(field)
    return bool(found.get(key) == value if key and isinstance(found, dict) else found == value)


@included("customer", "subscriptions")
def _subscriptions(store: Store, customer: Obj) -> Obj:
    rows = [
        subscription
        for subscription in store.all("subscription")
        if subscription["customer"] == customer["id"] and subscription["status"] != "canceled"
    ]
    return listing(rows[::-1], url=f"/v1/customers/{customer['id']}/subscriptions")


_FIELDS = (
    "address balance description email invoice_settings metadata name phone preferred_locales tax_exempt"
)

ROUTES = (
    route(
        "POST /v1/customers", create, schema="CustomerCreateParams", understood=f"{_FIELDS} payment_method"
    ),
    route("GET /v1/customers", list_all, schema="CustomerListParams", understood=f"{PAGED} email created"),
    route("GET /v1/customers/search", search, schema="CustomerSearchParams", understood="query limit"),
    route("GET /v1/customers/<customer>", retrieve, schema="CustomerRetrieveParams"),
    route("POST /v1/customers/<customer>", update, schema="CustomerUpdateParams", understood=_FIELDS),
    route("DELETE /v1/customers/<customer>", delete, schema="CustomerDeleteParams"),
)
