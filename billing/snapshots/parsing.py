"""From Stripe's JSON to values: the only parser. Knows the shapes of the pinned API version, nothing else.

Every parser takes plain dicts (the gateway unpacks Stripe's objects at its edge) and tolerates unknown enum values;
ids may come expanded or not. Of events nothing but ids is read, so they may be of any version.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from billing.snapshots.lines import LineSnapshot
from billing.snapshots.values import (
    LONGEST_GIFT,
    LONGEST_PASS,
    CardSnapshot,
    CheckoutSnapshot,
    CustomerSnapshot,
    DiscountSnapshot,
    EventSnapshot,
    InvoiceSnapshot,
    ItemSnapshot,
    PaymentSnapshot,
    PreviewSnapshot,
    Status,
    SubscriptionSnapshot,
)


def customer(data: Mapping[str, Any]) -> CustomerSnapshot:
    """Read a customer; of a deleted one everything but the id is empty."""
    settings = data.get("invoice_settings") or {}
    return CustomerSnapshot(
        id=data["id"],
        deleted=bool(data.get("deleted")),
        email=(data.get("email") or "").lower(),
        reader=(data.get("metadata") or {}).get("reader_id") or None,
        currency=data.get("currency") or "",
        balance=data.get("balance") or 0,
        default_card=id_of(settings.get("default_payment_method")) or id_of(data.get("default_source")),
        livemode=bool(data.get("livemode")),
    )


def subscription(data: Mapping[str, Any]) -> SubscriptionSnapshot:
    """Read a subscription; its items must be complete (the gateway fetches what a first page leaves out)."""
    pause = data.get("pause_collection") or {}
    raw_status = str(data["status"])
    created_at = moment(data["created"])
    return SubscriptionSnapshot(
        id=data["id"],
        customer=_needed_id(data["customer"]),
        status=Status.of(raw_status),
        raw_status=raw_status,
        items=tuple(item(row) for row in _rows(data.get("items")) if not row.get("deleted")),
        starts_at=_moment_or_none(data.get("start_date")) or created_at,
        trial_ends_at=_moment_or_none(data.get("trial_end")),
        cancel_at=_moment_or_none(data.get("cancel_at")),
        cancel_at_period_end=bool(data.get("cancel_at_period_end")),
        canceled_at=_moment_or_none(data.get("canceled_at")),
        ended_at=_moment_or_none(data.get("ended_at")),
        pause_behavior=pause.get("behavior") or "",
        pause_resumes_at=_moment_or_none(pause.get("resumes_at")),
        automatic=_is_automatic(data),
        default_card=id_of(data.get("default_payment_method")) or id_of(data.get("default_source")),
        latest_invoice=id_of(data.get("latest_invoice")),
        currency=data.get("currency") or "",
        created_at=created_at,
        trial_starts_at=_moment_or_none(data.get("trial_start")),
        cancel_reason=(data.get("cancellation_details") or {}).get("reason") or "",
        livemode=data.get("livemode"),
        without_card=_without_card(data),
        discounts=tuple(discount(row) for row in data.get("discounts") or ()),
    )


def discount(data: object) -> DiscountSnapshot:
    """Read a discount; of a bare id nothing is known but that it is there."""
    if not isinstance(data, Mapping):
        return DiscountSnapshot(name="", ends_at=None)
    coupon = (data.get("source") or {}).get("coupon")
    return DiscountSnapshot(
        name=(coupon.get("name") or coupon["id"]) if isinstance(coupon, Mapping) else "",
        ends_at=_moment_or_none(data.get("end")),
    )


def item(data: Mapping[str, Any]) -> ItemSnapshot:
    """Read one line of a subscription."""
    price_data = data["price"]
    recurring = price_data.get("recurring") or {}
    return ItemSnapshot(
        id=data["id"],
        price=price_data["id"],
        product=_needed_id(price_data["product"]),
        quantity=1 if data.get("quantity") is None else data["quantity"],
        unit_amount=price_data.get("unit_amount"),
        currency=price_data["currency"],
        interval=recurring.get("interval") or "",
        interval_count=recurring.get("interval_count") or 1,
        period_starts_at=moment(data["current_period_start"]),
        period_ends_at=moment(data["current_period_end"]),
    )


def invoice(
    data: Mapping[str, Any],
    *,
    payment_intent: Mapping[str, Any] | None = None,
    lines: tuple[LineSnapshot, ...] = (),
) -> InvoiceSnapshot:
    """Read an invoice, and what went wrong from the payment intent that was to pay it."""
    parent = (data.get("parent") or {}).get("subscription_details") or {}
    steps = data.get("status_transitions") or {}
    failure = (payment_intent or {}).get("last_payment_error") or {}
    return InvoiceSnapshot(
        id=data["id"],
        customer=_needed_id(data["customer"]),
        subscription=id_of(parent.get("subscription")),
        number=data.get("number") or "",
        status=data.get("status") or "",
        billing_reason=data.get("billing_reason") or "",
        currency=data["currency"],
        amount_due=data["amount_due"],
        amount_paid=data["amount_paid"],
        amount_remaining=data["amount_remaining"],
        total=data["total"],
        attempt_count=data.get("attempt_count") or 0,
        attempted=bool(data.get("attempted")),
        next_payment_attempt=_moment_or_none(data.get("next_payment_attempt")),
        created_at=moment(data["created"]),
        finalized_at=_moment_or_none(steps.get("finalized_at")),
        paid_at=_moment_or_none(steps.get("paid_at")),
        hosted_url=data.get("hosted_invoice_url") or "",
        pdf_url=data.get("invoice_pdf") or "",
        automatic=_is_automatic(data),
        failure_code=failure.get("decline_code") or failure.get("code") or "",
        advice_code=failure.get("advice_code") or "",
        needs_action=_needs_action(payment_intent or {}),
        payment_intent=payment_intent_of(data),
        failed_card=id_of(failure.get("payment_method")),
        advances=bool(data.get("auto_advance")),
        given_up_at=_moment_or_none(steps.get("voided_at") or steps.get("marked_uncollectible_at")),
        lines=lines,
        payments=_payments_of(data),
        tax=sum(row.get("amount") or 0 for row in data.get("total_taxes") or ()),
        tax_is_included=any(row.get("tax_behavior") == "inclusive" for row in data.get("total_taxes") or ()),
        finalization_error=_finalization_error(data),
    )


def preview(data: Mapping[str, Any]) -> PreviewSnapshot:
    """Read an invoice that exists only as a preview."""
    lines = _rows(data.get("lines"))
    added = [line for line in lines if line["amount"] > 0]
    ends = [line["period"]["end"] for line in added]
    return PreviewSnapshot(
        amount_due=data["amount_due"],
        currency=data["currency"],
        charged=sum(line["amount"] for line in added),
        credited=-sum(line["amount"] for line in lines if line["amount"] < 0),
        balance_after=min(0, data["total"] + (data.get("starting_balance") or 0)),
        period_ends_at=_moment_or_none(max(ends, default=None)),
    )


def payment_intent_of(data: Mapping[str, Any]) -> str | None:
    """Name the payment intent that an invoice is, or was, to be paid with; None where `payments` is not expanded."""
    payments = _rows(data.get("payments"))
    # The default payment is the one that Stripe's own retries and our `pay` go through.
    payments.sort(key=lambda row: (bool(row.get("is_default")), row.get("created") or 0), reverse=True)
    found = (id_of((row.get("payment") or {}).get("payment_intent")) for row in payments)
    return next((intent for intent in found if intent), None)


def _payments_of(data: Mapping[str, Any]) -> frozenset[str]:
    paid_with = [row.get("payment") or {} for row in _rows(data.get("payments"))]
    found = (id_of(row.get(kind)) for row in paid_with for kind in ("payment_intent", "charge"))
    return frozenset(name for name in found if name)


def _finalization_error(data: Mapping[str, Any]) -> str:
    error = data.get("last_finalization_error") or {}
    return str(error.get("code") or error.get("type") or "")[:80]


def card(data: Mapping[str, Any]) -> CardSnapshot:
    """Read a payment method of any type."""
    face = data.get("card") or {}
    return CardSnapshot(
        id=data["id"],
        customer=id_of(data.get("customer")),
        type=data["type"],
        brand=face.get("brand") or "",
        last4=face.get("last4") or "",
        exp_month=face.get("exp_month"),
        exp_year=face.get("exp_year"),
        fingerprint=face.get("fingerprint") or "",
        created_at=moment(data["created"]),
        wallet=(face.get("wallet") or {}).get("type") or "",
    )


def payment(data: Mapping[str, Any]) -> PaymentSnapshot:
    """Read a payment intent whose latest charge is expanded; what was promised for it is in our metadata."""
    promise = data.get("metadata") or {}
    charge = data.get("latest_charge")
    found: Mapping[str, Any] = charge if isinstance(charge, Mapping) else {}
    return PaymentSnapshot(
        id=data["id"],
        customer=id_of(data.get("customer")),
        status=data["status"],
        amount=data["amount"],
        currency=data["currency"],
        paid_at=moment(found["created"]) if found.get("paid") else None,
        refunded=bool(found.get("refunded")),
        charge=id_of(charge),
        receipt_url=found.get("receipt_url") or "",
        purpose=promise.get("purpose") or "",
        price=promise.get("price") or "",
        unlocks=words_of(promise.get("unlocks")),
        lasts_hours=count_of(promise.get("lasts_hours"), most=LONGEST_PASS),
        gift_months=count_of(promise.get("gift_months"), most=LONGEST_GIFT),
        present=promise.get("present") or "",
        redeemed_by=promise.get("redeemed_by") or "",
        redeemed_at=_noted(promise.get("redeemed_at")),
        begins_at=_noted(promise.get("begins_at")),
        is_disputed=bool(found.get("disputed")),
    )


def checkout(data: Mapping[str, Any]) -> CheckoutSnapshot:
    """Read a hosted session; the stored card is known where `setup_intent` is expanded."""
    setup, intent = data.get("setup_intent"), data.get("payment_intent")
    return CheckoutSnapshot(
        id=data["id"],
        mode=data["mode"],
        status=data.get("status") or "",
        url=data.get("url"),
        customer=id_of(data.get("customer")),
        subscription=id_of(data.get("subscription")),
        card=id_of(setup.get("payment_method")) if isinstance(setup, Mapping) else None,
        reader=data.get("client_reference_id"),
        created_at=moment(data["created"]),
        expires_at=moment(data["expires_at"]),
        purpose=(data.get("metadata") or {}).get("purpose") or "",
        email=(data.get("customer_details") or {}).get("email") or "",
        payment=payment(intent) if isinstance(intent, Mapping) else None,
    )


def event(data: Mapping[str, Any]) -> EventSnapshot:
    """Read the ids of an event and nothing else, so that a body rendered at any API version will do.

    :raises ValueError: this is not an event, or an id in it is not one.
    """
    try:
        about = data["data"]["object"]
        return EventSnapshot(
            id=_sound_id(data["id"]),
            type=_sound_type(data["type"]),
            api_version=_word(data.get("api_version")),
            livemode=_sound_mode(data["livemode"]),
            is_of_another_account=bool(data.get("account")),
            created_at=moment(data["created"]),
            object_id=_object_id(about["id"]) if about.get("id") else "",
            object_type=_word(about.get("object")),
            customer=_customer_in(about),
        )
    except (KeyError, TypeError, AttributeError, OverflowError, OSError) as problem:
        raise ValueError("This is not an event.") from problem


def id_of(value: object) -> str | None:
    """Return the id of a reference that Stripe gives as an id or, expanded, as the object."""
    found = value.get("id") if isinstance(value, Mapping) else value
    return found if isinstance(found, str) and found else None


def words_of(text: str | None) -> tuple[str, ...]:
    """Read the words of a list that somebody typed, each once."""
    return tuple(dict.fromkeys(_WORD.findall(text or "")))


def seats_of(written: object) -> int | None:
    """Read a positive whole number of seats; 0 where nothing is written, None where it is something else."""
    if written in (None, ""):
        return 0
    return int(written) if isinstance(written, str) and _SEATS.fullmatch(written) else None


def moment(seconds: float) -> datetime:
    """Read Stripe's seconds as aware UTC."""
    return datetime.fromtimestamp(seconds, tz=UTC)


_WORD = re.compile(r"[a-z0-9][a-z0-9_.-]{0,59}")
_DAYS = re.compile(r"[0-9]{1,3}")
_SEATS = re.compile(r"[1-9][0-9]{0,3}")
_TYPE = re.compile(r"[a-z0-9_.]{1,120}")
_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
# Some objects bear names that an account's owner chose: plans, products, coupons.
_CHOSEN_ID = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,80}")


def _customer_in(about: Mapping[str, Any]) -> str | None:
    """Find whom an event is about in its body: the customer itself, or the customer that the object names."""
    found = about.get("id") if about.get("object") == "customer" else id_of(about.get("customer"))
    return _sound_id(found) if found else None


def _sound_id(value: object) -> str:
    if isinstance(value, str) and _ID.fullmatch(value):
        return value
    raise ValueError("An id in this event is not one.")


def _object_id(value: object) -> str:
    if isinstance(value, str) and _CHOSEN_ID.fullmatch(value):
        return value
    raise ValueError("An id in this event is not one.")


def _sound_type(value: object) -> str:
    if isinstance(value, str) and _TYPE.fullmatch(value):
        return value
    raise ValueError("The type of this event is not one.")


def _sound_mode(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError("The mode of this event is not one.")


def _word(value: object) -> str:
    return value if isinstance(value, str) and _WORD.fullmatch(value) else ""


def days_of(text: str | None) -> int:
    """Read a number of days that somebody typed into metadata; what is none is 0."""
    return int(text) if text and _DAYS.fullmatch(text) else 0


def _needs_action(intent: Mapping[str, Any]) -> bool:
    # Off session, Stripe reports the wish for a confirmation as a failure and takes the intent back to "needs a card".
    code = (intent.get("last_payment_error") or {}).get("code")
    return intent.get("status") == "requires_action" or code == "authentication_required"


def _without_card(data: Mapping[str, Any]) -> str:
    end = (data.get("trial_settings") or {}).get("end_behavior") or {}
    wish = str(end.get("missing_payment_method") or "")
    return wish if wish != "create_invoice" else ""


def _noted(word: object) -> datetime | None:
    """Read a moment that we wrote into metadata; None where it is none."""
    return moment(int(word)) if isinstance(word, str) and re.fullmatch(r"[0-9]{10}", word) else None


def count_of(word: object, *, most: int) -> int:
    """Read a number that somebody typed into metadata; what is none, or makes no sense, is 0."""
    number = int(word) if isinstance(word, str) and re.fullmatch(r"[0-9]{1,5}", word) else 0
    return number if number <= most else 0


def _is_automatic(data: Mapping[str, Any]) -> bool:
    return bool(data.get("collection_method", "charge_automatically") == "charge_automatically")


def _rows(listing: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    return list((listing or {}).get("data") or ())


def _needed_id(value: object) -> str:
    found = id_of(value)
    if found is None:
        raise ValueError("A reference that always names something is empty.")
    return found


def _moment_or_none(seconds: float | None) -> datetime | None:
    return None if seconds is None else moment(seconds)
