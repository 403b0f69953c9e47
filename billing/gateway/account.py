"""A Stripe account through the pinned SDK. Plain values in, snapshots out; no SDK object leaves this room."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import stripe
from stripe._v1_services import V1Services
from stripe.params import SubscriptionListParams, SubscriptionUpdateParams

from billing import snapshots
from billing.errors import CardRefused, StripeGone, StripeRefused
from billing.gateway import deliveries
from billing.gateway.charges import ChargeCalls
from billing.gateway.contracts import Contracts
from billing.gateway.goods import StripeGoods
from billing.gateway.http import RETRIES, PatientClient
from billing.gateway.lines import InvoiceLines
from billing.gateway.port import Delivery, NextCharge
from billing.gateway.refusals import translated
from billing.gateway.sessions import HostedSessions
from billing.gateway.unpacking import PAGE, plain
from billing.snapshots import (
    GOOD_STANDING,
    CardSnapshot,
    CustomerPicture,
    CustomerSnapshot,
    InvoiceSnapshot,
    PriceSnapshot,
    SubscriptionSnapshot,
)

logger = logging.getLogger(__name__)

_REFUNDED_ALREADY = "charge_already_refunded"
_NO_NEXT_INVOICE = "invoice_upcoming_none"


class StripeGateway(ChargeCalls, HostedSessions, StripeGoods, Contracts):
    """Billing's `Gateway` over Stripe's API; see there for what each call promises."""

    _v1: V1Services

    def __init__(
        self,
        *,
        secret_key: str,
        api_base: str,
        webhook_secrets: tuple[str, ...] = (),
        http_client: stripe.HTTPClient | None = None,
        with_tax: bool = False,
    ) -> None:
        self._secrets = webhook_secrets
        self._with_tax = with_tax
        self._v1 = stripe.StripeClient(
            secret_key,
            # The SDK's own version, said aloud: whatever the account's default is, our parsers know this one.
            stripe_version=stripe.api_version,
            base_addresses={"api": api_base},
            max_network_retries=RETRIES,
            http_client=http_client or PatientClient(),
        ).v1
        self._lines = InvoiceLines(self._v1)

    def verify(self, *, body: bytes, signature: str) -> Delivery:
        """Return what a webhook says, if Stripe signed it with any of our secrets."""
        return deliveries.read(body, signature=signature, secrets=self._secrets)

    # What Stripe knows

    def picture(self, customer: str) -> CustomerPicture:
        """Fetch a customer with all subscriptions, invoices, cards, and payments."""
        theirs = self.customer(customer)
        if theirs.deleted:
            return self._picture_of_deleted(theirs)
        charges, disputes, payments = self._taken_from(customer)
        subscriptions = tuple(self._subscriptions({"customer": customer}))
        return CustomerPicture(
            customer=theirs,
            subscriptions=subscriptions,
            invoices=tuple(self._invoices(customer)),
            cards=tuple(self._cards(customer)),
            charges=charges,
            disputes=disputes,
            next_amounts=self._next_amounts(subscriptions),
            payments=payments,
        )

    def customer(self, customer: str) -> CustomerSnapshot:
        """Fetch a customer alone."""
        with translated():
            return snapshots.customer(plain(self._v1.customers.retrieve(customer)))

    def customer_of(self, *, object_type: str, object_id: str) -> str | None:
        """Find whose object this is, for the few events that do not say."""
        retrieve = self._retrievers().get(object_type)
        if retrieve is None:
            return None
        try:
            with translated():
                found = plain(retrieve(object_id))
        except StripeGone:
            return None
        if owner := snapshots.id_of(found.get("customer")):
            return owner
        for kind in ("invoice", "charge"):
            if (parent := snapshots.id_of(found.get(kind))) and kind != object_type:
                return self.customer_of(object_type=kind, object_id=parent)
        return None

    def prices(self) -> tuple[PriceSnapshot, ...]:
        """Fetch every price on this account with its product, also archived ones."""
        with translated():
            listing = self._v1.prices.list({"limit": PAGE, "expand": ["data.product"]})
            return tuple(snapshots.price(plain(row)) for row in listing.auto_paging_iter())

    def next_charge(self, *, subscription: str) -> NextCharge | None:
        """Ask what will be charged next; None where nothing will."""
        try:
            with translated():
                preview = plain(self._v1.invoices.create_preview({"subscription": subscription}))
        except StripeRefused as refusal:
            if isinstance(refusal, StripeGone) or refusal.code == _NO_NEXT_INVOICE:
                return None
            raise
        at = preview.get("next_payment_attempt")
        return NextCharge(
            amount=preview["amount_due"],
            currency=preview["currency"],
            at=snapshots.moment(at) if at is not None else None,
        )

    def events(self, *, since: datetime, until: datetime) -> Iterator[Delivery]:
        """Walk the events that Stripe made in `since <= t < until`, newest first."""
        with translated():
            listing = self._v1.events.list(
                {"created": {"gte": int(since.timestamp()), "lt": int(until.timestamp())}, "limit": PAGE}
            )
            for row in listing.auto_paging_iter():
                payload = plain(row)
                try:
                    event = snapshots.event(payload)
                except ValueError:
                    # One that cannot be read must not hide the others, for as long as Stripe keeps it.
                    logger.exception("Event %s cannot be read.", payload.get("id"))
                    continue
                yield Delivery(event=event, payload=deliveries.for_the_record(payload))

    def subscriptions(self, *, after: str = "") -> Iterator[SubscriptionSnapshot]:
        """Walk all subscriptions of the account in every status, newest first, after a subscription id."""
        return self._subscriptions({"starting_after": after} if after else {})

    # What we ask Stripe to do

    def create_customer(self, *, email: str, reader: str, key: str) -> str:
        """Create a customer that names our reader in its metadata; return its id."""
        with translated():
            made = self._v1.customers.create(
                {"email": email, "metadata": {"reader_id": reader}}, {"idempotency_key": key}
            )
        return made.id

    def update_email(self, *, customer: str, email: str, key: str) -> None:
        """Tell Stripe a reader's new address."""
        with translated():
            self._v1.customers.update(customer, {"email": email}, {"idempotency_key": key})

    def delete_customer(self, *, customer: str, key: str) -> None:
        """Delete a customer; Stripe cancels all its subscriptions at once. An already deleted one is no error."""
        try:
            with translated():
                self._v1.customers.delete(customer, {}, {"idempotency_key": key})
        except StripeGone:
            return

    def use_card(self, *, customer: str, card: str, subscriptions: tuple[str, ...], key: str) -> None:
        """Make a card the default of the customer and of these subscriptions; one that ended meanwhile is left."""
        with translated():
            self._v1.customers.update(
                customer,
                {"invoice_settings": {"default_payment_method": card}},
                {"idempotency_key": f"{key}:customer"},
            )
        for subscription in subscriptions:
            try:
                with translated():
                    self._v1.subscriptions.update(
                        subscription,
                        {"default_payment_method": card},
                        {"idempotency_key": f"{key}:{subscription}"},
                    )
            except StripeGone:
                continue
            except StripeRefused:
                if self._subscription(subscription).status.is_open:
                    raise

    def pay_invoice(self, *, invoice: str, card: str, key: str) -> InvoiceSnapshot:
        """Pay an open invoice with this card now; one already paid, or void by now, is returned as it is."""
        try:
            with translated():
                paid = self._v1.invoices.pay(invoice, {"payment_method": card}, {"idempotency_key": key})
        except CardRefused:
            raise
        except StripeRefused:
            with translated():
                found = snapshots.invoice(plain(self._v1.invoices.retrieve(invoice)))
            if found.status not in {"paid", "void"}:
                raise
            return found
        return snapshots.invoice(plain(paid))

    def refund_payment(self, *, payment: str, key: str) -> None:
        """Give a payment back wholly; one given back already is left as it is."""
        try:
            with translated():
                self._v1.refunds.create({"payment_intent": payment}, {"idempotency_key": key})
        except StripeRefused as refusal:
            if refusal.code != _REFUNDED_ALREADY:
                raise

    def note_on_payment(self, *, payment: str, note: dict[str, str], key: str) -> None:
        """Write something on a payment, beside what it bears already."""
        with translated():
            self._v1.payment_intents.update(payment, {"metadata": note}, {"idempotency_key": key})

    def void_invoice(self, *, invoice: str, key: str) -> None:
        """Declare that an open invoice is owed no more; one that is not open any more is left as it is."""
        try:
            with translated():
                self._v1.invoices.void_invoice(invoice, {}, {"idempotency_key": key})
        except StripeRefused:
            with translated():
                found = snapshots.invoice(plain(self._v1.invoices.retrieve(invoice)))
            if found.status == "open":
                raise

    def cancel_at_period_end(self, *, subscription: str, key: str) -> SubscriptionSnapshot:
        """Let a subscription end with the period already paid."""
        return self._update_subscription(subscription, {"cancel_at_period_end": True}, key=key)

    def cancel_now(self, *, subscription: str, key: str) -> SubscriptionSnapshot:
        """End a subscription at once. An already ended one is returned as it is."""
        try:
            with translated():
                ended = plain(self._v1.subscriptions.cancel(subscription, {}, {"idempotency_key": key}))
        except StripeRefused:
            found = self._subscription(subscription)
            if found.status.is_open:
                raise
            return found
        return snapshots.subscription(self._whole(ended))

    def keep(self, *, subscription: str, key: str) -> SubscriptionSnapshot:
        """Take back a scheduled end, whichever of Stripe's two ways it was scheduled in."""
        found = self._subscription(subscription)
        # The flag also fills in `cancel_at`, and Stripe refuses a call that clears both.
        if found.cancel_at_period_end:
            return self._update_subscription(subscription, {"cancel_at_period_end": False}, key=key)
        if found.cancel_at is not None:
            return self._update_subscription(subscription, {"cancel_at": ""}, key=key)
        return found

    # How

    def _picture_of_deleted(self, theirs: CustomerSnapshot) -> CustomerPicture:
        try:
            charges, disputes, payments = self._taken_from(theirs.id)
            return CustomerPicture(
                customer=theirs,
                subscriptions=tuple(self._subscriptions({"customer": theirs.id})),
                invoices=tuple(self._invoices(theirs.id)),
                charges=charges,
                disputes=disputes,
                payments=payments,
            )
        except StripeGone:
            return CustomerPicture(customer=theirs)

    def _subscription(self, subscription: str) -> SubscriptionSnapshot:
        with translated():
            found = plain(self._v1.subscriptions.retrieve(subscription))
        return snapshots.subscription(self._whole(found))

    def _update_subscription(
        self, subscription: str, params: SubscriptionUpdateParams, *, key: str
    ) -> SubscriptionSnapshot:
        with translated():
            updated = self._v1.subscriptions.update(subscription, params, {"idempotency_key": key})
        return snapshots.subscription(self._whole(plain(updated)))

    def _subscriptions(self, narrowed: SubscriptionListParams) -> Iterator[SubscriptionSnapshot]:
        with translated():
            # Without a status Stripe leaves out the cancelled ones.
            listing = self._v1.subscriptions.list(
                narrowed | {"status": "all", "limit": PAGE, "expand": ["data.discounts.source.coupon"]}
            )
            for row in listing.auto_paging_iter():
                whole = self._whole(plain(row))
                self._lines.learn(whole)
                yield snapshots.subscription(whole)

    def _next_amounts(self, subscriptions: tuple[SubscriptionSnapshot, ...]) -> dict[str, int]:
        """Ask what comes next where something is let off: only Stripe knows what of it is left by then."""
        asked = [theirs.id for theirs in subscriptions if theirs.discounts and theirs.status in GOOD_STANDING]
        answers = ((name, self._next_charge_or_none(name)) for name in asked)
        return {name: charge.amount for name, charge in answers if charge is not None}

    def _next_charge_or_none(self, subscription: str) -> NextCharge | None:
        """Let a number that Stripe will not work out, for want of an address, say, keep nothing else from us."""
        try:
            return self.next_charge(subscription=subscription)
        except StripeRefused as refusal:
            logger.warning("What %s costs next is not known: %s", subscription, refusal)
            return None

    def _whole(self, subscription: dict[str, Any]) -> dict[str, Any]:
        """Fetch the items that did not fit into the first page."""
        if not (subscription.get("items") or {}).get("has_more"):
            return subscription
        with translated():
            listing = self._v1.subscription_items.list({"subscription": subscription["id"], "limit": PAGE})
            items = [plain(row) for row in listing.auto_paging_iter()]
        return {**subscription, "items": {"data": items}}

    def _invoices(self, customer: str) -> Iterator[InvoiceSnapshot]:
        with translated():
            listing = self._v1.invoices.list(
                {"customer": customer, "limit": PAGE, "expand": ["data.payments"]}
            )
            for row in listing.auto_paging_iter():
                data = plain(row)
                yield snapshots.invoice(
                    data, payment_intent=self._unpaid_intent(data), lines=self._lines.of(data)
                )

    def _unpaid_intent(self, invoice: dict[str, Any]) -> dict[str, Any] | None:
        """Fetch the payment that an open invoice waits for: only it says why the last attempt failed."""
        intent = snapshots.payment_intent_of(invoice)
        if intent is None or invoice.get("status") != "open":
            return None
        with translated():
            return plain(self._v1.payment_intents.retrieve(intent))

    def _cards(self, customer: str) -> Iterator[CardSnapshot]:
        with translated():
            listing = self._v1.payment_methods.list({"customer": customer, "limit": PAGE})
            for row in listing.auto_paging_iter():
                yield snapshots.card(plain(row))

    def _retrievers(self) -> dict[str, Callable[[str], stripe.StripeObject]]:
        return {
            "charge": self._v1.charges.retrieve,
            "dispute": self._v1.disputes.retrieve,
            "invoice": self._v1.invoices.retrieve,
            "invoice_payment": self._v1.invoice_payments.retrieve,
            "payment_intent": self._v1.payment_intents.retrieve,
            "payment_method": self._v1.payment_methods.retrieve,
            "radar.early_fraud_warning": self._v1.radar.early_fraud_warnings.retrieve,
            "refund": self._v1.refunds.retrieve,
            "setup_intent": self._v1.setup_intents.retrieve,
            "subscription": self._v1.subscriptions.retrieve,
        }
