"""The life of one invoice: lines, totals, finalising, and the payment that settles it.

It knows nothing of what a paid or failed invoice means for a subscription: that is `lifecycle`.
"""

from __future__ import annotations

from . import discounts, taxes
from .cards import Answer
from .payments import Bank, cancel_intent, new_intent, record
from .rendering import included, listing
from .sharing import share_out
from .store import Obj, Store
from .world import World


def item_line(
    world: World, subscription: Obj, item: Obj, *, period: tuple[int, int], amount: int | None = None
) -> Obj:
    """Return the invoice line for one subscription item over a period; `amount` overrides price times quantity."""
    price = world.store.get("price", item["price"])
    total = price["unit_amount"] * item["quantity"] if amount is None else amount
    parent = {
        "type": "subscription_item_details",
        "invoice_item_details": None,
        "subscription_item_details": {
            "invoice_item": None,
            "proration": False,
            "proration_details": {"credited_items": None},
            "subscription": subscription["id"],
            "subscription_item": item["id"],
        },
    }
    name = world.store.get("product", price["product"])["name"]
    return _line(world, subscription, price, amount=total, period=period, parent=parent, text=name, item=item)


def proration_line(
    world: World, subscription: Obj, item: Obj, price: Obj, *, amount: int, period: tuple[int, int], text: str
) -> Obj:
    """Return the line for a part of a period that is given back or charged after a change of plan."""
    parent = {
        "type": "invoice_item_details",
        "invoice_item_details": {
            "invoice_item": world.ids.new("ii"),
            "proration": True,
            "proration_details": {"credited_items": None},
            "subscription": subscription["id"],
        },
        "subscription_item_details": None,
    }
    return _line(
        world, subscription, price, amount=amount, period=period, parent=parent, text=text, item=item
    )


def _line(
    world: World,
    subscription: Obj,
    price: Obj,
    *,
    amount: int,
    period: tuple[int, int],
    parent: Obj,
    text: str,
    item: Obj,
) -> Obj:
    return {
        "id": world.ids.new("il"),
        "object": "line_item",
        "amount": amount,
        "currency": price["currency"],
        "description": f"{item['quantity']} x {text}",
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": None,
        "livemode": False,
        "metadata": dict(subscription["metadata"]),
        "parent": parent,
        "period": {"start": period[0], "end": period[1]},
        "pretax_credit_amounts": [],
        "pricing": {
            "type": "price_details",
            "price_details": {"price": price["id"], "product": price["product"]},
            "unit_amount_decimal": price["unit_amount_decimal"],
        },
        "quantity": item["quantity"],
        "subscription": subscription["id"],
        "subtotal": amount,
        "taxes": [],
    }


def draft(
    world: World,
    subscription: Obj,
    lines: list[Obj],
    *,
    reason: str,
    period: tuple[int, int],
    at: int | None = None,
) -> Obj:
    """Return a draft invoice that is not kept yet: a preview keeps it never, `keep` keeps it. `at` is when it comes."""
    customer = world.store.get("customer", subscription["customer"])
    invoice: Obj = {
        "id": "",
        "object": "invoice",
        "account_country": "DE",
        "account_name": "Stripe sandbox",
        "account_tax_ids": None,
        "amount_due": 0,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_remaining": 0,
        "amount_shipping": 0,
        "application": None,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": True,
        "automatic_tax": {
            "disabled_reason": None,
            "enabled": subscription["automatic_tax"]["enabled"],
            "liability": None,
            "provider": None,
            "status": "complete" if subscription["automatic_tax"]["enabled"] else None,
        },
        "automatically_finalizes_at": None,
        "billing_reason": reason,
        "collection_method": subscription["collection_method"],
        "created": world.now(),
        "currency": subscription["currency"],
        "custom_fields": None,
        "customer": customer["id"],
        "customer_address": customer["address"],
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "customer_phone": customer["phone"],
        "customer_shipping": None,
        "customer_tax_exempt": customer["tax_exempt"],
        "customer_tax_ids": [],
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": list(subscription["discounts"]),
        "due_date": None,
        "effective_at": None,
        "ending_balance": None,
        "footer": None,
        "from_invoice": None,
        "hosted_invoice_url": None,
        "invoice_pdf": None,
        "issuer": {"type": "self"},
        "last_finalization_error": None,
        "latest_revision": None,
        "lines": listing(lines, url=""),
        "livemode": False,
        "metadata": {},
        "next_payment_attempt": None,
        "number": None,
        "on_behalf_of": None,
        "parent": {
            "type": "subscription_details",
            "quote_details": None,
            "subscription_details": {
                "metadata": dict(subscription["metadata"]),
                "subscription": subscription["id"],
            },
        },
        "payment_settings": {
            "default_mandate": None,
            "payment_method_options": None,
            "payment_method_types": None,
        },
        "period_end": period[1],
        "period_start": period[0],
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "receipt_number": None,
        "rendering": None,
        "shipping_cost": None,
        "shipping_details": None,
        "starting_balance": customer["balance"],
        "statement_descriptor": None,
        "status": "draft",
        "status_transitions": {
            "finalized_at": None,
            "marked_uncollectible_at": None,
            "paid_at": None,
            "voided_at": None,
        },
        "subtotal": 0,
        "subtotal_excluding_tax": 0,
        "test_clock": None,
        "total": 0,
        "total_discount_amounts": [],
        "total_excluding_tax": 0,
        "total_pretax_credit_amounts": [],
        "total_taxes": [],
        "webhooks_delivered_at": None,
    }
    _add_up(world, invoice, at=world.now() if at is None else at)
    return invoice


def _add_up(world: World, invoice: Obj, *, at: int) -> None:
    lines = invoice["lines"]["data"]
    subtotal = sum(line["amount"] for line in lines)
    taken_off = discounts.amounts(world, invoice["discounts"], lines=lines, at=at)
    total = subtotal - sum(entry["amount"] for entry in taken_off)
    invoice["total_discount_amounts"] = taken_off
    invoice["subtotal"] = invoice["subtotal_excluding_tax"] = subtotal
    invoice["total"] = invoice["total_excluding_tax"] = total
    if invoice["automatic_tax"]["enabled"]:
        taxes.add_to(world.store, invoice)
        total = invoice["total"]
    invoice["amount_due"] = invoice["amount_remaining"] = max(0, total + invoice["starting_balance"])
    share_out(world, invoice)


def keep(world: World, invoice: Obj) -> Obj:
    """Give a draft its id, store it and make the news known."""
    invoice["id"] = world.ids.new("in")
    invoice["lines"]["url"] = f"/v1/invoices/{invoice['id']}/lines"
    for line in invoice["lines"]["data"]:
        line["invoice"] = invoice["id"]
    world.store.add(invoice)
    world.emit("invoice.created", invoice)
    return invoice


def finalise(world: World, invoice: Obj) -> None:
    """Turn a draft into an open invoice with a number, a balance applied and, if anything is due, a payment intent."""
    customer = world.store.get("customer", invoice["customer"])
    now = world.now()
    due = invoice["total"] + customer["balance"]
    invoice["starting_balance"] = customer["balance"]
    invoice["ending_balance"] = min(0, due)
    invoice["amount_due"] = invoice["amount_remaining"] = max(0, due)
    invoice["status"] = "open"
    invoice["number"] = f"{customer['invoice_prefix']}-{customer['next_invoice_sequence']:04d}"
    invoice["status_transitions"]["finalized_at"] = invoice["effective_at"] = now
    invoice["automatically_finalizes_at"] = None
    page = f"{world.policy.public_url}/i/{invoice['id']}"
    invoice["hosted_invoice_url"], invoice["invoice_pdf"] = page, f"{page}/pdf"
    world.store.touch()
    with world.changing(customer, "customer.updated"):
        customer["balance"] = invoice["ending_balance"]
        customer["next_invoice_sequence"] += 1
        customer["currency"] = customer["currency"] or invoice["currency"]
    discounts.use_once(world, invoice)
    world.emit("invoice.finalized", invoice)
    if invoice["amount_due"]:
        _ask_for_payment(world, invoice)


def _ask_for_payment(world: World, invoice: Obj) -> None:
    intent = new_intent(
        world,
        amount=invoice["amount_due"],
        currency=invoice["currency"],
        customer=invoice["customer"],
        description="Subscription creation"
        if invoice["billing_reason"] == "subscription_create"
        else "Subscription update",
        setup_future_usage="off_session" if invoice["billing_reason"] == "subscription_create" else None,
    )
    world.store.add(
        {
            "id": world.ids.new("inpay"),
            "object": "invoice_payment",
            "amount_paid": None,
            "amount_requested": invoice["amount_due"],
            "created": world.now(),
            "currency": invoice["currency"],
            "invoice": invoice["id"],
            "is_default": True,
            "livemode": False,
            "payment": {"type": "payment_intent", "payment_intent": intent["id"]},
            "status": "open",
            "status_transitions": {"canceled_at": None, "paid_at": None},
        }
    )
    invoice["_intent"] = intent["id"]


def intent_of(world: World, invoice: Obj) -> Obj | None:
    """Return the payment intent of an invoice, if it ever asked for money."""
    return world.store.find("payment_intent", invoice.get("_intent"))


def settle(
    world: World, invoice: Obj, method: Obj | None, answer: Bank | None, *, retry_at: int | None = None
) -> bool:
    """Write down one attempt to pay an open invoice, and tell whether it is paid.

    Without `method` nobody could be asked, which counts as a failed attempt, unless nothing is due. A failure sets the
    next try to `retry_at`; without it a try that is already planned stays planned.
    """
    if not invoice["amount_remaining"]:
        _mark_paid(world, invoice)
        return True
    intent = intent_of(world, invoice)
    if intent is not None and method is not None and answer is not None:
        record(world, intent, method, answer)
    if answer is Answer.APPROVED:
        _mark_paid(world, invoice)
        return True
    with world.changing(invoice, "invoice.updated"):
        invoice["attempted"] = True
        invoice["attempt_count"] = max(1, invoice["attempt_count"])
        planned = invoice["next_payment_attempt"]
        invoice["next_payment_attempt"] = retry_at or (planned if planned and planned > world.now() else None)
    if answer is Answer.CONFIRM:
        world.emit("invoice.payment_action_required", invoice)
    world.emit("invoice.payment_failed", invoice)
    return False


def _mark_paid(world: World, invoice: Obj) -> None:
    now = world.now()
    with world.changing(invoice, "invoice.updated"):
        invoice["status"] = "paid"
        invoice["attempted"] = True
        if invoice["amount_due"]:
            invoice["attempt_count"] = max(1, invoice["attempt_count"])
        invoice["amount_paid"] = invoice["amount_due"]
        invoice["amount_remaining"] = 0
        invoice["auto_advance"] = False
        invoice["next_payment_attempt"] = None
        invoice["status_transitions"]["paid_at"] = now
    for payment in payments_of(world.store, invoice):
        payment["status"] = "paid"
        payment["amount_paid"] = payment["amount_requested"]
        payment["status_transitions"]["paid_at"] = now
        world.emit("invoice_payment.paid", payment)
    world.emit("invoice.paid", invoice)
    world.emit("invoice.payment_succeeded", invoice)


def pay_out_of_band(world: World, invoice: Obj) -> None:
    """Mark an invoice as paid by other means than Stripe."""
    close_payment(world, invoice)
    _mark_paid(world, invoice)


def void(world: World, invoice: Obj) -> None:
    """Declare that an open invoice is not owed after all."""
    close_payment(world, invoice)
    _close(world, invoice, status="void", moment="voided_at", event="invoice.voided")


def mark_uncollectible(world: World, invoice: Obj) -> None:
    """Give up on an open invoice."""
    _close(
        world,
        invoice,
        status="uncollectible",
        moment="marked_uncollectible_at",
        event="invoice.marked_uncollectible",
    )


def _close(world: World, invoice: Obj, *, status: str, moment: str, event: str) -> None:
    with world.changing(invoice, "invoice.updated"):
        invoice["status"] = status
        invoice["auto_advance"] = False
        invoice["next_payment_attempt"] = None
        invoice["status_transitions"][moment] = world.now()
    world.emit(event, invoice)


def close_payment(world: World, invoice: Obj) -> None:
    """Cancel what an invoice still asks for."""
    intent = intent_of(world, invoice)
    if intent is not None and intent["status"] != "succeeded":
        cancel_intent(world, intent, reason="void_invoice")
    for payment in payments_of(world.store, invoice):
        if payment["status"] == "open":
            payment["status"] = "canceled"
            payment["status_transitions"]["canceled_at"] = world.now()


def payments_of(store: Store, invoice: Obj) -> list[Obj]:
    return [payment for payment in store.all("invoice_payment") if payment["invoice"] == invoice["id"]]


@included("invoice", "payments")
def _payments(store: Store, invoice: Obj) -> Obj:
    return listing(payments_of(store, invoice)[::-1], url="/v1/invoice_payments")


@included("invoice", "confirmation_secret")
def _confirmation_secret(store: Store, invoice: Obj) -> Obj | None:
    intent = store.find("payment_intent", invoice.get("_intent"))
    if intent is None:
        return None
    return {"client_secret": intent["client_secret"], "type": "payment_intent"}
