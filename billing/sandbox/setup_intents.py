"""Setup intents: saving a card for later charges."""

from __future__ import annotations

from . import cards
from .cards import Answer, Decline
from .errors import ApiError
from .params import Params, merged_metadata
from .payment_methods import attach_to, card_error, card_of, usable_payment_method
from .payments import payment_error
from .routes import PAGED, route
from .store import Obj, page, within
from .world import World


def new_setup(
    world: World, *, customer: str | None, metadata: dict[str, str] | None = None, usage: str = "off_session"
) -> Obj:
    """Keep a new setup intent that waits for a card."""
    identifier = world.ids.new("seti")
    setup = world.store.add(
        {
            "id": identifier,
            "object": "setup_intent",
            "application": None,
            "automatic_payment_methods": None,
            "cancellation_reason": None,
            "client_secret": f"{identifier}_secret_{world.ids.token(length=24)}",
            "created": world.now(),
            "customer": customer,
            "description": None,
            "flow_directions": None,
            "last_setup_error": None,
            "latest_attempt": None,
            "livemode": False,
            "mandate": None,
            "metadata": metadata or {},
            "next_action": None,
            "on_behalf_of": None,
            "payment_method": None,
            "payment_method_options": None,
            "payment_method_types": ["card"],
            "single_use_mandate": None,
            "status": "requires_payment_method",
            "usage": usage,
        }
    )
    world.emit("setup_intent.created", setup)
    return setup


def save_card(world: World, setup: Obj, method: Obj, *, confirmed: bool) -> Answer | Decline:
    """Ask the bank to let a card be saved, write the answer down, and attach the card if it agrees."""
    answer = cards.save(card_of(method), confirmed=confirmed)
    if isinstance(answer, Decline):
        setup["status"] = "requires_payment_method"
        setup["last_setup_error"] = payment_error(world, answer, method=method, charge=None)
        world.store.touch()
        world.emit("setup_intent.setup_failed", setup)
        return answer
    setup["payment_method"] = method["id"]
    if answer is Answer.CONFIRM:
        setup["status"] = "requires_action"
        setup["next_action"] = {
            "type": "use_stripe_sdk",
            "use_stripe_sdk": {"type": "three_d_secure_redirect"},
        }
        world.store.touch()
        world.emit("setup_intent.requires_action", setup)
        return answer
    setup["status"] = "succeeded"
    setup["next_action"] = setup["last_setup_error"] = None
    world.store.touch()
    if setup["customer"]:
        attach_to(world, method, setup["customer"], set_up=True)
    world.emit("setup_intent.succeeded", setup)
    return answer


def create(world: World, params: Params) -> Obj:
    """Make a setup intent, and confirm it if asked to."""
    customer = params.get("customer")
    if customer:
        world.store.get("customer", customer, param="customer")
    setup = new_setup(
        world, customer=customer, metadata=params.get("metadata"), usage=params.get("usage", "off_session")
    )
    setup["description"] = params.get("description")
    if params.get("confirm"):
        return confirm(world, params, setup["id"])
    if "payment_method" in params:
        setup["payment_method"] = usable_payment_method(
            world, params["payment_method"], param="payment_method"
        )["id"]
        setup["status"] = "requires_confirmation"
    return setup


def retrieve(world: World, _: Params, intent: str) -> Obj:
    return world.store.get("setup_intent", intent)


def confirm(world: World, params: Params, intent: str) -> Obj:
    """Save the card of a setup intent.

    :raises ApiError: the bank refuses, or the intent is already done with.
    """
    setup = world.store.get("setup_intent", intent)
    if setup["status"] in {"succeeded", "canceled"}:
        raise ApiError(
            f"You cannot confirm this SetupIntent because it has already {setup['status']}.",
            code="setup_intent_unexpected_state",
        )
    chosen = params.get("payment_method") or setup["payment_method"]
    if not chosen:
        raise ApiError("You cannot confirm this SetupIntent because it's missing a payment method.")
    method = usable_payment_method(world, chosen, param="payment_method")
    answer = save_card(world, setup, method, confirmed=False)
    if isinstance(answer, Decline):
        raise card_error(answer, setup_intent=setup, payment_method=method)
    return setup


def cancel(world: World, params: Params, intent: str) -> Obj:
    setup = world.store.get("setup_intent", intent)
    if setup["status"] in {"succeeded", "canceled"}:
        raise ApiError(
            f"You cannot cancel this SetupIntent because it has already {setup['status']}.",
            code="setup_intent_unexpected_state",
        )
    setup["status"] = "canceled"
    setup["cancellation_reason"] = params.get("cancellation_reason")
    world.store.touch()
    world.emit("setup_intent.canceled", setup)
    return setup


def update(world: World, params: Params, intent: str) -> Obj:
    setup = world.store.get("setup_intent", intent)
    setup["metadata"] = merged_metadata(setup["metadata"], params.get("metadata"))
    return setup


def list_all(world: World, params: Params) -> Obj:
    rows = [
        setup
        for setup in world.store.all("setup_intent")
        if params.get("customer") in {None, setup["customer"]}
        and params.get("payment_method") in {None, setup["payment_method"]}
        and within(setup["created"], params.get("created"))
    ]
    return page(rows, params=params, url="/v1/setup_intents")


ROUTES = (
    route(
        "POST /v1/setup_intents",
        create,
        schema="SetupIntentCreateParams",
        understood="customer metadata usage description confirm payment_method automatic_payment_methods",
    ),
    route(
        "GET /v1/setup_intents",
        list_all,
        schema="SetupIntentListParams",
        understood=f"{PAGED} customer payment_method created",
    ),
    route("GET /v1/setup_intents/<intent>", retrieve, schema="SetupIntentRetrieveParams"),
    route("POST /v1/setup_intents/<intent>", update, schema="SetupIntentUpdateParams", understood="metadata"),
    route(
        "POST /v1/setup_intents/<intent>/confirm",
        confirm,
        schema="SetupIntentConfirmParams",
        understood="payment_method",
    ),
    route(
        "POST /v1/setup_intents/<intent>/cancel",
        cancel,
        schema="SetupIntentCancelParams",
        understood="cancellation_reason",
    ),
)
