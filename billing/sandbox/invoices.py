"""The invoice endpoints: look up, pay, void, preview."""

from __future__ import annotations

import copy

from . import changes, due, invoicing, lifecycle, previews
from .cards import Answer
from .errors import ApiError, not_simulated
from .params import Params, merged_metadata
from .payment_methods import attach_to, usable_payment_method
from .payments import ask_bank, payment_refused
from .routes import PAGED, route
from .store import Obj, page, within
from .world import World


def retrieve(world: World, _: Params, invoice: str) -> Obj:
    return world.store.get("invoice", invoice)


def list_all(world: World, params: Params) -> Obj:
    rows = [
        invoice
        for invoice in world.store.all("invoice")
        if params.get("customer") in {None, invoice["customer"]}
        and params.get("status") in {None, invoice["status"]}
        and params.get("subscription") in {None, invoice["parent"]["subscription_details"]["subscription"]}
        and within(invoice["created"], params.get("created"))
    ]
    return page(rows, params=params, url="/v1/invoices")


def list_lines(world: World, params: Params, invoice: str) -> Obj:
    found = world.store.get("invoice", invoice)
    return page(found["lines"]["data"][::-1], params=params, url=f"/v1/invoices/{invoice}/lines")


def update(world: World, params: Params, invoice: str) -> Obj:
    """Change metadata, automatic collection or the card of an invoice."""
    found = world.store.get("invoice", invoice)
    with world.changing(found, "invoice.updated"):
        found["metadata"] = merged_metadata(found["metadata"], params.get("metadata"))
        if "auto_advance" in params:
            found["auto_advance"] = params["auto_advance"]
        if "default_payment_method" in params:
            found["default_payment_method"] = params["default_payment_method"] or None
    return found


def pay(world: World, params: Params, invoice: str) -> Obj:
    """Pay an invoice now, with the card given or the one it would be charged to.

    :raises ApiError: it is not open, there is no card, or the bank refuses.
    """
    found = world.store.get("invoice", invoice)
    _open(found)
    if found["status"] == "draft":
        invoicing.finalise(world, found)
    if params.get("paid_out_of_band"):
        invoicing.pay_out_of_band(world, found)
        subscription = lifecycle.subscription_of(world, found)
        if subscription:
            lifecycle.follow(world, subscription, found, paid=True)
        return found
    method = _chosen_method(world, params, found)
    pay_with(world, found, method, on_session=params.get("off_session") is False)
    return found


def pay_with(
    world: World, invoice: Obj, method: Obj | None, *, on_session: bool, confirmed: bool = False
) -> None:
    """Charge an open invoice to a card.

    :raises ApiError: there is no card, the bank refuses, or the holder must confirm first.
    """
    if not invoice["amount_remaining"]:
        lifecycle.pay(world, invoice, method, None)
        return
    if method is None:
        raise payment_refused(None, None)
    answer = ask_bank(world, method, on_session=on_session, confirmed=confirmed, customer=invoice["customer"])
    lifecycle.pay(world, invoice, method, answer)
    if answer is not Answer.APPROVED:
        intent = invoicing.intent_of(world, invoice)
        raise payment_refused(answer, method, payment_intent=intent)


def _open(invoice: Obj) -> None:
    if invoice["status"] in {"draft", "open", "uncollectible"}:
        return
    if invoice["status"] == "paid":
        raise ApiError("Invoice is already paid")
    raise ApiError("This invoice is voided and can no longer be paid.", code="invoice_not_editable")


def _chosen_method(world: World, params: Params, invoice: Obj) -> Obj | None:
    wanted = params.get("payment_method")
    if not wanted:
        return lifecycle.method_for(world, invoice)
    method = usable_payment_method(world, wanted, param="payment_method")
    if method["id"] != wanted:
        attach_to(world, method, invoice["customer"])
    if method["customer"] != invoice["customer"]:
        raise ApiError(
            f"The payment method {wanted} does not belong to the customer of this invoice. Attach it first.",
            code="payment_method_unexpected_state",
            param="payment_method",
        )
    return method


def finalize(world: World, params: Params, invoice: str) -> Obj:
    found = world.store.get("invoice", invoice)
    if found["status"] != "draft":
        raise ApiError("This invoice is already finalized, you can't re-finalize a non-draft invoice.")
    if "auto_advance" in params:
        found["auto_advance"] = params["auto_advance"]
    invoicing.finalise(world, found)
    return found


def void(world: World, _: Params, invoice: str) -> Obj:
    """Void an open invoice. A subscription that it held back follows the invoices that remain."""
    found = world.store.get("invoice", invoice)
    if found["status"] not in {"open", "uncollectible"}:
        raise ApiError(
            f"You can only pass in open or uncollectible invoices. This invoice is {found['status']}."
        )
    invoicing.void(world, found)
    subscription = lifecycle.subscription_of(world, found)
    if subscription is not None and lifecycle.pays_for_change(subscription, found):
        lifecycle.drop_waiting_change(world, subscription)
    _let_follow(world, found)
    return found


def mark_uncollectible(world: World, _: Params, invoice: str) -> Obj:
    found = world.store.get("invoice", invoice)
    if found["status"] != "open":
        raise ApiError(f"You can only pass in open invoices. This invoice is {found['status']}.")
    invoicing.mark_uncollectible(world, found)
    _let_follow(world, found)
    return found


def _let_follow(world: World, invoice: Obj) -> None:
    subscription = lifecycle.subscription_of(world, invoice)
    if subscription and subscription["status"] in {"past_due", "unpaid"}:
        lifecycle.follow(world, subscription, invoice, paid=True)


def create_preview(world: World, params: Params) -> Obj:
    """Return the next invoice of a subscription, as it is or as a change would make it. Nothing is stored.

    :raises ApiError: there will be none.
    """
    if "subscription" not in params:
        return previews.of_new(world, params)
    found = world.store.get("subscription", params["subscription"], param="subscription")
    details = params.get("subscription_details", {})
    unknown = details.keys() - {"items", "proration_behavior", "proration_date", "billing_cycle_anchor"}
    if unknown:
        raise not_simulated(f"subscription_details with {sorted(unknown)} in an invoice preview")
    subscription = copy.deepcopy(found)
    if params.get("discounts", "") != "":
        raise not_simulated("other discounts in an invoice preview")
    if found["status"] in lifecycle.ENDED or (
        found["cancel_at"] and found["cancel_at"] <= lifecycle.period_of(found)[1] and not details
    ):
        raise ApiError(
            f"No upcoming invoices for customer: {found['customer']}",
            status=404,
            code="invoice_upcoming_none",
        )
    if details and "discounts" in params:
        details = {**details, "discounts": ""}
    return _previewed(world, subscription, details, mode=params.get("preview_mode", "next"))


def _previewed(world: World, subscription: Obj, details: Params, *, mode: str) -> Obj:
    if not details:
        return due.preview_renewal(world, subscription)
    lines, restarted = changes.changed_lines(world, subscription, details)
    if mode == "recurring":
        subscription["_pending_lines"] = []
        return due.preview_renewal(world, subscription)
    if restarted or details.get("proration_behavior") == "always_invoice":
        now = world.now()
        invoice = invoicing.draft(world, subscription, lines, reason="upcoming", period=(now, now))
        invoice["id"] = world.ids.new("upcoming_in")
        invoice["lines"]["url"] = f"/v1/invoices/upcoming/lines?subscription={subscription['id']}"
        return invoice
    subscription["_pending_lines"] += lines
    return due.preview_renewal(world, subscription)


def retrieve_payment(world: World, _: Params, invoice_payment: str) -> Obj:
    return world.store.get("invoice_payment", invoice_payment)


def list_payments(world: World, params: Params) -> Obj:
    """List what was asked for and paid, by invoice or by payment intent."""
    intent = params.get("payment", {}).get("payment_intent")
    rows = [
        payment
        for payment in world.store.all("invoice_payment")
        if params.get("invoice") in {None, payment["invoice"]}
        and params.get("status") in {None, payment["status"]}
        and intent in {None, payment["payment"]["payment_intent"]}
        and within(payment["created"], params.get("created"))
    ]
    return page(rows, params=params, url="/v1/invoice_payments")


ROUTES = (
    route(
        "GET /v1/invoices",
        list_all,
        schema="InvoiceListParams",
        understood=f"{PAGED} customer status subscription created",
    ),
    route(
        "POST /v1/invoices/create_preview",
        create_preview,
        schema="InvoiceCreatePreviewParams",
        understood="subscription subscription_details customer preview_mode discounts automatic_tax",
    ),
    route("GET /v1/invoices/<invoice>", retrieve, schema="InvoiceRetrieveParams"),
    route(
        "POST /v1/invoices/<invoice>",
        update,
        schema="InvoiceUpdateParams",
        understood="metadata auto_advance default_payment_method",
    ),
    route(
        "GET /v1/invoices/<invoice>/lines", list_lines, schema="InvoiceLineItemListParams", understood=PAGED
    ),
    route(
        "POST /v1/invoices/<invoice>/pay",
        pay,
        schema="InvoicePayParams",
        understood="payment_method off_session paid_out_of_band",
    ),
    route(
        "POST /v1/invoices/<invoice>/finalize",
        finalize,
        schema="InvoiceFinalizeInvoiceParams",
        understood="auto_advance",
    ),
    route("POST /v1/invoices/<invoice>/void", void, schema="InvoiceVoidInvoiceParams"),
    route(
        "POST /v1/invoices/<invoice>/mark_uncollectible",
        mark_uncollectible,
        schema="InvoiceMarkUncollectibleParams",
    ),
    route(
        "GET /v1/invoice_payments",
        list_payments,
        schema="InvoicePaymentListParams",
        understood=f"{PAGED} invoice status payment created",
    ),
    route(
        "GET /v1/invoice_payments/<invoice_payment>", retrieve_payment, schema="InvoicePaymentRetrieveParams"
    ),
)
