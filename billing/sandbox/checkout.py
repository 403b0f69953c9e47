"""Checkout sessions: offered, completed with a card, cancelled by time. The pages are in `checkout_pages`."""

from __future__ import annotations

from . import currencies, discounts, setup_intents, taxes
from .catalogue import create_price, usable_price
from .clock import DAY, MINUTE
from .customers import live_customer
from .errors import ApiError, not_simulated, parameter_missing
from .params import Params, merged_metadata
from .rendering import included, listing
from .routes import PAGED, route
from .store import Obj, Store, page, within
from .subscriptions import check_fit, trial_end_from
from .world import World

NO_DETAILS = {"address": None, "business_name": None, "individual_name": None, "name": None, "phone": None}


def create(world: World, params: Params) -> Obj:
    """Offer a session.

    :raises ApiError: whatever Stripe would refuse: no mode, no line items, prices that do not fit the mode, …
    """
    mode = params.get("mode")
    if not mode:
        raise parameter_missing("mode")
    if params.get("ui_mode", "hosted_page") != "hosted_page":
        raise not_simulated(f"checkout sessions with ui_mode={params['ui_mode']}")
    if not params.get("success_url"):
        raise parameter_missing("success_url")
    customer = live_customer(world, params["customer"], param="customer") if params.get("customer") else None
    if customer and params.get("customer_email"):
        raise ApiError("You may only specify one of these parameters: customer, customer_email.")
    lines = _line_items(world, params, mode)
    if customer and mode == "subscription":
        currencies.refuse_mixed(world, customer, lines[0]["currency"])
    _check_currency(customer, lines)
    coupon = _coupon(world, params, lines)
    session = _new_session(world, params, customer, lines)
    session["_coupon"] = coupon
    session["automatic_tax"]["enabled"] = taxes.asked_for(params, customer)
    if "tax_id_collection" in params:
        session["tax_id_collection"] = {
            "enabled": params["tax_id_collection"]["enabled"],
            "required": "never",
        }
    _add_up(world, session)
    if mode == "setup":
        given = params.get("setup_intent_data", {})
        setup = setup_intents.new_setup(world, customer=session["customer"], metadata=given.get("metadata"))
        session["setup_intent"] = setup["id"]
    return world.store.add(session)


def _line_items(world: World, params: Params, mode: str) -> list[Obj]:
    given = params.get("line_items", [])
    if mode == "setup":
        if given:
            raise ApiError("You can not pass `line_items` in `setup` mode.", param="line_items")
        if "currency" not in params and "allowed_payment_method_types" not in params:
            raise parameter_missing("currency")
        return []
    if not given:
        raise parameter_missing("line_items")
    lines = [_line_item(world, entry, param=f"line_items[{index}]") for index, entry in enumerate(given)]
    recurring = [line["price"] for line in lines if line["price"]["recurring"]]
    if mode == "payment" and recurring:
        raise ApiError(
            "You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or use "
            "only one-time prices.",
            param="line_items",
        )
    if mode == "subscription" and not recurring:
        raise ApiError(
            "You must provide at least one recurring price in `subscription` mode.", param="line_items"
        )
    if mode == "subscription" and len(recurring) < len(lines):
        raise not_simulated("one-time prices in a checkout session of mode subscription")
    if mode == "subscription":
        check_fit(recurring)
    return lines


def _line_item(world: World, entry: Params, *, param: str) -> Obj:
    unknown = entry.keys() - {"price", "price_data", "quantity", "adjustable_quantity"}
    if unknown:
        raise not_simulated(f"{param} with {sorted(unknown)}")
    if "price_data" in entry:
        price = create_price(world, entry["price_data"])
    else:
        price = usable_price(world, entry.get("price"), param=f"{param}[price]")
    quantity = entry.get("quantity")
    if quantity is None:
        raise parameter_missing(f"{param}[quantity]")
    amount = price["unit_amount"] * quantity
    return {
        "id": world.ids.new("li"),
        "object": "item",
        "adjustable_quantity": _adjustable(entry.get("adjustable_quantity"), param=param),
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": price["currency"],
        "description": world.store.get("product", price["product"])["name"],
        "price": price,
        "quantity": quantity,
    }


def _check_currency(customer: Obj | None, lines: list[Obj]) -> None:
    """Refuse a second currency: Stripe keeps a customer to the first one."""
    locked = customer["currency"] if customer else None
    if locked and any(line["currency"] != locked for line in lines):
        raise ApiError(
            "You cannot combine currencies on a single customer. This customer has had a subscription, coupon, or "
            f"invoice item with currency {locked}.",
            param="line_items",
        )


def _adjustable(given: Params | None, *, param: str) -> Obj | None:
    if given is None or not given["enabled"]:
        return None
    least, most = given.get("minimum", 0), given.get("maximum", 99)
    if not 0 <= least <= most <= 999_999:
        raise ApiError(
            "The range of an adjustable quantity lies between 0 and 999999.",
            param=f"{param}[adjustable_quantity]",
        )
    return {"enabled": True, "maximum": most, "minimum": least}


def _coupon(world: World, params: Params, lines: list[Obj]) -> list[str | None] | None:
    given = params.get("discounts") or []
    if not given:
        return None
    if params.get("allow_promotion_codes"):
        raise ApiError("You may only specify one of these parameters: allow_promotion_codes, discounts.")
    coupon, code = discounts.coupon_of(world, given[0], param="discounts[0]")
    prices = [line["price"] for line in lines]
    discounts.check_fit(world, coupon, code, customer=params.get("customer"), prices=prices)
    return [coupon["id"], code["id"] if code else None]


def _new_session(world: World, params: Params, customer: Obj | None, lines: list[Obj]) -> Obj:
    mode, now = params["mode"], world.now()
    expires_at = params.get("expires_at", now + DAY)
    if not now + 30 * MINUTE - 5 <= expires_at <= now + DAY + 5:
        raise ApiError(
            "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation.",
            param="expires_at",
        )
    identifier = f"cs_test_{world.ids.token(length=58)}"
    email = params.get("customer_email") or (customer["email"] if customer else None)
    return {
        "id": identifier,
        "object": "checkout.session",
        "adaptive_pricing": {"enabled": False},
        "after_expiration": None,
        "allow_promotion_codes": params.get("allow_promotion_codes"),
        "amount_subtotal": None,
        "amount_total": None,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "billing_address_collection": params.get("billing_address_collection"),
        "cancel_url": params.get("cancel_url"),
        "client_reference_id": params.get("client_reference_id"),
        "client_secret": None,
        "collected_information": None,
        "consent": None,
        "consent_collection": None,
        "created": now,
        "currency": lines[0]["currency"] if lines else params.get("currency"),
        "currency_conversion": None,
        "custom_fields": [],
        "custom_text": {
            "after_submit": None,
            "shipping_address": None,
            "submit": None,
            "terms_of_service_acceptance": None,
        },
        "customer": customer["id"] if customer else None,
        "customer_creation": _customer_creation(params, customer),
        "customer_details": {**NO_DETAILS, "email": email, "tax_exempt": "none", "tax_ids": []}
        if email
        else None,
        "customer_email": params.get("customer_email"),
        "discounts": [],
        "expires_at": expires_at,
        "invoice": None,
        "invoice_creation": None,
        "livemode": False,
        "locale": params.get("locale"),
        "metadata": params.get("metadata", {}),
        "mode": mode,
        "origin_context": None,
        "payment_intent": None,
        "payment_link": None,
        "payment_method_collection": params.get("payment_method_collection", "always")
        if mode == "subscription"
        else None,
        "payment_method_options": None,
        "payment_method_types": ["card"],
        "payment_status": "no_payment_required" if mode == "setup" else "unpaid",
        "permissions": None,
        "phone_number_collection": {"enabled": False},
        "recovered_from": None,
        "saved_payment_method_options": None,
        "setup_intent": None,
        "shipping_address_collection": None,
        "shipping_cost": None,
        "shipping_options": [],
        "status": "open",
        "submit_type": params.get("submit_type"),
        "subscription": None,
        "success_url": params["success_url"],
        "total_details": None,
        "ui_mode": "hosted_page",
        "url": f"{world.policy.public_url}/c/pay/{identifier}",
        "wallet_options": None,
        "_line_items": lines,
        "_data": {
            "subscription": params.get("subscription_data", {}),
            "payment": params.get("payment_intent_data", {}),
        },
        "_trial_end": trial_end_from(world, params.get("subscription_data", {})),
        "_coupon": None,
    }


def _customer_creation(params: Params, customer: Obj | None) -> str | None:
    if customer or params["mode"] == "setup":
        return None
    return str(
        params.get("customer_creation", "always" if params["mode"] == "subscription" else "if_required")
    )


def _add_up(world: World, session: Obj) -> None:
    """Work out what is due today; a trial costs nothing yet."""
    if session["mode"] == "setup":
        return
    subtotal = 0 if session["_trial_end"] else sum(line["amount_subtotal"] for line in session["_line_items"])
    off = 0
    if session["_coupon"]:
        coupon, code = session["_coupon"]
        off = discounts.reduction(world.store.get("coupon", coupon), subtotal=subtotal)
        session["discounts"] = [{"coupon": None if code else coupon, "promotion_code": code}]
    session["amount_subtotal"] = subtotal
    added, tax = _taxes(session, due=subtotal - off)
    session["amount_total"] = subtotal - off + added
    session["total_details"] = {"amount_discount": off, "amount_shipping": 0, "amount_tax": tax}


def _taxes(session: Obj, *, due: int) -> tuple[int, int]:
    """Return what is added to the total, and all the tax in it; all prices of a session are of one kind here."""
    if not session["automatic_tax"]["enabled"]:
        return 0, 0
    session["automatic_tax"]["status"] = "complete"
    behavior = taxes.behavior_of(session["_line_items"][0]["price"])
    tax = taxes.of(due, behavior=behavior)
    return (tax if behavior == "exclusive" else 0), tax


def use_promotion_code(world: World, session: Obj, text: str) -> bool:
    """Apply a code that was typed into the page; tell whether it is good."""
    code = discounts.code_named(world, text)
    if code is None or not session["allow_promotion_codes"]:
        return False
    coupon = world.store.get("coupon", code["promotion"]["coupon"])
    prices = [line["price"] for line in session["_line_items"]]
    try:
        discounts.check_fit(world, coupon, code, customer=session["customer"], prices=prices)
    except ApiError:
        return False
    session["_coupon"] = [code["promotion"]["coupon"], code["id"]]
    _add_up(world, session)
    world.store.touch()
    return True


def use_quantity(world: World, session: Obj, text: str) -> bool:
    """Take a quantity that was typed into the page; tell whether it is one that the session allows."""
    line = next((line for line in session["_line_items"] if line["adjustable_quantity"]), None)
    if line is None or not (text.isdecimal() and len(text) < 7):
        return False
    allowed, quantity = line["adjustable_quantity"], int(text)
    if not max(1, allowed["minimum"]) <= quantity <= allowed["maximum"]:
        return False
    amount = line["price"]["unit_amount"] * quantity
    line.update(quantity=quantity, amount_subtotal=amount, amount_total=amount)
    _add_up(world, session)
    world.store.touch()
    return True


def expire_session(world: World, session: Obj) -> None:
    """Close a session that nobody completed."""
    session["status"] = "expired"
    session["url"] = None
    world.store.touch()
    world.emit("checkout.session.expired", session)


def expire(world: World, _: Params, session: str) -> Obj:
    found = world.store.get("checkout.session", session)
    if found["status"] != "open":
        raise ApiError(
            'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status of '
            f"{found['status']}."
        )
    expire_session(world, found)
    return found


def retrieve(world: World, _: Params, session: str) -> Obj:
    return world.store.get("checkout.session", session)


def update(world: World, params: Params, session: str) -> Obj:
    found = world.store.get("checkout.session", session)
    found["metadata"] = merged_metadata(found["metadata"], params.get("metadata"))
    return found


def list_all(world: World, params: Params) -> Obj:
    rows = [
        session
        for session in world.store.all("checkout.session")
        if params.get("customer") in {None, session["customer"]}
        and params.get("status") in {None, session["status"]}
        and params.get("subscription") in {None, session["subscription"]}
        and params.get("payment_intent") in {None, session["payment_intent"]}
        and within(session["created"], params.get("created"))
    ]
    return page(rows, params=params, url="/v1/checkout/sessions")


def list_line_items(world: World, params: Params, session: str) -> Obj:
    found = world.store.get("checkout.session", session)
    return page(found["_line_items"][::-1], params=params, url=f"/v1/checkout/sessions/{session}/line_items")


@included("checkout.session", "line_items")
def _included_line_items(_store: Store, session: Obj) -> Obj:
    return listing(session["_line_items"], url=f"/v1/checkout/sessions/{session['id']}/line_items")


_CREATE = (
    "mode line_items customer customer_email customer_creation success_url cancel_url client_reference_id metadata "
    "subscription_data payment_intent_data setup_intent_data ui_mode expires_at currency allow_promotion_codes "
    "discounts locale payment_method_collection allowed_payment_method_types billing_address_collection submit_type "
    "customer_update automatic_tax tax_id_collection"
)

ROUTES = (
    route("POST /v1/checkout/sessions", create, schema="checkout.SessionCreateParams", understood=_CREATE),
    route(
        "GET /v1/checkout/sessions",
        list_all,
        schema="checkout.SessionListParams",
        understood=f"{PAGED} customer status subscription payment_intent created",
    ),
    route("GET /v1/checkout/sessions/<session>", retrieve, schema="checkout.SessionRetrieveParams"),
    route(
        "POST /v1/checkout/sessions/<session>",
        update,
        schema="checkout.SessionUpdateParams",
        understood="metadata",
    ),
    route("POST /v1/checkout/sessions/<session>/expire", expire, schema="checkout.SessionExpireParams"),
    route(
        "GET /v1/checkout/sessions/<session>/line_items",
        list_line_items,
        schema="checkout.SessionLineItemListParams",
        understood=PAGED,
    ),
)
