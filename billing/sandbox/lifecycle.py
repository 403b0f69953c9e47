"""The life of a subscription: how it starts, renews, falls behind, recovers and ends."""

from __future__ import annotations

from . import invoicing, taxes
from .clock import DAY, period_end
from .payments import Bank, ask_bank
from .rendering import listing
from .store import Obj
from .world import World

ENDED = frozenset({"canceled", "incomplete_expired"})


def new_subscription(
    world: World,
    *,
    customer: str,
    items: list[tuple[Obj, int]],
    method: str | None,
    trial_end: int | None = None,
    metadata: dict[str, str] | None = None,
    missing_payment_method: str = "create_invoice",
) -> Obj:
    """Keep a new subscription to prices and quantities, without an event. It is incomplete until it is paid for."""
    now = world.now()
    first, _ = items[0]
    recurring = first["recurring"]
    anchor = trial_end or now
    end = trial_end or period_end(
        now, after=now, interval=recurring["interval"], count=recurring["interval_count"]
    )
    identifier = world.ids.new("sub")
    subscription: Obj = {
        "id": identifier,
        "object": "subscription",
        "application": None,
        "application_fee_percent": None,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": anchor,
        "billing_cycle_anchor_config": None,
        "billing_mode": {"type": "flexible", "flexible": {"proration_discounts": "included"}},
        "billing_schedules": [],
        "billing_thresholds": None,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": "charge_automatically",
        "created": now,
        "currency": first["currency"],
        "customer": customer,
        "days_until_due": None,
        "default_payment_method": method,
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "ended_at": None,
        "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
        "items": listing([], url=f"/v1/subscription_items?subscription={identifier}"),
        "latest_invoice": None,
        "livemode": False,
        "metadata": metadata or {},
        "next_pending_invoice_item_invoice": None,
        "on_behalf_of": None,
        "pause_collection": None,
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        "pending_invoice_item_interval": None,
        "pending_setup_intent": None,
        "pending_update": None,
        "schedule": None,
        "start_date": now,
        "status": "trialing" if trial_end else "incomplete",
        "status_details": None,
        "test_clock": None,
        "transfer_data": None,
        "trial_end": trial_end,
        "trial_settings": {"end_behavior": {"missing_payment_method": missing_payment_method}},
        "trial_start": now if trial_end else None,
        "_pending_lines": [],
    }
    subscription["items"]["data"] = [
        new_item(world, subscription, price, quantity, period=(now, end)) for price, quantity in items
    ]
    return world.store.add(subscription)


def new_item(world: World, subscription: Obj, price: Obj, quantity: int, *, period: tuple[int, int]) -> Obj:
    """Return a subscription item; the price is kept by id and spelled out when shown."""
    return {
        "id": world.ids.new("si", length=14),
        "object": "subscription_item",
        "billed_until": None,
        "billing_thresholds": None,
        "created": world.now(),
        "current_period_end": period[1],
        "current_period_start": period[0],
        "discounts": [],
        "metadata": {},
        "price": price["id"],
        "quantity": quantity,
        "subscription": subscription["id"],
        "tax_rates": [],
    }


def period_of(subscription: Obj) -> tuple[int, int]:
    """Return the current billing period. All items share it: mixed intervals are not simulated."""
    item = subscription["items"]["data"][0]
    return item["current_period_start"], item["current_period_end"]


def set_period(subscription: Obj, period: tuple[int, int]) -> None:
    for item in subscription["items"]["data"]:
        item["current_period_start"], item["current_period_end"] = period


def lines_for(world: World, subscription: Obj, *, period: tuple[int, int], free: bool = False) -> list[Obj]:
    """Return the lines that bill every item for one period; in a trial they cost nothing."""
    return [
        invoicing.item_line(world, subscription, item, period=period, amount=0 if free else None)
        for item in subscription["items"]["data"]
    ]


def first_invoice(world: World, subscription: Obj) -> Obj:
    """Make and finalise the invoice that a new subscription begins with."""
    period = period_of(subscription)
    lines = lines_for(world, subscription, period=period, free=subscription["status"] == "trialing")
    now = world.now()
    return bill_now(world, subscription, lines, reason="subscription_create", period=(now, now))


def bill_now(
    world: World, subscription: Obj, lines: list[Obj], *, reason: str, period: tuple[int, int]
) -> Obj:
    """Make an invoice and finalise it at once, as the subscription's latest."""
    invoice = invoicing.keep(world, invoicing.draft(world, subscription, lines, reason=reason, period=period))
    subscription["latest_invoice"] = invoice["id"]
    invoicing.finalise(world, invoice)
    return invoice


def method_for(world: World, invoice: Obj) -> Obj | None:
    """Return the card that an invoice will be charged to, in Stripe's order of preference."""
    subscription = subscription_of(world, invoice)
    customer = world.store.get("customer", invoice["customer"])
    chosen = (
        invoice["default_payment_method"]
        or (subscription and subscription["default_payment_method"])
        or customer["invoice_settings"]["default_payment_method"]
    )
    return world.store.find("payment_method", chosen)


def subscription_of(world: World, invoice: Obj) -> Obj | None:
    """Return the subscription that an invoice bills."""
    details = (invoice["parent"] or {}).get("subscription_details") or {}
    return world.store.find("subscription", details.get("subscription"))


def pay(
    world: World,
    invoice: Obj,
    method: Obj | None,
    answer: Bank | None,
    *,
    retry_at: int | None = None,
    change_waits: bool = False,
) -> bool:
    """Settle an open invoice by the bank's answer, let the subscription follow, and tell whether it is paid.

    `change_waits` means that the invoice pays for a change which is not made before it is paid: a refusal leaves the
    subscription as it is, now and whenever else it is tried.
    """
    paid = invoicing.settle(world, invoice, method, answer, retry_at=retry_at)
    subscription = subscription_of(world, invoice)
    change_waits = change_waits or (subscription is not None and pays_for_change(subscription, invoice))
    if subscription is not None and (paid or not change_waits):
        follow(world, subscription, invoice, paid=paid)
    return paid


def follow(world: World, subscription: Obj, invoice: Obj, *, paid: bool) -> None:
    """Let a subscription take the status that its invoices give it."""
    customer = world.store.get("customer", invoice["customer"])
    with world.changing(customer, "customer.updated"):
        customer["delinquent"] = not paid and invoice["billing_reason"] != "subscription_create"
    if subscription["status"] in ENDED | {"paused"}:
        return
    with world.changing(subscription, "customer.subscription.updated"):
        if paid:
            _make_waiting_change(world, subscription, invoice)
        if paid and subscription["status"] in {"incomplete", "past_due", "unpaid"}:
            _recover(world, subscription)
        elif not paid and subscription["status"] == "active":
            subscription["status"] = "past_due"


def pays_for_change(subscription: Obj, invoice: Obj) -> bool:
    """Tell whether a change of this subscription waits for this invoice."""
    pending = subscription.get("_pending") or {}
    return bool(subscription["pending_update"] and pending.get("invoice") == invoice["id"])


def drop_waiting_change(world: World, subscription: Obj) -> None:
    """Give up a change that nobody paid for; its invoice is owed no more."""
    invoice = world.store.find("invoice", (subscription.get("_pending") or {}).get("invoice"))
    with world.changing(subscription, "customer.subscription.updated"):
        subscription["pending_update"] = subscription["_pending"] = None
    world.emit("customer.subscription.pending_update_expired", subscription)
    if invoice is not None and invoice["status"] == "open":
        invoicing.void(world, invoice)


def _make_waiting_change(world: World, subscription: Obj, invoice: Obj) -> None:
    pending = subscription.get("_pending")
    if pending is None or not pays_for_change(subscription, invoice):
        return
    subscription["items"] = pending["items"]
    subscription["billing_cycle_anchor"] = pending["billing_cycle_anchor"]
    subscription["pending_update"] = None
    subscription["_pending"] = None
    world.emit("customer.subscription.pending_update_applied", subscription)


def _recover(world: World, subscription: Obj) -> None:
    """Become active if nothing stands against it: Stripe looks at the latest finalised invoice that is not void."""
    latest = next(
        (
            invoice
            for invoice in reversed(invoices_of(world, subscription))
            if invoice["status"] not in {"draft", "void"}
        ),
        None,
    )
    if latest is None or latest["status"] in {"paid", "uncollectible"}:
        subscription["status"] = "active"


def invoices_of(world: World, subscription: Obj) -> list[Obj]:
    """Return a subscription's invoices, oldest first."""
    return [
        invoice for invoice in world.store.all("invoice") if subscription_of(world, invoice) is subscription
    ]


def renew(world: World, subscription: Obj) -> None:
    """Move to the next period and draft its invoice; the money is asked for about an hour later."""
    before = period_of(subscription)
    trial_ends = subscription["status"] == "trialing"
    if trial_ends and _stop_for_want_of_a_card(world, subscription):
        return
    period = (before[1], next_period_end(world, subscription, after=before[1]))
    with world.changing(subscription, "customer.subscription.updated"):
        set_period(subscription, period)
        if trial_ends:
            subscription["status"] = "active"
        lines = [*subscription["_pending_lines"], *lines_for(world, subscription, period=period)]
        subscription["_pending_lines"] = []
        invoice = invoicing.draft(world, subscription, lines, reason="subscription_cycle", period=before)
        paused = (subscription["pause_collection"] or {}).get("behavior")
        invoice["auto_advance"] = subscription["status"] != "unpaid" and paused != "keep_as_draft"
        if invoice["auto_advance"]:
            invoice["automatically_finalizes_at"] = world.now() + world.policy.draft_seconds
        invoicing.keep(world, invoice)
        subscription["latest_invoice"] = invoice["id"]


def next_period_end(world: World, subscription: Obj, *, after: int) -> int:
    """Return the end of the billing period that begins at `after`."""
    price = world.store.get("price", subscription["items"]["data"][0]["price"])
    recurring = price["recurring"]
    return period_end(
        subscription["billing_cycle_anchor"],
        after=after,
        interval=recurring["interval"],
        count=recurring["interval_count"],
    )


def _stop_for_want_of_a_card(world: World, subscription: Obj) -> bool:
    """Cancel or pause a trial that ends without a card, if it was set up so; tell whether that happened."""
    customer = world.store.get("customer", subscription["customer"])
    if subscription["default_payment_method"] or customer["invoice_settings"]["default_payment_method"]:
        return False
    wish = subscription["trial_settings"]["end_behavior"]["missing_payment_method"]
    if wish == "cancel":
        end_subscription(world, subscription, reason=None)
    elif wish == "pause":
        pause(world, subscription, why="trial_end_without_payment_method")
    return bool(wish != "create_invoice")


def pause(world: World, subscription: Obj, *, why: str) -> None:
    """Stop a subscription for a while: no periods and no invoices."""
    with world.changing(subscription, "customer.subscription.updated"):
        subscription["status"] = "paused"
        subscription["status_details"] = {
            "paused": {"type": "subscription", "subscription": {"type": why}, "transitioned_at": world.now()}
        }
    world.emit("customer.subscription.paused", subscription)


def finalise_and_collect(world: World, invoice: Obj) -> None:
    """Finalise a renewal's draft and charge it."""
    subscription = subscription_of(world, invoice)
    if world.faults.take("finalize", invoice["customer"]):
        taxes.refuse(world, invoice, code="customer_tax_location_invalid")
        return
    invoicing.finalise(world, invoice)
    behaviour = ((subscription or {}).get("pause_collection") or {}).get("behavior")
    if behaviour == "void":
        invoicing.void(world, invoice)
    elif behaviour == "mark_uncollectible":
        invoicing.mark_uncollectible(world, invoice)
    else:
        collect(world, invoice)


def collect(world: World, invoice: Obj) -> None:
    """Try to charge an open invoice by itself, with nobody there; after the last try do what the account says."""
    tries = invoice["_tries"] = invoice.get("_tries", 0) + 1
    if invoice["attempted"]:
        invoice["attempt_count"] += 1
    waits = world.policy.retry_days
    retry_at = world.now() + waits[tries - 1] * DAY if tries <= len(waits) else None
    method = method_for(world, invoice)
    answer = None
    if invoice["amount_remaining"] and method is not None:
        answer = ask_bank(world, method, on_session=False, customer=invoice["customer"])
    if not pay(world, invoice, method, answer, retry_at=retry_at) and retry_at is None:
        _give_up(world, invoice)


def _give_up(world: World, invoice: Obj) -> None:
    subscription = subscription_of(world, invoice)
    if subscription is None or subscription["status"] in ENDED:
        return
    if world.policy.after_last_retry == "cancel":
        end_subscription(world, subscription, reason="payment_failed")
    elif world.policy.after_last_retry == "unpaid":
        with world.changing(subscription, "customer.subscription.updated"):
            subscription["status"] = "unpaid"


def end_subscription(world: World, subscription: Obj, *, reason: str | None) -> None:
    """End a subscription now. Its open invoices stay owed, but are no longer charged by themselves."""
    now = world.now()
    subscription["status"] = "canceled"
    subscription["ended_at"] = now
    subscription["canceled_at"] = subscription["canceled_at"] or now
    subscription["cancellation_details"]["reason"] = reason
    subscription["pending_update"] = None
    world.store.touch()
    for invoice in invoices_of(world, subscription):
        if invoice["status"] in {"draft", "open"}:
            with world.changing(invoice, "invoice.updated"):
                invoice["auto_advance"] = False
                invoice["automatically_finalizes_at"] = None
                invoice["next_payment_attempt"] = None
    world.emit("customer.subscription.deleted", subscription)


def expire_incomplete(world: World, subscription: Obj) -> None:
    """Give up on a subscription whose first payment never came."""
    with world.changing(subscription, "customer.subscription.updated"):
        subscription["status"] = "incomplete_expired"
        subscription["ended_at"] = world.now()
    for invoice in invoices_of(world, subscription):
        if invoice["status"] == "open":
            invoicing.void(world, invoice)
