"""Payment intents: asking the bank, and writing down what it said."""

from __future__ import annotations

from typing import Any

from . import cards, charges, disputes
from .cards import Answer, Decline
from .errors import ApiError
from .params import Params, merged_metadata
from .payment_methods import attach_to, card_error, card_of, usable_payment_method
from .rendering import show
from .routes import PAGED, route
from .store import Obj, page, within
from .world import World

Bank = Answer | Decline


def ask_bank(
    world: World, method: Obj, *, on_session: bool, confirmed: bool = False, customer: str | None
) -> Bank:
    """Return the bank's answer to one charge; a fault may decline it instead. Nothing is written down yet."""
    fault = world.faults.take("charge", customer or "")
    if fault is not None:
        return Decline("card_declined", fault.decline_code, "Your card was declined.")
    return cards.charge(
        card_of(method), on_session=on_session, set_up=bool(method["_set_up"]), confirmed=confirmed
    )


def new_intent(
    world: World,
    *,
    amount: int,
    currency: str,
    customer: str | None,
    description: str | None = None,
    metadata: dict[str, str] | None = None,
    setup_future_usage: str | None = None,
    receipt_email: str | None = None,
) -> Obj:
    """Keep a new payment intent that waits for a card."""
    identifier = world.ids.new("pi")
    intent = world.store.add(
        {
            "id": identifier,
            "object": "payment_intent",
            "amount": amount,
            "amount_capturable": 0,
            "amount_details": {"tip": {}},
            "amount_received": 0,
            "application": None,
            "application_fee_amount": None,
            "automatic_payment_methods": None,
            "canceled_at": None,
            "cancellation_reason": None,
            "capture_method": "automatic",
            "client_secret": f"{identifier}_secret_{world.ids.token(length=24)}",
            "confirmation_method": "automatic",
            "created": world.now(),
            "currency": currency,
            "customer": customer,
            "description": description,
            "last_payment_error": None,
            "latest_charge": None,
            "livemode": False,
            "metadata": metadata or {},
            "next_action": None,
            "on_behalf_of": None,
            "payment_method": None,
            "payment_method_options": None,
            "payment_method_types": ["card"],
            "processing": None,
            "receipt_email": receipt_email,
            "review": None,
            "setup_future_usage": setup_future_usage,
            "shipping": None,
            "source": None,
            "statement_descriptor": None,
            "statement_descriptor_suffix": None,
            "status": "requires_payment_method",
            "transfer_data": None,
            "transfer_group": None,
        }
    )
    world.emit("payment_intent.created", intent)
    return intent


def record(world: World, intent: Obj, method: Obj, answer: Bank) -> None:
    """Write the bank's answer into the intent, with the charge that it made or failed to make."""
    if answer is Answer.CONFIRM:
        _record_confirmation(world, intent, method)
        return
    decline = answer if isinstance(answer, Decline) else None
    charge = charges.new(world, intent, method, decline)
    intent["latest_charge"] = charge["id"]
    intent["next_action"] = None
    if decline:
        intent["status"] = "requires_payment_method"
        intent["payment_method"] = None
        intent["last_payment_error"] = payment_error(world, decline, method=method, charge=charge)
    else:
        intent["status"] = "succeeded"
        intent["payment_method"] = method["id"]
        intent["last_payment_error"] = None
        intent["amount_received"] = intent["amount"]
    world.store.touch()
    outcome = (
        ("charge.failed", "payment_intent.payment_failed")
        if decline
        else (
            "charge.succeeded",
            "payment_intent.succeeded",
        )
    )
    world.emit(outcome[0], charge)
    world.emit(outcome[1], intent)
    if not decline:
        disputes.open_for(world, charge, card_of(method))


def _record_confirmation(world: World, intent: Obj, method: Obj) -> None:
    intent["status"] = "requires_action"
    intent["payment_method"] = method["id"]
    intent["next_action"] = {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}
    world.store.touch()
    world.emit("payment_intent.requires_action", intent)


def payment_error(world: World, decline: Decline, *, method: Obj | None, charge: Obj | None) -> Obj:
    """Return a decline as `last_payment_error` shows it."""
    error: Obj = {
        "code": decline.code,
        "doc_url": f"https://stripe.com/docs/error-codes/{decline.code.replace('_', '-')}",
        "message": decline.message,
        "type": "card_error",
    }
    if charge:
        error["charge"] = charge["id"]
        error["advice_code"] = charge["outcome"]["advice_code"]
    if decline.decline_code:
        error["decline_code"] = decline.decline_code
    if method:
        error["payment_method"] = show(world.store, method)
        error["payment_method_type"] = "card"
    return error


def payment_refused(answer: Bank | None, method: Obj | None, **extra: Any) -> ApiError:
    """Return the error for a payment that did not go through in one step."""
    if method is None:
        return ApiError(
            "Cannot charge a customer that has no active card.",
            code="resource_missing",
            param="payment_method",
        )
    if isinstance(answer, Decline):
        return card_error(answer, payment_method=method, **extra)
    return ApiError(
        "This payment requires additional user action before it can be completed successfully. Payment can be "
        "completed using the PaymentIntent associated with the invoice.",
        status=402,
        type_="card_error",
        code="invoice_payment_intent_requires_action",
        **extra,
    )


def cancel_intent(world: World, intent: Obj, *, reason: str | None) -> None:
    """Close an intent that will not be paid."""
    intent["status"] = "canceled"
    intent["canceled_at"] = world.now()
    intent["cancellation_reason"] = reason
    intent["next_action"] = None
    world.store.touch()
    world.emit("payment_intent.canceled", intent)


def retrieve_intent(world: World, _: Params, intent: str) -> Obj:
    return world.store.get("payment_intent", intent)


def list_intents(world: World, params: Params) -> Obj:
    rows = [
        intent
        for intent in world.store.all("payment_intent")
        if params.get("customer") in {None, intent["customer"]}
        and within(intent["created"], params.get("created"))
    ]
    return page(rows, params=params, url="/v1/payment_intents")


def create_intent(world: World, params: Params) -> Obj:
    """Make a payment intent; with `confirm` it is charged at once, off session."""
    intent = new_intent(
        world,
        amount=params["amount"],
        currency=params["currency"],
        customer=params.get("customer"),
        description=params.get("description"),
        metadata=params.get("metadata"),
        setup_future_usage=params.get("setup_future_usage"),
    )
    if params.get("confirm"):
        return confirm_intent(world, params, intent["id"])
    return intent


def update_intent(world: World, params: Params, intent: str) -> Obj:
    found = world.store.get("payment_intent", intent)
    found["metadata"] = merged_metadata(found["metadata"], params.get("metadata"))
    world.store.touch()
    return found


def confirm_intent(world: World, params: Params, intent: str) -> Obj:
    """Charge a payment intent.

    :raises ApiError: the bank declines, or the intent is already done with.
    """
    found = world.store.get("payment_intent", intent)
    if found["status"] not in {"requires_payment_method", "requires_confirmation", "requires_action"}:
        raise ApiError(
            f"You cannot confirm this PaymentIntent because it has a status of {found['status']}.",
            code="payment_intent_unexpected_state",
        )
    if "payment_method" not in params:
        raise ApiError("You cannot confirm this PaymentIntent because it's missing a payment method.")
    method = usable_payment_method(world, params["payment_method"], param="payment_method")
    if found["customer"] and found["setup_future_usage"]:
        attach_to(world, method, found["customer"], set_up=True)
    on_session = not params.get("off_session")
    answer = ask_bank(world, method, on_session=on_session, customer=found["customer"])
    if answer is Answer.CONFIRM and not on_session:
        answer = cards.AUTHENTICATION_REQUIRED
    record(world, found, method, answer)
    if isinstance(answer, Decline):
        raise card_error(answer, payment_intent=found, payment_method=method)
    return found


def cancel(world: World, params: Params, intent: str) -> Obj:
    found = world.store.get("payment_intent", intent)
    if found["status"] in {"succeeded", "canceled"}:
        raise ApiError(
            f"You cannot cancel this PaymentIntent because it has a status of {found['status']}.",
            code="payment_intent_unexpected_state",
        )
    cancel_intent(world, found, reason=params.get("cancellation_reason"))
    return found


ROUTES = (
    route(
        "POST /v1/payment_intents",
        create_intent,
        schema="PaymentIntentCreateParams",
        understood="amount currency customer description metadata setup_future_usage confirm payment_method "
        "off_session",
    ),
    route(
        "GET /v1/payment_intents",
        list_intents,
        schema="PaymentIntentListParams",
        understood=f"{PAGED} customer created",
    ),
    route("GET /v1/payment_intents/<intent>", retrieve_intent, schema="PaymentIntentRetrieveParams"),
    route(
        "POST /v1/payment_intents/<intent>",
        update_intent,
        schema="PaymentIntentUpdateParams",
        understood="metadata",
    ),
    route(
        "POST /v1/payment_intents/<intent>/confirm",
        confirm_intent,
        schema="PaymentIntentConfirmParams",
        understood="payment_method off_session",
    ),
    route(
        "POST /v1/payment_intents/<intent>/cancel",
        cancel,
        schema="PaymentIntentCancelParams",
        understood="cancellation_reason",
    ),
)
