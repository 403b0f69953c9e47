"""A Stripe account through the pinned SDK. Plain values in, snapshots out; no SDK object leaves this room."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import stripe
from stripe.params import SubscriptionListParams, SubscriptionUpdateParams
from stripe.params.checkout import SessionCreateParams, SessionCreateParamsSubscriptionData

from billing import snapshots
from billing.errors import CardRefused, StripeGone, StripeRefused
from billing.gateway import deliveries
from billing.gateway.http import RETRIES, PatientClient
from billing.gateway.port import Delivery, NextCharge
from billing.gateway.refusals import translated
from billing.snapshots import (
    CardSnapshot,
    CheckoutSnapshot,
    CustomerPicture,
    CustomerSnapshot,
    InvoiceSnapshot,
    PaymentSnapshot,
    PriceSnapshot,
    SubscriptionSnapshot,
)

logger = logging.getLogger(__name__)

_PAGE = 100
_WHOLE_SESSION = ["setup_intent", "payment_intent.latest_charge"]
_REFUNDED_ALREADY = "charge_already_refunded"
_NO_NEXT_INVOICE = "invoice_upcoming_none"


class StripeGateway:
    """Billing's `Gateway` over Stripe's API; see there for what each call promises."""

    def __init__(
        self,
        *,
        secret_key: str,
        api_base: str,
        webhook_secrets: tuple[str, ...] = (),
        http_client: stripe.HTTPClient | None = None,
    ) -> None:
        self._secrets = webhook_secrets
        self._v1 = stripe.StripeClient(
            secret_key,
            # The SDK's own version, said aloud: whatever the account's default is, our parsers know this one.
            stripe_version=stripe.api_version,
            base_addresses={"api": api_base},
            max_network_retries=RETRIES,
            http_client=http_client or PatientClient(),
        ).v1

    def verify(self, *, body: bytes, signature: str) -> Delivery:
        """Return what a webhook says, if Stripe signed it with any of our secrets."""
        return deliveries.read(body, signature=signature, secrets=self._secrets)

    # What Stripe knows

    def picture(self, customer: str) -> CustomerPicture:
        """Fetch a customer with all subscriptions, invoices, cards, and payments made once."""
        theirs = self.customer(customer)
        if theirs.deleted:
            return self._picture_of_deleted(theirs)
        return CustomerPicture(
            customer=theirs,
            subscriptions=tuple(self._subscriptions({"customer": customer})),
            invoices=tuple(self._invoices(customer)),
            cards=tuple(self._cards(customer)),
            payments=tuple(self._payments(customer)),
        )

    def customer(self, customer: str) -> CustomerSnapshot:
        """Fetch a customer alone."""
        with translated():
            return snapshots.customer(_plain(self._v1.customers.retrieve(customer)))

    def customer_of(self, *, object_type: str, object_id: str) -> str | None:
        """Find whose object this is, for the few events that do not say."""
        retrieve = self._retrievers().get(object_type)
        if retrieve is None:
            return None
        try:
            with translated():
                found = _plain(retrieve(object_id))
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
            listing = self._v1.prices.list({"limit": _PAGE, "expand": ["data.product"]})
            return tuple(snapshots.price(_plain(row)) for row in listing.auto_paging_iter())

    def checkout(self, session: str) -> CheckoutSnapshot:
        """Look at a hosted session again."""
        with translated():
            found = self._v1.checkout.sessions.retrieve(session, {"expand": _WHOLE_SESSION})
        return snapshots.checkout(_plain(found))

    def next_charge(self, *, subscription: str) -> NextCharge | None:
        """Ask what will be charged next; None where nothing will."""
        try:
            with translated():
                preview = _plain(self._v1.invoices.create_preview({"subscription": subscription}))
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
                {"created": {"gte": int(since.timestamp()), "lt": int(until.timestamp())}, "limit": _PAGE}
            )
            for row in listing.auto_paging_iter():
                payload = _plain(row)
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

    def start_checkout(
        self,
        *,
        customer: str,
        price: str,
        reader: str,
        return_url: str,
        cancel_url: str,
        key: str,
        trial_days: int = 0,
    ) -> CheckoutSnapshot:
        """Open a hosted Checkout for a subscription. `price` is Stripe's id."""
        contract: SessionCreateParamsSubscriptionData = {"metadata": {"reader_id": reader}}
        if trial_days:
            contract["trial_period_days"] = trial_days
        return self._start_session(
            {
                "mode": "subscription",
                "customer": customer,
                "client_reference_id": reader,
                "line_items": [{"price": price, "quantity": 1}],
                "subscription_data": contract,
                "metadata": {"reader_id": reader, "purpose": "subscribe"},
                "success_url": return_url,
                "cancel_url": cancel_url,
            },
            key=key,
        )

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
        """Open a hosted Checkout for something paid once."""
        params: SessionCreateParams = {
            "mode": "payment",
            "line_items": [{"price": price, "quantity": 1}],
            "payment_intent_data": {"metadata": promise},
            "metadata": promise,
            "success_url": return_url,
            "cancel_url": cancel_url,
        }
        if reader is not None:
            params["client_reference_id"] = reader
        if customer is not None:
            params["customer"] = customer
        elif email:
            params["customer_email"] = email
            params["payment_intent_data"]["receipt_email"] = email
        return self._start_session(params, key=key)

    def start_card_form(
        self, *, customer: str, currency: str, reader: str, return_url: str, cancel_url: str, key: str
    ) -> CheckoutSnapshot:
        """Open a hosted form that stores a card for later charges."""
        return self._start_session(
            {
                "mode": "setup",
                # Without it Stripe cannot tell which means of payment to offer.
                "currency": currency,
                "customer": customer,
                "client_reference_id": reader,
                "metadata": {"reader_id": reader, "purpose": "card"},
                "success_url": return_url,
                "cancel_url": cancel_url,
            },
            key=key,
        )

    def expire_checkout(self, session: str, *, key: str) -> CheckoutSnapshot:
        """Close an open session; one already complete or expired is returned as it is."""
        try:
            with translated():
                self._v1.checkout.sessions.expire(session, {}, {"idempotency_key": key})
        except StripeGone:
            raise
        except StripeRefused:
            found = self.checkout(session)
            if found.status == "open":
                raise
            return found
        return self.checkout(session)

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
                found = snapshots.invoice(_plain(self._v1.invoices.retrieve(invoice)))
            if found.status not in {"paid", "void"}:
                raise
            return found
        return snapshots.invoice(_plain(paid))

    def refund_payment(self, *, payment: str, key: str) -> None:
        """Give a payment back wholly; one given back already is left as it is."""
        try:
            with translated():
                self._v1.refunds.create({"payment_intent": payment}, {"idempotency_key": key})
        except StripeRefused as refusal:
            if refusal.code != _REFUNDED_ALREADY:
                raise

    def void_invoice(self, *, invoice: str, key: str) -> None:
        """Declare that an open invoice is owed no more; one that is not open any more is left as it is."""
        try:
            with translated():
                self._v1.invoices.void_invoice(invoice, {}, {"idempotency_key": key})
        except StripeRefused:
            with translated():
                found = snapshots.invoice(_plain(self._v1.invoices.retrieve(invoice)))
            if found.status == "open":
                raise

    def cancel_at_period_end(self, *, subscription: str, key: str) -> SubscriptionSnapshot:
        """Let a subscription end with the period already paid."""
        return self._update_subscription(subscription, {"cancel_at_period_end": True}, key=key)

    def cancel_now(self, *, subscription: str, key: str) -> SubscriptionSnapshot:
        """End a subscription at once. An already ended one is returned as it is."""
        try:
            with translated():
                ended = _plain(self._v1.subscriptions.cancel(subscription, {}, {"idempotency_key": key}))
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

    def _start_session(self, params: SessionCreateParams, *, key: str) -> CheckoutSnapshot:
        params["ui_mode"] = "hosted_page"
        with translated():
            made = self._v1.checkout.sessions.create(params, {"idempotency_key": key})
        return snapshots.checkout(_plain(made))

    def _picture_of_deleted(self, theirs: CustomerSnapshot) -> CustomerPicture:
        try:
            return CustomerPicture(
                customer=theirs,
                subscriptions=tuple(self._subscriptions({"customer": theirs.id})),
                invoices=tuple(self._invoices(theirs.id)),
            )
        except StripeGone:
            return CustomerPicture(customer=theirs)

    def _subscription(self, subscription: str) -> SubscriptionSnapshot:
        with translated():
            found = _plain(self._v1.subscriptions.retrieve(subscription))
        return snapshots.subscription(self._whole(found))

    def _update_subscription(
        self, subscription: str, params: SubscriptionUpdateParams, *, key: str
    ) -> SubscriptionSnapshot:
        with translated():
            updated = self._v1.subscriptions.update(subscription, params, {"idempotency_key": key})
        return snapshots.subscription(self._whole(_plain(updated)))

    def _subscriptions(self, narrowed: SubscriptionListParams) -> Iterator[SubscriptionSnapshot]:
        with translated():
            # Without a status Stripe leaves out the cancelled ones.
            listing = self._v1.subscriptions.list(narrowed | {"status": "all", "limit": _PAGE})
            for row in listing.auto_paging_iter():
                yield snapshots.subscription(self._whole(_plain(row)))

    def _whole(self, subscription: dict[str, Any]) -> dict[str, Any]:
        """Fetch the items that did not fit into the first page."""
        if not (subscription.get("items") or {}).get("has_more"):
            return subscription
        with translated():
            listing = self._v1.subscription_items.list({"subscription": subscription["id"], "limit": _PAGE})
            items = [_plain(row) for row in listing.auto_paging_iter()]
        return {**subscription, "items": {"data": items}}

    def _invoices(self, customer: str) -> Iterator[InvoiceSnapshot]:
        with translated():
            listing = self._v1.invoices.list(
                {"customer": customer, "limit": _PAGE, "expand": ["data.payments"]}
            )
            for row in listing.auto_paging_iter():
                data = _plain(row)
                yield snapshots.invoice(data, payment_intent=self._unpaid_intent(data))

    def _unpaid_intent(self, invoice: dict[str, Any]) -> dict[str, Any] | None:
        """Fetch the payment that an open invoice waits for: only it says why the last attempt failed."""
        intent = snapshots.payment_intent_of(invoice)
        if intent is None or invoice.get("status") != "open":
            return None
        with translated():
            return _plain(self._v1.payment_intents.retrieve(intent))

    def _cards(self, customer: str) -> Iterator[CardSnapshot]:
        with translated():
            listing = self._v1.payment_methods.list({"customer": customer, "limit": _PAGE})
            for row in listing.auto_paging_iter():
                yield snapshots.card(_plain(row))

    def _payments(self, customer: str) -> Iterator[PaymentSnapshot]:
        """Walk the payments for something sold once; those of invoices say no purpose."""
        with translated():
            listing = self._v1.payment_intents.list(
                {"customer": customer, "limit": _PAGE, "expand": ["data.latest_charge"]}
            )
            for row in listing.auto_paging_iter():
                payment = snapshots.payment(_plain(row))
                if payment.purpose:
                    yield payment

    def _retrievers(self) -> dict[str, Callable[[str], stripe.StripeObject]]:
        return {
            "charge": self._v1.charges.retrieve,
            "dispute": self._v1.disputes.retrieve,
            "invoice": self._v1.invoices.retrieve,
            "invoice_payment": self._v1.invoice_payments.retrieve,
            "payment_intent": self._v1.payment_intents.retrieve,
            "payment_method": self._v1.payment_methods.retrieve,
            "refund": self._v1.refunds.retrieve,
            "setup_intent": self._v1.setup_intents.retrieve,
            "subscription": self._v1.subscriptions.retrieve,
        }


def _plain(theirs: stripe.StripeObject) -> dict[str, Any]:
    """Unpack at the edge: an SDK object carries the secret key wherever it is pickled or cached."""
    return theirs.to_dict(for_json=True)
