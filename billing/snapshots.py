"""Stripe's JSON to frozen values: the only parser. Knows the shapes of the pinned API version, nothing else.

Every parser takes plain dicts (the gateway unpacks Stripe's objects at its edge) and tolerates unknown enum values;
ids may come expanded or not. Money is integer minor units with a lower-case currency; times are aware UTC.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """A subscription's status; `UNKNOWN` stands for a word that this version of the API does not have."""

    INCOMPLETE = "incomplete"
    INCOMPLETE_EXPIRED = "incomplete_expired"
    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    CANCELED = "canceled"
    UNPAID = "unpaid"
    PAUSED = "paused"
    UNKNOWN = "unknown"

    @classmethod
    def of(cls, word: str) -> Status:
        """Read Stripe's word; one that we do not know is `UNKNOWN`."""
        return next((status for status in cls if status.value == word), cls.UNKNOWN)

    @property
    def is_open(self) -> bool:
        """Whether Stripe may still charge for it, now or after a fix; a word we do not know might."""
        return self not in {Status.CANCELED, Status.INCOMPLETE_EXPIRED}


@dataclass(frozen=True, slots=True)
class CardSnapshot:
    """A payment method on file; `brand` and the rest are empty for types that are not cards."""

    id: str
    customer: str | None
    type: str
    brand: str
    last4: str
    exp_month: int | None
    exp_year: int | None
    fingerprint: str


@dataclass(frozen=True, slots=True)
class InvoiceSnapshot:
    """An invoice with what its latest payment attempt said."""

    id: str
    customer: str
    subscription: str | None
    number: str
    status: str  # draft, open, paid, uncollectible, void
    billing_reason: str
    currency: str
    amount_due: int
    amount_paid: int
    amount_remaining: int
    total: int
    attempt_count: int
    attempted: bool
    next_payment_attempt: datetime | None
    created_at: datetime
    finalized_at: datetime | None
    paid_at: datetime | None
    hosted_url: str
    pdf_url: str
    automatic: bool  # collection_method == charge_automatically
    failure_code: str = ""  # decline code where there is one, else the error's code
    needs_action: bool = False  # the bank wants a confirmation (3-D Secure)
    payment_intent: str | None = None
    failed_card: str | None = None  # the payment method of the attempt that failed


@dataclass(frozen=True, slots=True)
class ItemSnapshot:
    """One line of a subscription."""

    id: str
    price: str
    product: str
    quantity: int
    unit_amount: int | None
    currency: str
    interval: str
    interval_count: int
    period_starts_at: datetime
    period_ends_at: datetime


@dataclass(frozen=True, slots=True)
class SubscriptionSnapshot:
    """A subscription as Stripe sees it."""

    id: str
    customer: str
    status: Status
    raw_status: str
    items: tuple[ItemSnapshot, ...]
    starts_at: datetime
    trial_ends_at: datetime | None
    cancel_at: datetime | None
    cancel_at_period_end: bool
    canceled_at: datetime | None
    ended_at: datetime | None
    pause_behavior: str  # "" where collection is not paused
    pause_resumes_at: datetime | None
    automatic: bool
    default_card: str | None
    latest_invoice: str | None
    currency: str
    created_at: datetime

    @property
    def period_ends_at(self) -> datetime | None:
        """The end of the latest period over all items; None without items."""
        return max((item.period_ends_at for item in self.items), default=None)

    @property
    def period_starts_at(self) -> datetime | None:
        """The start of the latest period over all items; None without items."""
        return max((item.period_starts_at for item in self.items), default=None)

    @property
    def scheduled_end(self) -> datetime | None:
        """When it will end by a wish already stated, by date or at the period's end; None where it goes on."""
        if self.cancel_at is not None:
            return self.cancel_at
        return self.period_ends_at if self.cancel_at_period_end else None


@dataclass(frozen=True, slots=True)
class CustomerSnapshot:
    """A customer; of a deleted one only the id is known."""

    id: str
    deleted: bool
    email: str
    reader: str | None  # our reader's public id, from the customer's metadata
    currency: str
    balance: int
    default_card: str | None
    livemode: bool


@dataclass(frozen=True, slots=True)
class CustomerPicture:
    """All that one sync fetches: the customer and everything of theirs that we mirror."""

    customer: CustomerSnapshot
    subscriptions: tuple[SubscriptionSnapshot, ...] = ()
    invoices: tuple[InvoiceSnapshot, ...] = ()
    cards: tuple[CardSnapshot, ...] = ()

    def card_for(self, subscription: SubscriptionSnapshot) -> CardSnapshot | None:
        """Return the card that the subscription's next invoice is charged to, where it is on file."""
        wanted = subscription.default_card or self.customer.default_card
        return next((card for card in self.cards if card.id == wanted), None)


@dataclass(frozen=True, slots=True)
class PriceSnapshot:
    """A price with its product, as the catalogue needs it."""

    id: str
    slug: str  # Stripe's lookup_key
    active: bool
    unit_amount: int | None
    currency: str
    interval: str
    interval_count: int
    trial_days: int
    product: str
    product_name: str
    product_description: str
    product_active: bool
    unlocks: tuple[str, ...]  # from the product's metadata; empty: not ours
    livemode: bool


@dataclass(frozen=True, slots=True)
class CheckoutSnapshot:
    """A hosted Checkout session."""

    id: str
    mode: str  # subscription, setup, payment
    status: str  # open, complete, expired
    payment_status: str
    url: str | None
    customer: str | None
    subscription: str | None
    setup_intent: str | None
    card: str | None  # the payment method that a finished setup session stored
    reader: str | None  # client_reference_id
    expires_at: datetime
    purpose: str = ""  # from our metadata


@dataclass(frozen=True, slots=True)
class EventSnapshot:
    """A delivery, of which only ids are ever believed."""

    id: str
    type: str
    api_version: str
    livemode: bool
    created_at: datetime
    object_id: str
    object_type: str
    customer: str | None


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


def invoice(data: Mapping[str, Any], *, payment_intent: Mapping[str, Any] | None = None) -> InvoiceSnapshot:
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
        needs_action=_needs_action(payment_intent or {}),
        payment_intent=payment_intent_of(data),
        failed_card=id_of(failure.get("payment_method")),
    )


def payment_intent_of(data: Mapping[str, Any]) -> str | None:
    """Name the payment intent that an invoice is, or was, to be paid with; None where `payments` is not expanded."""
    payments = _rows(data.get("payments"))
    # The default payment is the one that Stripe's own retries and our `pay` go through.
    payments.sort(key=lambda row: (bool(row.get("is_default")), row.get("created") or 0), reverse=True)
    found = (id_of((row.get("payment") or {}).get("payment_intent")) for row in payments)
    return next((intent for intent in found if intent), None)


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
    )


def price(data: Mapping[str, Any]) -> PriceSnapshot:
    """Read a price whose product is expanded; a product given as a bare id, or deleted, unlocks nothing."""
    recurring = data.get("recurring") or {}
    product = data["product"] if isinstance(data["product"], Mapping) else {"id": data["product"]}
    metadata = product.get("metadata") or {}
    return PriceSnapshot(
        id=data["id"],
        slug=data.get("lookup_key") or "",
        active=bool(data.get("active")),
        unit_amount=data.get("unit_amount"),
        currency=data["currency"],
        interval=recurring.get("interval") or "",
        interval_count=recurring.get("interval_count") or 1,
        trial_days=recurring.get("trial_period_days") or 0,
        product=product["id"],
        product_name=product.get("name") or "",
        product_description=product.get("description") or "",
        product_active=bool(product.get("active")),
        unlocks=tuple(dict.fromkeys(_WORD.findall(metadata.get("unlocks") or ""))),
        livemode=bool(data.get("livemode")),
    )


def checkout(data: Mapping[str, Any]) -> CheckoutSnapshot:
    """Read a hosted session; the stored card is known where `setup_intent` is expanded."""
    setup = data.get("setup_intent")
    return CheckoutSnapshot(
        id=data["id"],
        mode=data["mode"],
        status=data.get("status") or "",
        payment_status=data.get("payment_status") or "",
        url=data.get("url"),
        customer=id_of(data.get("customer")),
        subscription=id_of(data.get("subscription")),
        setup_intent=id_of(setup),
        card=id_of(setup.get("payment_method")) if isinstance(setup, Mapping) else None,
        reader=data.get("client_reference_id"),
        expires_at=moment(data["expires_at"]),
        purpose=(data.get("metadata") or {}).get("purpose") or "",
    )


def event(data: Mapping[str, Any]) -> EventSnapshot:
    """Read the ids of an event and nothing else, so that a body rendered at any API version will do.

    :raises ValueError: this is not an event, or an id in it is not one.
    """
    try:
        about = data["data"]["object"]
        kind = str(about.get("object") or "")
        return EventSnapshot(
            id=_sound_id(data["id"]),
            type=_sound_type(data["type"]),
            api_version=str(data.get("api_version") or "")[:60],
            livemode=bool(data["livemode"]),
            created_at=moment(data["created"]),
            object_id=_sound_id(about["id"]) if about.get("id") else "",
            object_type=kind if _WORD.fullmatch(kind) else "",
            customer=_customer_in(about),
        )
    except (KeyError, TypeError, AttributeError, OverflowError, OSError) as problem:
        raise ValueError("This is not an event.") from problem


def id_of(value: object) -> str | None:
    """Return the id of a reference that Stripe gives as an id or, expanded, as the object."""
    found = value.get("id") if isinstance(value, Mapping) else value
    return found if isinstance(found, str) and found else None


def moment(seconds: float) -> datetime:
    """Read Stripe's seconds as aware UTC."""
    return datetime.fromtimestamp(seconds, tz=UTC)


_WORD = re.compile(r"[a-z0-9][a-z0-9_.-]{0,59}")
_TYPE = re.compile(r"[a-z0-9_.]{1,120}")
_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")


def _customer_in(about: Mapping[str, Any]) -> str | None:
    """Find whom an event is about in its body: the customer itself, or the customer that the object names."""
    found = about.get("id") if about.get("object") == "customer" else id_of(about.get("customer"))
    return _sound_id(found) if found else None


def _sound_id(value: object) -> str:
    if isinstance(value, str) and _ID.fullmatch(value):
        return value
    raise ValueError("An id in this event is not one.")


def _sound_type(value: object) -> str:
    if isinstance(value, str) and _TYPE.fullmatch(value):
        return value
    raise ValueError("The type of this event is not one.")


def _needs_action(intent: Mapping[str, Any]) -> bool:
    # Off session, Stripe reports the wish for a confirmation as a failure and takes the intent back to "needs a card".
    code = (intent.get("last_payment_error") or {}).get("code")
    return intent.get("status") == "requires_action" or code == "authentication_required"


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
