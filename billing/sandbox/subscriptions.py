"""The subscription endpoints: start, look up, change, cancel, pause and resume."""

from __future__ import annotations

from typing import Any

from . import changes, discounts, invoicing, lifecycle, taxes
from .cards import Answer
from .catalogue import usable_price
from .clock import DAY
from .customers import live_customer
from .errors import ApiError, missing, not_simulated, parameter_missing
from .params import Params, merged_metadata
from .payment_methods import usable_payment_method
from .payments import Bank, ask_bank, payment_refused
from .routes import PAGED, route
from .store import Obj, page, within
from .world import World


def create(world: World, params: Params) -> Obj:
    """Start a subscription; unless it is a trial, charge its first invoice at once."""
    if "customer" not in params:
        raise parameter_missing("customer")
    customer = live_customer(world, params["customer"], param="customer")
    items = items_from(world, params.get("items", []), param="items")
    method = _own_method(world, params, customer)
    trial_end = trial_end_from(world, params)
    behaviour = params.get("payment_behavior", "allow_incomplete")
    charged = method or world.store.find(
        "payment_method", customer["invoice_settings"]["default_payment_method"]
    )
    due = 0 if trial_end else sum(price["unit_amount"] * quantity for price, quantity in items)
    taxed = taxes.located(params, customer)
    answer = _first_answer(world, params, customer, charged, due=due, behaviour=behaviour)
    subscription = lifecycle.new_subscription(
        world,
        customer=customer["id"],
        items=items,
        method=method["id"] if method else None,
        trial_end=trial_end,
        metadata=params.get("metadata"),
        missing_payment_method=missing_card_wish(params),
    )
    subscription["automatic_tax"]["enabled"] = taxed
    subscription["description"] = params.get("description") or None
    subscription["discounts"] = _granted(world, subscription, params.get("discounts") or [])
    _schedule_cancellation(world, subscription, params)
    world.emit("customer.subscription.created", subscription)
    invoice = lifecycle.first_invoice(world, subscription)
    world.store.touch()
    if invoice["amount_due"] == 0 or answer is not None:
        lifecycle.pay(world, invoice, charged, answer)
    return subscription


def _first_answer(
    world: World, params: Params, customer: Obj, method: Obj | None, *, due: int, behaviour: str
) -> Bank | None:
    """Ask the bank for the first payment, before anything is made, so that a refusal can leave nothing behind."""
    if not due or behaviour == "default_incomplete":
        return None
    if method is None:
        raise ApiError(
            "This customer has no attached payment source or default payment method. Please consider adding a "
            "default payment method. For more information, visit "
            "https://stripe.com/docs/billing/subscriptions/payment-methods-setting#payment-method-priority.",
            code="resource_missing",
        )
    on_session = not params.get("off_session")
    answer = ask_bank(world, method, on_session=on_session, customer=customer["id"])
    if behaviour == "error_if_incomplete" and answer is not Answer.APPROVED:
        raise payment_refused(answer, method)
    return answer


def items_from(world: World, given: list[Params], *, param: str) -> list[tuple[Obj, int]]:
    """Return active recurring prices with quantities.

    :raises ApiError: none, one that is not recurring, or prices that do not fit together.
    """
    if not given:
        raise parameter_missing(param)
    items = []
    for index, entry in enumerate(given):
        if entry.keys() - {"price", "quantity", "metadata"}:
            raise not_simulated(
                f"{param}[{index}] with {sorted(entry.keys() - {'price', 'quantity', 'metadata'})}"
            )
        price = usable_price(world, entry.get("price"), param=f"{param}[{index}][price]")
        if not price["recurring"]:
            raise ApiError(
                "The price specified is set to `type=one_time` but this field only accepts prices with "
                "`type=recurring`.",
                param=f"{param}[{index}][price]",
            )
        items.append((price, entry.get("quantity", 1)))
    check_fit([price for price, _ in items])
    return items


def check_fit(prices: list[Obj]) -> None:
    """Refuse prices of several currencies, and several intervals in one subscription.

    :raises ApiError: they do not fit together.
    """
    if len({price["currency"] for price in prices}) > 1:
        raise ApiError("The prices of a subscription must all have the same currency.", param="items")
    if len({(price["recurring"]["interval"], price["recurring"]["interval_count"]) for price in prices}) > 1:
        raise not_simulated("subscriptions with items of several billing intervals")


def _own_method(world: World, params: Params, customer: Obj) -> Obj | None:
    wanted = params.get("default_payment_method")
    if not wanted:
        return None
    method = usable_payment_method(world, wanted, param="default_payment_method")
    if method["customer"] != customer["id"]:
        raise ApiError(
            f"The customer does not have a payment method with the ID {wanted}. The payment method must be attached "
            "to the customer.",
            code="resource_missing",
            param="default_payment_method",
        )
    return method


def trial_end_from(world: World, params: Params) -> int | None:
    """Return when the trial that the parameters ask for ends."""
    if params.get("trial_period_days"):
        return world.now() + int(params["trial_period_days"]) * DAY
    wanted = params.get("trial_end")
    if wanted in {None, "now"}:
        return None
    if int(wanted) <= world.now():
        raise ApiError(
            "Invalid timestamp: must be an integer Unix timestamp in the future.", param="trial_end"
        )
    return int(wanted)


def missing_card_wish(params: Params) -> str:
    behaviour = params.get("trial_settings", {}).get("end_behavior", {})
    return str(behaviour.get("missing_payment_method", "create_invoice"))


def _granted(world: World, subscription: Obj, given: list[Params]) -> list[str]:
    return [
        discounts.grant(
            world,
            *discounts.coupon_of(world, entry, param=f"discounts[{index}]"),
            customer=subscription["customer"],
            subscription=subscription["id"],
        )
        for index, entry in enumerate(given)
    ]


def retrieve(world: World, _: Params, subscription: str) -> Obj:
    return world.store.get("subscription", subscription)


def list_all(world: World, params: Params) -> Obj:
    """List subscriptions; those that have ended only if asked for."""
    rows = [
        subscription
        for subscription in world.store.all("subscription")
        if _has_status(subscription, params.get("status"))
        and params.get("customer") in {None, subscription["customer"]}
        and within(subscription["created"], params.get("created"))
        and within(lifecycle.period_of(subscription)[1], params.get("current_period_end"))
        and params.get("price") in {None, *(item["price"] for item in subscription["items"]["data"])}
    ]
    return page(rows, params=params, url="/v1/subscriptions")


def _has_status(subscription: Obj, wanted: str | None) -> bool:
    match wanted:
        case "all":
            return True
        case None:
            return subscription["status"] not in lifecycle.ENDED
        case "ended":
            return subscription["status"] in lifecycle.ENDED
        case _:
            return bool(subscription["status"] == wanted)


def update(world: World, params: Params, subscription: str) -> Obj:
    """Change a subscription.

    :raises ApiError: it has ended, the change contradicts itself, or a payment that it needs is refused.
    """
    found = world.store.get("subscription", subscription)
    if found["status"] in lifecycle.ENDED and params.keys() - {"metadata", "cancellation_details", "expand"}:
        raise ApiError("A canceled subscription can only update its cancellation_details and metadata.")
    _check_cancellation(params)
    with world.changing(found, "customer.subscription.updated"):
        if params.get("items") or params.get("trial_end") is not None or "billing_cycle_anchor" in params:
            changes.apply(world, found, params)
        _set_plain_fields(world, found, params)
        _schedule_cancellation(world, found, params)
    return found


def _set_plain_fields(world: World, subscription: Obj, params: Params) -> None:
    if "default_payment_method" in params:
        customer = world.store.get("customer", subscription["customer"])
        method = _own_method(world, params, customer)
        subscription["default_payment_method"] = method["id"] if method else None
    if "pause_collection" in params:
        pause = params["pause_collection"]
        subscription["pause_collection"] = (
            {"behavior": pause["behavior"], "resumes_at": pause.get("resumes_at")} if pause else None
        )
    if "discounts" in params:
        kept = [entry["discount"] for entry in params["discounts"] or [] if "discount" in entry]
        fresh = [entry for entry in params["discounts"] or [] if "discount" not in entry]
        subscription["discounts"] = kept + _granted(world, subscription, fresh)
    if "description" in params:
        subscription["description"] = params["description"] or None
    if "trial_settings" in params:
        subscription["trial_settings"] = {
            "end_behavior": {"missing_payment_method": missing_card_wish(params)}
        }
    for name, value in params.get("cancellation_details", {}).items():
        subscription["cancellation_details"][name] = value or None
    subscription["metadata"] = merged_metadata(subscription["metadata"], params.get("metadata"))


def _check_cancellation(params: Params) -> None:
    if "cancel_at" in params and "cancel_at_period_end" in params:
        raise ApiError(
            "You may only specify one of these parameters: cancel_at, cancel_at_period_end.",
            param="cancel_at",
        )


def _schedule_cancellation(world: World, subscription: Obj, params: Params) -> None:
    """Set or clear the planned end. Clearing the flag does not clear a `cancel_at` that was set without it."""
    if "cancel_at" in params:
        _plan_end(world, subscription, _cancel_at(world, subscription, params["cancel_at"]), flag=False)
    elif params.get("cancel_at_period_end"):
        _plan_end(world, subscription, lifecycle.period_of(subscription)[1], flag=True)
    elif "cancel_at_period_end" in params and subscription["cancel_at_period_end"]:
        _plan_end(world, subscription, None, flag=False)


def _cancel_at(world: World, subscription: Obj, wanted: Any) -> int | None:
    if wanted == "":
        return None
    if wanted in {"min_period_end", "max_period_end"}:
        return lifecycle.period_of(subscription)[1]
    if not isinstance(wanted, int):
        raise not_simulated(f"cancel_at={wanted}")
    if wanted <= world.now():
        raise ApiError(
            "Invalid timestamp: must be an integer Unix timestamp in the future.", param="cancel_at"
        )
    return wanted


def _plan_end(world: World, subscription: Obj, at: int | None, *, flag: bool) -> None:
    subscription["cancel_at"] = at
    subscription["cancel_at_period_end"] = flag
    subscription["canceled_at"] = world.now() if at else None
    subscription["cancellation_details"]["reason"] = "cancellation_requested" if at else None


def cancel(world: World, params: Params, subscription: str) -> Obj:
    """End a subscription now."""
    found = world.store.get("subscription", subscription)
    if found["status"] in lifecycle.ENDED:
        raise missing("subscription", subscription)
    for name, value in params.get("cancellation_details", {}).items():
        found["cancellation_details"][name] = value or None
    lifecycle.end_subscription(world, found, reason="cancellation_requested")
    return found


def pause(world: World, _: Params, subscription: str) -> Obj:
    """Pause a subscription: no periods, no invoices, no service."""
    found = world.store.get("subscription", subscription)
    if found["status"] not in {"active", "trialing", "past_due"}:
        raise ApiError(f"You cannot pause a subscription with the status {found['status']}.")
    lifecycle.pause(world, found, why="pause_requested")
    return found


def resume(world: World, params: Params, subscription: str) -> Obj:
    """Resume a paused subscription with a new period, which is charged now."""
    found = world.store.get("subscription", subscription)
    if found["status"] != "paused":
        raise ApiError("The subscription cannot be resumed because it is not paused.")
    with world.changing(found, "customer.subscription.updated"):
        found["status"], found["status_details"] = "active", None
        if params.get("billing_cycle_anchor", {}).get("type") != "unchanged":
            changes.restart_period(world, found)
            changes.charge_now(world, found, _resume_lines(world, found), behaviour="allow_incomplete")
    world.emit("customer.subscription.resumed", found)
    return found


def _resume_lines(world: World, subscription: Obj) -> list[Obj]:
    period = lifecycle.period_of(subscription)
    return [
        invoicing.item_line(world, subscription, item, period=period)
        for item in subscription["items"]["data"]
    ]


def retrieve_item(world: World, _: Params, item: str) -> Obj:
    for subscription in world.store.all("subscription"):
        for found in subscription["items"]["data"]:
            if found["id"] == item:
                return dict(found)
    raise missing("subscription_item", item)


def list_items(world: World, params: Params) -> Obj:
    subscription = world.store.get("subscription", params.get("subscription", ""), param="subscription")
    return page(subscription["items"]["data"][::-1], params=params, url="/v1/subscription_items")


_SHARED = (
    "items default_payment_method metadata discounts cancel_at cancel_at_period_end description payment_behavior "
    "trial_end trial_settings off_session proration_behavior"
)

ROUTES = (
    route(
        "POST /v1/subscriptions",
        create,
        schema="SubscriptionCreateParams",
        understood=f"{_SHARED} customer trial_period_days automatic_tax",
    ),
    route(
        "GET /v1/subscriptions",
        list_all,
        schema="SubscriptionListParams",
        understood=f"{PAGED} status customer created current_period_end price",
    ),
    route("GET /v1/subscriptions/<subscription>", retrieve, schema="SubscriptionRetrieveParams"),
    route(
        "POST /v1/subscriptions/<subscription>",
        update,
        schema="SubscriptionUpdateParams",
        understood=f"{_SHARED} pause_collection proration_date billing_cycle_anchor cancellation_details",
    ),
    route(
        "DELETE /v1/subscriptions/<subscription>",
        cancel,
        schema="SubscriptionCancelParams",
        understood="cancellation_details invoice_now prorate",
    ),
    route(
        "POST /v1/subscriptions/<subscription>/pause",
        pause,
        schema="SubscriptionPauseParams",
        understood="type",
    ),
    route(
        "POST /v1/subscriptions/<subscription>/resume",
        resume,
        schema="SubscriptionResumeParams",
        understood="billing_cycle_anchor proration_behavior",
    ),
    route(
        "GET /v1/subscription_items",
        list_items,
        schema="SubscriptionItemListParams",
        understood=f"{PAGED} subscription",
    ),
    route("GET /v1/subscription_items/<item>", retrieve_item, schema="SubscriptionItemRetrieveParams"),
)
