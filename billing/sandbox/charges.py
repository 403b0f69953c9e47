"""Charges: what became of each attempt to take the money of a payment intent."""

from __future__ import annotations

from .cards import Decline
from .params import Params
from .rendering import included, listing
from .routes import PAGED, route
from .store import Obj, Store, page, within
from .world import World


def new(world: World, intent: Obj, method: Obj, decline: Decline | None) -> Obj:
    """Keep a charge that the bank made, or declined."""
    card = method["card"]
    amount = intent["amount"]
    identifier = world.ids.new("ch")
    return world.store.add(
        {
            "id": identifier,
            "object": "charge",
            "amount": amount,
            "amount_captured": 0 if decline else amount,
            "amount_refunded": 0,
            "application": None,
            "application_fee": None,
            "application_fee_amount": None,
            "balance_transaction": None,
            "billing_details": dict(method["billing_details"]),
            "calculated_statement_descriptor": "STRIPE SANDBOX",
            "captured": decline is None,
            "created": world.now(),
            "currency": intent["currency"],
            "customer": intent["customer"],
            "description": intent["description"],
            "disputed": False,
            "failure_balance_transaction": None,
            "failure_code": decline.code if decline else None,
            "failure_message": decline.message if decline else None,
            "fraud_details": {},
            "livemode": False,
            "metadata": dict(intent["metadata"]),
            "on_behalf_of": None,
            "outcome": _outcome(decline),
            "paid": decline is None,
            "payment_intent": intent["id"],
            "payment_method": method["id"],
            "payment_method_details": {
                "type": "card",
                "card": {
                    "amount_authorized": None if decline else amount,
                    "brand": card["brand"],
                    "checks": dict(card["checks"]),
                    "country": card["country"],
                    "exp_month": card["exp_month"],
                    "exp_year": card["exp_year"],
                    "fingerprint": card["fingerprint"],
                    "funding": card["funding"],
                    "installments": None,
                    "last4": card["last4"],
                    "mandate": None,
                    "network": card["brand"],
                    "three_d_secure": None,
                    "wallet": None,
                },
            },
            "receipt_email": intent["receipt_email"],
            "receipt_number": None,
            "receipt_url": None if decline else f"{world.policy.public_url}/receipts/{identifier}",
            "refunded": False,
            "review": None,
            "shipping": None,
            "source": None,
            "source_transfer": None,
            "statement_descriptor": None,
            "statement_descriptor_suffix": None,
            "status": "failed" if decline else "succeeded",
            "transfer_data": None,
            "transfer_group": None,
        }
    )


def _outcome(decline: Decline | None) -> Obj:
    advice = None
    if decline:
        advice = "do_not_try_again" if decline.hard else "try_again_later"
    return {
        "advice_code": advice,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "declined_by_network" if decline else "approved_by_network",
        "reason": (decline.decline_code or decline.code) if decline else None,
        "risk_level": "normal",
        "seller_message": "The bank did not return any further details with this decline."
        if decline
        else "Payment complete.",
        "type": "issuer_declined" if decline else "authorized",
    }


@included("charge", "refunds")
def _refunds(store: Store, charge: Obj) -> Obj:
    rows = [refund for refund in store.all("refund") if refund["charge"] == charge["id"]]
    return listing(rows[::-1], url=f"/v1/charges/{charge['id']}/refunds")


def retrieve_charge(world: World, _: Params, charge: str) -> Obj:
    return world.store.get("charge", charge)


def list_charges(world: World, params: Params) -> Obj:
    rows = [
        charge
        for charge in world.store.all("charge")
        if params.get("customer") in {None, charge["customer"]}
        and params.get("payment_intent") in {None, charge["payment_intent"]}
        and within(charge["created"], params.get("created"))
    ]
    return page(rows, params=params, url="/v1/charges")


ROUTES = (
    route(
        "GET /v1/charges",
        list_charges,
        schema="ChargeListParams",
        understood=f"{PAGED} customer payment_intent created",
    ),
    route("GET /v1/charges/<charge>", retrieve_charge, schema="ChargeRetrieveParams"),
)
