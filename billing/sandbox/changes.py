"""Changing a running subscription: other prices or quantities, what that costs now, and when it takes effect."""

from __future__ import annotations

import copy

from . import discounts, invoicing, lifecycle
from .cards import Answer
from .catalogue import usable_price
from .clock import HOUR, period_end
from .errors import ApiError, missing, not_simulated
from .params import Params
from .payments import ask_bank, payment_refused
from .store import Obj
from .world import World


def apply(world: World, subscription: Obj, params: Params) -> None:
    """Change items, trial end or billing anchor. A change that must be paid for first waits, or fails whole.

    One that was waiting is given up for it.

    :raises ApiError: an unknown item or price, or a payment refused under `error_if_incomplete`.
    """
    if subscription["pending_update"]:
        lifecycle.drop_waiting_change(world, subscription)
    before = copy.deepcopy(subscription)
    try:
        lines, restarted = changed_lines(world, subscription, params)
        if restarted or params.get("proration_behavior") == "always_invoice":
            behaviour = params.get("payment_behavior", "allow_incomplete")
            charge_now(world, subscription, lines, behaviour=behaviour, before=before)
        else:
            subscription["_pending_lines"] += lines
    except ApiError:
        subscription.clear()
        subscription.update(before)
        raise


def changed_lines(world: World, subscription: Obj, params: Params) -> tuple[list[Obj], bool]:
    """Change the subscription, and return the lines that settle the change and whether a new period begins now."""
    interval = _interval(world, subscription)
    at = _proration_date(world, subscription, params)
    given = params.get("items") or []
    # With a discount that ends here goes what it took off the time that is given back.
    ended = subscription["discounts"] if params.get("discounts") == "" else []
    credits_ = [line for entry in given for line in _credit(world, subscription, entry, at=at, ended=ended)]
    subscription["discounts"] = [one for one in subscription["discounts"] if one not in ended]
    changed = _change_items(world, subscription, given)
    if _trial_moves(world, subscription, params):
        return [], False
    in_trial = subscription["status"] == "trialing"
    restarted = (
        # A trial goes on to its end whatever it leads to, and only then is a period of the new length begun.
        (interval != _interval(world, subscription) and not in_trial)
        or params.get("billing_cycle_anchor", {}).get("type") == "now"
        or (params.get("trial_end") == "now" and in_trial)
    )
    if restarted:
        restart_period(world, subscription)
        lines = lifecycle.lines_for(world, subscription, period=lifecycle.period_of(subscription))
    else:
        lines = [line for item in changed for line in _prorated(world, subscription, item, sign=1, at=at)]
    if params.get("proration_behavior") == "none":
        return (lines if restarted else []), restarted
    return credits_ + lines, restarted


def _proration_date(world: World, subscription: Obj, params: Params) -> int:
    start, end = lifecycle.period_of(subscription)
    at = int(params.get("proration_date") or world.now())
    if "proration_date" in params and not start <= at <= end:
        raise ApiError(
            "Cannot specify `proration_date` outside of the current period of the subscription.",
            param="proration_date",
        )
    return at


def _interval(world: World, subscription: Obj) -> tuple[str, int]:
    recurring = world.store.get("price", subscription["items"]["data"][0]["price"])["recurring"]
    return recurring["interval"], recurring["interval_count"]


def _item(subscription: Obj, entry: Params) -> Obj | None:
    if "id" not in entry:
        return None
    items: list[Obj] = subscription["items"]["data"]
    for item in items:
        if item["id"] == entry["id"]:
            return item
    raise missing("subscription_item", entry["id"], param="items[id]")


def _credit(world: World, subscription: Obj, entry: Params, *, at: int, ended: list[str]) -> list[Obj]:
    item = _item(subscription, entry)
    return _prorated(world, subscription, item, sign=-1, at=at, ended=ended) if item else []


def _change_items(world: World, subscription: Obj, given: list[Params]) -> list[Obj]:
    """Replace, add and remove items; return those that are new or changed."""
    items, changed = subscription["items"]["data"], []
    for index, entry in enumerate(given):
        unknown = entry.keys() - {"id", "price", "quantity", "deleted", "metadata"}
        if unknown:
            raise not_simulated(f"items[{index}] with {sorted(unknown)}")
        item = _item(subscription, entry)
        if entry.get("deleted"):
            items.remove(item)
            continue
        if item is None:
            price = usable_price(world, entry.get("price"), param=f"items[{index}][price]")
            period = lifecycle.period_of(subscription)
            item = lifecycle.new_item(world, subscription, price, entry.get("quantity", 1), period=period)
            items.append(item)
        elif "price" in entry:
            item["price"] = usable_price(world, entry["price"], param=f"items[{index}][price]")["id"]
        item["quantity"] = entry.get("quantity", item["quantity"])
        changed.append(item)
    if not items:
        raise ApiError("A subscription must have at least one active plan.", param="items")
    _check_fit(world, subscription)
    return changed


def _check_fit(world: World, subscription: Obj) -> None:
    prices = [world.store.get("price", item["price"]) for item in subscription["items"]["data"]]
    if any(price["currency"] != subscription["currency"] for price in prices):
        raise ApiError(
            f"The price specified supports currencies other than `{subscription['currency']}`.", param="items"
        )
    if len({(price["recurring"]["interval"], price["recurring"]["interval_count"]) for price in prices}) > 1:
        raise not_simulated("subscriptions with items of several billing intervals")


def _prorated(
    world: World, subscription: Obj, item: Obj, *, sign: int, at: int, ended: list[str] | None = None
) -> list[Obj]:
    """Return the line for the rest of the period: given back (-1) or charged (1). A trial has nothing to settle."""
    if subscription["status"] == "trialing":
        return []
    start, end = item["current_period_start"], item["current_period_end"]
    price = world.store.get("price", item["price"])
    full = price["unit_amount"] * item["quantity"]
    for identifier in ended or ():
        discount = world.store.get("discount", identifier)
        full -= discounts.reduction(world.store.get("coupon", discount["source"]["coupon"]), subtotal=full)
    amount = sign * _share(full, of=max(0, end - at), whole=max(1, end - start))
    name = world.store.get("product", price["product"])["name"]
    text = f"{'Unused' if sign < 0 else 'Remaining'} time on {name}"
    return [
        invoicing.proration_line(world, subscription, item, price, amount=amount, period=(at, end), text=text)
    ]


def _share(amount: int, *, of: int, whole: int) -> int:
    """Return the part of an amount that falls on `of` seconds of `whole`, to the nearest cent, half a cent up."""
    return (2 * amount * of + whole) // (2 * whole)


def _trial_moves(world: World, subscription: Obj, params: Params) -> bool:
    """Set a later trial end, if that is what is asked."""
    wanted = params.get("trial_end")
    if not isinstance(wanted, int):
        return False
    if wanted <= world.now():
        raise ApiError(
            "Invalid timestamp: must be an integer Unix timestamp in the future.", param="trial_end"
        )
    subscription["status"] = "trialing"
    subscription["trial_start"] = subscription["trial_start"] or world.now()
    subscription["trial_end"] = subscription["billing_cycle_anchor"] = wanted
    lifecycle.set_period(subscription, (world.now(), wanted))
    return True


def restart_period(world: World, subscription: Obj) -> None:
    """Begin a new billing period now, and count from now on from here."""
    now = world.now()
    interval, count = _interval(world, subscription)
    if subscription["status"] == "trialing":
        subscription["status"], subscription["trial_end"] = "active", now
    subscription["billing_cycle_anchor"] = now
    lifecycle.set_period(subscription, (now, period_end(now, after=now, interval=interval, count=count)))


def charge_now(
    world: World, subscription: Obj, lines: list[Obj], *, behaviour: str, before: Obj | None = None
) -> None:
    """Bill lines at once. If the payment fails, `behaviour` says whether the change stands, waits or is an error.

    :raises ApiError: the payment is refused under `error_if_incomplete`.
    """
    if not lines:
        return
    now = world.now()
    trial = invoicing.draft(world, subscription, lines, reason="subscription_update", period=(now, now))
    method = lifecycle.method_for(world, trial)
    answer = None
    if trial["amount_due"] and method is not None and behaviour != "default_incomplete":
        answer = ask_bank(world, method, on_session=False, customer=subscription["customer"])
    refused = bool(trial["amount_due"]) and answer is not Answer.APPROVED
    if refused and behaviour == "error_if_incomplete":
        raise payment_refused(answer, method)
    waiting = refused and behaviour == "pending_if_incomplete" and before is not None
    if waiting and before is not None:
        _let_wait(world, subscription, before)
    invoice = lifecycle.bill_now(world, subscription, lines, reason="subscription_update", period=(now, now))
    if waiting:
        subscription["_pending"]["invoice"] = invoice["id"]
    lifecycle.pay(world, invoice, method, answer, change_waits=waiting)


def _let_wait(world: World, subscription: Obj, before: Obj) -> None:
    """Put the change aside until its invoice is paid, and leave the subscription as it was."""
    wanted = copy.deepcopy(subscription)
    subscription.clear()
    subscription.update(before)
    subscription["_pending"] = {
        "items": wanted["items"],
        "billing_cycle_anchor": wanted["billing_cycle_anchor"],
    }
    subscription["pending_update"] = {
        "billing_cycle_anchor": None,
        "expires_at": min(world.now() + 23 * HOUR, lifecycle.period_of(subscription)[1]),
        "subscription_items": copy.deepcopy(wanted["items"]["data"]),
        "trial_end": None,
        "trial_from_plan": None,
    }
