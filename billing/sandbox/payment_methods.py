"""Saved cards: make one from a test number or token, attach it, detach it, list them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from . import cards
from .cards import Decline, TestCard
from .errors import ApiError, missing, not_simulated
from .params import Params, merged_metadata
from .routes import PAGED, route
from .store import Obj, page
from .world import World


def new_card(
    world: World, card: TestCard, *, expires: tuple[int, int] | None = None, email: str | None = None
) -> Obj:
    """Keep a new, unattached payment method for a test card; `expires` is (month, year)."""
    year = datetime.fromtimestamp(world.now(), UTC).year
    month, year = expires or (12, year + 4)
    return world.store.add(
        {
            "id": world.ids.new("pm"),
            "object": "payment_method",
            "allow_redisplay": "unspecified",
            "billing_details": {
                "address": _NO_ADDRESS,
                "email": email,
                "name": None,
                "phone": None,
                "tax_id": None,
            },
            "card": {
                "brand": card.brand,
                "checks": {
                    "address_line1_check": None,
                    "address_postal_code_check": None,
                    "cvc_check": "pass",
                },
                "country": "US",
                "display_brand": card.brand,
                "exp_month": month,
                "exp_year": year,
                "fingerprint": card.fingerprint,
                "funding": "credit",
                "generated_from": None,
                "last4": card.last4,
                "networks": {"available": [card.brand], "preferred": None},
                "regulated_status": "unregulated",
                "three_d_secure_usage": {"supported": True},
                "wallet": None,
            },
            "created": world.now(),
            "customer": None,
            "livemode": False,
            "metadata": {},
            "type": "card",
            "_number": card.number,
            "_set_up": False,
        }
    )


_NO_ADDRESS = {
    "city": None,
    "country": None,
    "line1": None,
    "line2": None,
    "postal_code": None,
    "state": None,
}


def card_of(method: Obj) -> TestCard:
    """Return the test card behind a payment method."""
    card = cards.by_number(method["_number"])
    if card is None:
        raise LookupError(method["_number"])
    return card


def usable_payment_method(world: World, identifier: str, *, param: str) -> Obj:
    """Return a payment method by id, or a new one made from a token such as `pm_card_visa`.

    :raises ApiError: there is neither.
    """
    token = cards.by_token(identifier)
    if token is not None:
        return new_card(world, token)
    found = world.store.find("payment_method", identifier)
    if found is None:
        raise missing("PaymentMethod", identifier, param=param)
    return found


def owned_by(world: World, customer: str) -> list[Obj]:
    return [method for method in world.store.all("payment_method") if method["customer"] == customer]


def attach_to(world: World, method: Obj, customer: str, *, set_up: bool = False) -> None:
    """Give a card to a customer, after asking the bank. `set_up` means that the holder agreed to later charges.

    :raises ApiError: the bank refuses, or the card is another customer's.
    """
    if method["customer"] == customer:
        method["_set_up"] = method["_set_up"] or set_up
        return
    if method["customer"] or method.get("_used_up"):
        raise ApiError(
            "This PaymentMethod was previously used without being attached to a Customer or was detached from a "
            "Customer, and may not be used again."
            if not method["customer"]
            else "The payment method you provided has already been attached to a customer."
        )
    answer = cards.save(card_of(method), confirmed=True)
    if isinstance(answer, Decline):
        raise card_error(answer, payment_method=method)
    method["customer"] = customer
    method["_set_up"] = set_up or card_of(method).authentication is cards.Authentication.ON_SESSION
    world.store.touch()
    world.emit("payment_method.attached", method)


def card_error(decline: Decline, **extra: Any) -> ApiError:
    """Return the error that an API call gets when the bank declines."""
    return ApiError(
        decline.message,
        status=402,
        type_="card_error",
        code=decline.code,
        decline_code=decline.decline_code or None,
        param="exp_month" if decline.code == "expired_card" else None,
        advice_code="do_not_try_again" if decline.hard else "try_again_later",
        **{key: _public(value) for key, value in extra.items()},
    )


def _public(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {key: entry for key, entry in value.items() if not key.startswith("_")}


def detach_from_customer(world: World, method: Obj) -> None:
    """Take a card from its customer, and from everything that would charge it."""
    customer = world.store.find("customer", method["customer"])
    with world.changing(method, "payment_method.detached"):
        method["customer"] = None
        method["_used_up"] = True
    if customer and customer["invoice_settings"]["default_payment_method"] == method["id"]:
        with world.changing(customer, "customer.updated"):
            customer["invoice_settings"]["default_payment_method"] = None
    for subscription in world.store.all("subscription"):
        if subscription["default_payment_method"] == method["id"]:
            with world.changing(subscription, "customer.subscription.updated"):
                subscription["default_payment_method"] = None


def create(world: World, params: Params) -> Obj:
    """Make an unattached card from a test number."""
    if params.get("type") != "card":
        raise not_simulated("payment methods other than cards")
    given = params.get("card", {})
    card = cards.by_number(given.get("number", "")) or cards.by_token(f"pm_card_{given.get('token', '')[4:]}")
    if card is None:
        raise ApiError(
            "Your card number is incorrect.", status=402, type_="card_error", code="incorrect_number"
        )
    expires = (given["exp_month"], given["exp_year"]) if "exp_month" in given else None
    method = new_card(world, card, expires=expires)
    method["metadata"] = params.get("metadata", {})
    return method


def retrieve(world: World, _: Params, payment_method: str) -> Obj:
    return world.store.get("payment_method", payment_method)


def retrieve_of_customer(world: World, _: Params, customer: str, payment_method: str) -> Obj:
    found = world.store.get("payment_method", payment_method)
    if found["customer"] != customer:
        raise missing("PaymentMethod", payment_method)
    return found


def update(world: World, params: Params, payment_method: str) -> Obj:
    """Change the expiry or the metadata of a card."""
    found = world.store.get("payment_method", payment_method)
    with world.changing(found, "payment_method.updated"):
        found["card"].update(params.get("card", {}))
        found["metadata"] = merged_metadata(found["metadata"], params.get("metadata"))
    return found


def attach(world: World, params: Params, payment_method: str) -> Obj:
    """Attach a card to a customer. By itself this makes it nobody's default."""
    customer = world.store.get("customer", params.get("customer", ""), param="customer")
    if customer.get("_deleted"):
        raise missing("customer", customer["id"], param="customer")
    method = usable_payment_method(world, payment_method, param="id")
    attach_to(world, method, customer["id"])
    return method


def detach(world: World, _: Params, payment_method: str) -> Obj:
    """Detach a card from its customer."""
    method = world.store.get("payment_method", payment_method)
    if not method["customer"]:
        raise ApiError(
            "The payment method you provided is not attached to a customer so detachment is impossible.",
            code="payment_method_unexpected_state",
        )
    detach_from_customer(world, method)
    return method


def list_by_customer(world: World, params: Params, customer: str | None = None) -> Obj:
    """List a customer's cards."""
    owner = customer or params.get("customer")
    rows = owned_by(world, owner) if owner else []
    if owner:
        world.store.get("customer", owner, param="id" if customer else "customer")
    rows = [method for method in rows if params.get("type") in {None, method["type"]}]
    url = f"/v1/customers/{customer}/payment_methods" if customer else "/v1/payment_methods"
    return page(rows, params=params, url=url)


ROUTES = (
    route(
        "POST /v1/payment_methods",
        create,
        schema="PaymentMethodCreateParams",
        understood="type card metadata",
    ),
    route(
        "GET /v1/payment_methods",
        list_by_customer,
        schema="PaymentMethodListParams",
        understood=f"{PAGED} customer type",
    ),
    route("GET /v1/payment_methods/<payment_method>", retrieve, schema="PaymentMethodRetrieveParams"),
    route(
        "POST /v1/payment_methods/<payment_method>",
        update,
        schema="PaymentMethodUpdateParams",
        understood="card metadata",
    ),
    route(
        "POST /v1/payment_methods/<payment_method>/attach",
        attach,
        schema="PaymentMethodAttachParams",
        understood="customer",
    ),
    route("POST /v1/payment_methods/<payment_method>/detach", detach, schema="PaymentMethodDetachParams"),
    route(
        "GET /v1/customers/<customer>/payment_methods",
        list_by_customer,
        schema="CustomerPaymentMethodListParams",
        understood=f"{PAGED} type",
    ),
    route(
        "GET /v1/customers/<customer>/payment_methods/<payment_method>",
        retrieve_of_customer,
        schema="CustomerPaymentMethodRetrieveParams",
    ),
)
