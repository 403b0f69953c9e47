"""What we know of Stripe's objects, as frozen values. Money is integer minor units; times are aware UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from billing.snapshots.charges import ChargeSnapshot, DisputeSnapshot, RefundSnapshot
from billing.snapshots.lines import LineSnapshot

# What is paid once is for at most so many hours, or months; a higher number is taken for a slip.
LONGEST_PASS = 24 * 366
LONGEST_GIFT = 120


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
        return self not in OVER


OVER = frozenset({Status.CANCELED, Status.INCOMPLETE_EXPIRED})
# Nothing that fell due is unpaid.
GOOD_STANDING = frozenset({Status.TRIALING, Status.ACTIVE})
# It gives what it was bought for, the last of them in grace: so its group lives, and it can be kept after all.
RUNNING = GOOD_STANDING | {Status.PAST_DUE}
# A renewal was not paid. A first payment that was never made is owed as well, but it gave nothing yet.
OVERDUE = frozenset({Status.PAST_DUE, Status.UNPAID})
OWED = OVERDUE | {Status.INCOMPLETE}


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
    created_at: datetime
    wallet: str = ""  # apple_pay, google_pay …; "" where the card was typed


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
    advice_code: str = ""  # what to do about it, by the card's network
    needs_action: bool = False  # the bank wants a confirmation (3-D Secure)
    payment_intent: str | None = None
    failed_card: str | None = None  # the payment method of the attempt that failed
    advances: bool = True  # Stripe finalises and collects it by itself
    given_up_at: datetime | None = None  # voided, or marked as uncollectible
    lines: tuple[LineSnapshot, ...] = ()  # those of a recurring price
    payments: frozenset[str] = (
        frozenset()
    )  # all payment intents and charges that it was, or is, to be paid with
    tax: int = 0
    tax_is_included: bool = False  # in the prices, so that the total does not grow by it
    finalization_error: str = ""  # why Stripe could not make it due

    def was_paid_by(self, charge: ChargeSnapshot) -> bool:
        """Tell whether a charge paid this invoice."""
        return not self.payments.isdisjoint({charge.id, charge.payment_intent})


@dataclass(frozen=True, slots=True)
class PreviewSnapshot:
    """An invoice that would be made: what it adds, what it gives back, what is left to pay today."""

    amount_due: int
    currency: str
    charged: int  # all that is added, before credit
    credited: int  # all that is given back, a positive amount
    balance_after: int  # the customer's, negative where credit is left for the next invoices
    period_ends_at: datetime | None  # until when what is added lasts; None where nothing is


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
class DiscountSnapshot:
    """What a subscription is let off; the name is known where its coupon is expanded."""

    name: str
    ends_at: datetime | None


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
    trial_starts_at: datetime | None = None
    cancel_reason: str = ""  # cancellation_requested, payment_failed, payment_disputed
    livemode: bool | None = None
    without_card: str = ""  # what a trial does at its end for want of a card: cancel or pause; "": it asks
    discounts: tuple[DiscountSnapshot, ...] = ()

    @property
    def period_ends_at(self) -> datetime | None:
        """The end of the latest period over all items; None without items."""
        return max((item.period_ends_at for item in self.items), default=None)

    @property
    def period_starts_at(self) -> datetime | None:
        """The start of the latest period over all items; None without items."""
        return max((item.period_starts_at for item in self.items), default=None)

    @property
    def discount(self) -> tuple[str, datetime | None]:
        """What it is let off, by name, and until when the last of it; without an end, None."""
        ends = [discount.ends_at for discount in self.discounts]
        until = max((end for end in ends if end is not None), default=None)
        return ", ".join(discount.name for discount in self.discounts), until

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
class PaymentSnapshot:
    """A payment made once, with what was promised for it when it was made."""

    id: str
    customer: str | None
    status: str  # succeeded, processing, canceled, requires_…
    amount: int
    currency: str
    paid_at: datetime | None
    refunded: bool  # wholly
    charge: str | None
    receipt_url: str
    purpose: str  # from our metadata, like all that follows
    price: str
    unlocks: tuple[str, ...]
    lasts_hours: int
    gift_months: int = 0
    present: str = ""  # our name of a gift subscription
    redeemed_by: str = ""  # our reader, noted on the payment of a gift
    redeemed_at: datetime | None = None
    begins_at: datetime | None = None
    is_disputed: bool = False
    disputes: tuple[DisputeSnapshot, ...] = ()  # as a look fetches them; the walk over all sales does not

    @property
    def is_paid(self) -> bool:
        """Whether the money came, and is still with us."""
        return self.status == "succeeded" and self.paid_at is not None and not self.refunded


@dataclass(frozen=True, slots=True)
class CustomerPicture:
    """All that one sync fetches: the customer and everything of theirs that we mirror."""

    customer: CustomerSnapshot
    subscriptions: tuple[SubscriptionSnapshot, ...] = ()
    invoices: tuple[InvoiceSnapshot, ...] = ()
    cards: tuple[CardSnapshot, ...] = ()
    charges: tuple[ChargeSnapshot, ...] = ()  # that went through; what was given back is with them
    disputes: tuple[DisputeSnapshot, ...] = ()
    payments: tuple[PaymentSnapshot, ...] = ()

    @property
    def refunds(self) -> tuple[RefundSnapshot, ...]:
        """All that was given back."""
        return tuple(refund for charge in self.charges for refund in charge.refunds)

    # What comes next, by subscription, for those of which the list price does not tell it.
    next_amounts: Mapping[str, int] = field(default_factory=dict)

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
    seats: int | None = (
        0  # the same; how many read by one unit. None: what stands there is no number of seats
    )
    tax_behavior: str = ""  # inclusive, exclusive, unspecified
    # From the price's own metadata:
    trial_needs_card: bool = True
    intro: str = ""  # the coupon for whoever never subscribed
    replaces: str = ""  # the price whose name this one took over
    lasts_hours: int = 0  # a day pass: from the metadata of the price, else of the product
    gift_months: int = 0  # a gift subscription: the same

    @property
    def is_sold(self) -> bool:
        """Tell whether we know how to sell it: by an interval, or once, with a word on how long it is for."""
        return bool(self.interval or self.lasts_hours or self.gift_months)


@dataclass(frozen=True, slots=True)
class CheckoutSnapshot:
    """A hosted Checkout session."""

    id: str
    mode: str  # subscription, setup, payment
    status: str  # open, complete, expired
    url: str | None
    customer: str | None
    subscription: str | None
    card: str | None  # the payment method that a finished setup session stored
    reader: str | None  # client_reference_id
    created_at: datetime
    expires_at: datetime
    purpose: str = ""  # from our metadata
    email: str = ""  # of whoever pays
    payment: PaymentSnapshot | None = None  # what was paid in mode payment, where it is expanded


@dataclass(frozen=True, slots=True)
class EventSnapshot:
    """A delivery, of which only ids are ever believed."""

    id: str
    type: str
    api_version: str
    livemode: bool
    is_of_another_account: bool  # Connect: of an account connected to the one that we act for
    created_at: datetime
    object_id: str
    object_type: str
    customer: str | None
