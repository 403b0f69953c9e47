"""What the rest of billing may ask of Stripe, in our own words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from billing.gateway.goods import Goods
from billing.snapshots import (
    Access,
    CheckoutSnapshot,
    CustomerPicture,
    CustomerSnapshot,
    DisputeSnapshot,
    EventSnapshot,
    InvoiceSnapshot,
    PreviewSnapshot,
    PriceSnapshot,
    RefundSnapshot,
    SubscriptionSnapshot,
    WarningSnapshot,
)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A genuine webhook delivery: what it is about, and the whole of it for the record."""

    event: EventSnapshot
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class NextCharge:
    """What Stripe will charge next for a subscription, and when."""

    amount: int
    currency: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Beginning:
    """How a subscription begins: with a trial, with a coupon, with a code that was typed, or as it goes on."""

    trial_days: int = 0
    trial_needs_card: bool = True  # without one the trial ends as it is
    coupon: str = ""
    code: str = ""  # Stripe's id; it takes the coupon's place
    asks_for_code: bool = False  # where neither is given


AS_IT_GOES_ON = Beginning()


class Gateway(Goods, Protocol):
    """What billing may ask of Stripe.

    Every write takes the caller's idempotency `key`. Every call to Stripe ends within ten seconds and raises only
    `StripeTrouble` (repeat with the same key) or `StripeRefused` and its kinds (repeating won't change the answer).
    """

    def verify(self, *, body: bytes, signature: str) -> Delivery:
        """Return what a webhook says, if Stripe signed it with any of our secrets.

        :raises WebhookRefused: the signature is missing, wrong or old, or the body is not an event.
        """
        ...

    def picture(self, customer: str) -> CustomerPicture:
        """Fetch a customer with all subscriptions, invoices, cards, and payments: what for, and what of them went back.

        A deleted customer is no error.

        :raises StripeGone: there never was such a customer.
        """
        ...

    def customer(self, customer: str) -> CustomerSnapshot:
        """Fetch a customer alone.

        :raises StripeGone: there never was such a customer.
        """
        ...

    def customer_of(self, *, object_type: str, object_id: str) -> str | None:
        """Find whose object this is, for the few events that do not say."""
        ...

    def create_customer(self, *, email: str, reader: str, key: str) -> str:
        """Create a customer that names our reader in its metadata; return its id."""
        ...

    def update_email(self, *, customer: str, email: str, key: str) -> None:
        """Tell Stripe a reader's new address."""
        ...

    def delete_customer(self, *, customer: str, key: str) -> None:
        """Delete a customer; Stripe cancels all its subscriptions at once. An already deleted one is no error."""
        ...

    def prices(self) -> tuple[PriceSnapshot, ...]:
        """Fetch every price on this account with its product, also archived ones."""
        ...

    def start_checkout(
        self,
        *,
        customer: str,
        price: str,
        reader: str,
        return_url: str,
        cancel_url: str,
        key: str,
        beginning: Beginning = AS_IT_GOES_ON,
        quantity: int = 1,
        most: int = 1,
    ) -> CheckoutSnapshot:
        """Open a hosted Checkout for a subscription. `price` is Stripe's id.

        Where `most` is more than one, the reader may still change the quantity there, up to that.
        """
        ...

    def start_payment(
        self,
        *,
        price: str,
        promise: dict[str, str],
        return_url: str,
        cancel_url: str,
        key: str,
        customer: str | None = None,
        reader: str | None = None,
        email: str = "",
    ) -> CheckoutSnapshot:
        """Open a hosted Checkout for something paid once, by a customer or by whoever has that address.

        The payment will bear the `promise`: what is owed for it, whatever becomes of the price later.
        """
        ...

    def start_card_form(
        self,
        *,
        customer: str,
        currency: str,
        reader: str,
        return_url: str,
        cancel_url: str,
        key: str,
        purpose: str = "card",
    ) -> CheckoutSnapshot:
        """Open a hosted form that stores a card for later charges; the session tells its `purpose`."""
        ...

    def checkout(self, session: str) -> CheckoutSnapshot:
        """Look at a hosted session again."""
        ...

    def expire_checkout(self, session: str, *, key: str) -> CheckoutSnapshot:
        """Close an open session, so that it can no longer be paid; one no longer open is returned as it is."""
        ...

    def use_card(self, *, customer: str, card: str, subscriptions: tuple[str, ...], key: str) -> None:
        """Make a card the default of the customer and of these subscriptions; one that has ended is left."""
        ...

    def pay_invoice(self, *, invoice: str, card: str, key: str) -> InvoiceSnapshot:
        """Pay an open invoice with this card now; one already paid, or void by now, is returned as it is.

        :raises CardRefused: the card was declined, or the bank wants a confirmation (code `authentication_required`).
        """
        ...

    def refund_payment(self, *, payment: str, key: str) -> None:
        """Give a payment back wholly; one given back already is left as it is."""
        ...

    def note_on_payment(self, *, payment: str, note: dict[str, str], key: str) -> None:
        """Write something on a payment, beside what it bears already."""
        ...

    def void_invoice(self, *, invoice: str, key: str) -> None:
        """Declare that an open invoice is owed no more; one that is not open any more is left as it is."""
        ...

    def refund(self, *, charge: str, amount: int, order: str, access: Access, key: str) -> RefundSnapshot:
        """Give back so much of a charge. `order` and `access` are written on it, and come back with each look."""
        ...

    def sales(self, *, after: str = "") -> Iterator[CheckoutSnapshot]:
        """Walk all completed sessions of the account in which something was paid once, newest first."""
        ...

    def refunds(self, *, after: str = "") -> Iterator[RefundSnapshot]:
        """Walk all refunds of the account, newest first, after a refund's id."""
        ...

    def disputes(self, *, after: str = "") -> Iterator[DisputeSnapshot]:
        """Walk all disputes of the account, newest first, after a dispute's id."""
        ...

    def dispute(self, dispute: str) -> DisputeSnapshot:
        """Fetch a dispute.

        :raises StripeGone: there never was such a dispute.
        """
        ...

    def fraud_warnings(self, *, after: str = "") -> Iterator[WarningSnapshot]:
        """Walk all early warnings of fraud, newest first, after a warning's id."""
        ...

    def fraud_warning(self, warning: str) -> WarningSnapshot:
        """Fetch an early warning of fraud.

        :raises StripeGone: there never was such a warning.
        """
        ...

    def cancel_at_period_end(self, *, subscription: str, key: str) -> SubscriptionSnapshot:
        """Let a subscription end with the period already paid."""
        ...

    def cancel_now(self, *, subscription: str, key: str) -> SubscriptionSnapshot:
        """End a subscription at once. An already ended one is returned as it is."""
        ...

    def keep(self, *, subscription: str, key: str) -> SubscriptionSnapshot:
        """Take back a scheduled end, whichever of Stripe's two ways it was scheduled in."""
        ...

    def preview_change(
        self,
        *,
        subscription: str,
        item: str,
        price: str,
        quantity: int,
        at: datetime,
        drop_discounts: bool = False,
    ) -> PreviewSnapshot:
        """Ask what a change to another price would bring, were it made at `at` and settled at once.

        With `drop_discounts` nothing is taken off any more, as with `change_price`.
        """
        ...

    def change_price(
        self,
        *,
        subscription: str,
        item: str,
        price: str,
        quantity: int,
        at: datetime,
        key: str,
        drop_discounts: bool = False,
        may_wait: bool = False,
    ) -> SubscriptionSnapshot:
        """Change to another price as if at `at`, and charge or credit the difference now.

        Where the card does not pay, nothing has changed and nothing is owed. With `may_wait` the change stays
        pending instead, beside an open invoice: made when that is paid, dropped by Stripe within a day.

        :raises CardRefused: the card was declined, or the bank wants a confirmation (code `authentication_required`).
        """
        ...

    def preview_start(self, *, customer: str, price: str, quantity: int = 1) -> PreviewSnapshot:
        """Ask what a new subscription to a price (Stripe's id) would bring today."""
        ...

    def begin(
        self, *, customer: str, price: str, card: str, reader: str, key: str, quantity: int = 1
    ) -> SubscriptionSnapshot:
        """Begin a subscription on a card on file. Where the card does not pay, there is no subscription.

        :raises CardRefused: the card was declined, or the bank wants a confirmation (code `authentication_required`).
        """
        ...

    def pause(self, *, subscription: str, until: datetime, key: str) -> SubscriptionSnapshot:
        """Void what falls due before `until`; from then on Stripe charges again by itself."""
        ...

    def unpause(self, *, subscription: str, begin_now: bool, key: str) -> SubscriptionSnapshot:
        """Take back a pause; with `begin_now` a new period begins at once, and is paid or nothing is changed.

        :raises CardRefused: the card on file did not pay for it.
        """
        ...

    def resume(self, *, subscription: str, key: str) -> SubscriptionSnapshot:
        """Take back a pause of Stripe's own (status `paused`): a new period begins, and is charged or owed."""
        ...

    def explain_end(self, *, subscription: str, feedback: str, comment: str, key: str) -> None:
        """Note at Stripe why a reader cancelled; possible also of one that has ended."""
        ...

    def next_charge(self, *, subscription: str) -> NextCharge | None:
        """Ask what will be charged next; None where nothing will."""
        ...

    def events(self, *, since: datetime, until: datetime) -> Iterator[Delivery]:
        """Walk the events that Stripe made in `since <= t < until`, newest first. Stripe keeps 30 days of them."""
        ...

    def subscriptions(self, *, after: str = "") -> Iterator[SubscriptionSnapshot]:
        """Walk all subscriptions of the account in every status, newest first, after a subscription id."""
        ...
