"""Refunds of charges: at once, later, or not after all, depending on the card."""

from __future__ import annotations

from .cards import by_number
from .clock import HOUR
from .errors import ApiError, parameter_missing
from .params import Params, merged_metadata
from .routes import PAGED, route
from .store import Obj, page, within
from .world import World


def create(world: World, params: Params) -> Obj:
    """Give back a charge, wholly or in part.

    :raises ApiError: there is nothing to refund, or more is asked for than is left.
    """
    charge = _charge_of(world, params)
    if charge["disputed"] and not _is_refundable(world, charge):
        raise ApiError(
            f"Charge {charge['id']} has been charged back; cannot issue a refund.", code="charge_disputed"
        )
    left = charge["amount_captured"] - charge["amount_refunded"]
    if not left:
        raise ApiError(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    amount = params.get("amount", left)
    if amount > left:
        raise ApiError(
            f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})", param="amount"
        )
    method = world.store.find("payment_method", charge["payment_method"])
    card = by_number(method["_number"]) if method else None
    ending = card.refund if card else "succeeded"
    now = world.now()
    refund = world.store.add(
        {
            "id": world.ids.new("re"),
            "object": "refund",
            "amount": amount,
            "balance_transaction": None,
            "charge": charge["id"],
            "created": now,
            "currency": charge["currency"],
            "customer": charge["customer"],
            "destination_details": {"type": "card", "card": {"type": "refund"}},
            "metadata": params.get("metadata") or {},
            "payment_intent": charge["payment_intent"],
            "payment_method": charge["payment_method"],
            "reason": params.get("reason"),
            "receipt_number": None,
            "source_transfer_reversal": None,
            "status": "pending" if ending == "pending" else "succeeded",
            "transfer_reversal": None,
            "_settles_at": None if ending == "succeeded" else now + HOUR,
        }
    )
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
    world.store.touch()
    world.emit("refund.created", refund)
    world.emit("charge.refunded", charge)
    return refund


def _is_refundable(world: World, charge: Obj) -> bool:
    """Tell whether all that is contested about a charge is an inquiry, or was won."""
    contested = [dispute for dispute in world.store.all("dispute") if dispute["charge"] == charge["id"]]
    return all(dispute["is_charge_refundable"] or dispute["status"] == "won" for dispute in contested)


def _charge_of(world: World, params: Params) -> Obj:
    if "charge" in params:
        return world.store.get("charge", params["charge"], param="charge")
    if "payment_intent" not in params:
        raise parameter_missing("payment_intent")
    intent = world.store.get("payment_intent", params["payment_intent"], param="payment_intent")
    if intent["status"] != "succeeded":
        raise ApiError(
            "This PaymentIntent does not have a successful charge to refund.", param="payment_intent"
        )
    return world.store.get("charge", intent["latest_charge"])


def finish(world: World, refund: Obj) -> None:
    """Bring a refund to the end that its card has in store: a pending one succeeds, the other kind fails."""
    failed = refund["status"] != "pending"
    refund["_settles_at"] = None
    charge = world.store.get("charge", refund["charge"])
    with world.changing(refund, "refund.updated"):
        refund["status"] = "failed" if failed else "succeeded"
        if failed:
            refund["failure_reason"] = "unknown"
            charge["amount_refunded"] -= refund["amount"]
            charge["refunded"] = False
    if failed:
        world.emit("refund.failed", refund)


def retrieve(world: World, _: Params, refund: str) -> Obj:
    return world.store.get("refund", refund)


def update(world: World, params: Params, refund: str) -> Obj:
    found = world.store.get("refund", refund)
    with world.changing(found, "refund.updated"):
        found["metadata"] = merged_metadata(found["metadata"] or {}, params.get("metadata"))
    return found


def list_all(world: World, params: Params) -> Obj:
    rows = [
        refund
        for refund in world.store.all("refund")
        if params.get("charge") in {None, refund["charge"]}
        and params.get("payment_intent") in {None, refund["payment_intent"]}
        and within(refund["created"], params.get("created"))
    ]
    return page(rows, params=params, url="/v1/refunds")


ROUTES = (
    route(
        "POST /v1/refunds",
        create,
        schema="RefundCreateParams",
        understood="charge payment_intent amount metadata reason",
    ),
    route(
        "GET /v1/refunds",
        list_all,
        schema="RefundListParams",
        understood=f"{PAGED} charge payment_intent created",
    ),
    route("GET /v1/refunds/<refund>", retrieve, schema="RefundRetrieveParams"),
    route("POST /v1/refunds/<refund>", update, schema="RefundUpdateParams", understood="metadata"),
)
