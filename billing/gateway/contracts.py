"""Changing a running subscription at Stripe, and beginning one on the card on file. A part of the account.

Nothing here leaves a half-made change behind: what the card on file does not pay for is not done.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime
from typing import Any, Literal

from stripe.params import (
    InvoiceCreatePreviewParams,
    SubscriptionCreateParams,
    SubscriptionUpdateParams,
    SubscriptionUpdateParamsCancellationDetails,
)

from billing import snapshots
from billing.gateway.refusals import translated
from billing.gateway.unpacking import plain
from billing.snapshots import PreviewSnapshot, SubscriptionSnapshot

Unpaid = Literal["error_if_incomplete", "pending_if_incomplete"]


class Contracts(ABC):
    """What the account may be asked about a subscription that runs, or has ended; see the port for the promises."""

    _v1: Any  # the SDK's services, which the account makes
    _with_tax: bool  # whether Stripe works out the taxes of what begins

    @abstractmethod
    def _update_subscription(
        self, subscription: str, params: SubscriptionUpdateParams, *, key: str
    ) -> SubscriptionSnapshot: ...

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
        """Ask what a change to another price would bring, were it made at `at`."""
        wish: InvoiceCreatePreviewParams = {
            "subscription": subscription,
            "subscription_details": {
                "items": [{"id": item, "price": price, "quantity": quantity}],
                "proration_behavior": "always_invoice",
                "proration_date": int(at.timestamp()),
            },
        }
        if drop_discounts:
            wish["discounts"] = ""
        return self._preview(wish)

    def preview_start(self, *, customer: str, price: str, quantity: int = 1) -> PreviewSnapshot:
        """Ask what a new subscription to a price would bring today."""
        wish: InvoiceCreatePreviewParams = {
            "customer": customer,
            "subscription_details": {"items": [{"price": price, "quantity": quantity}]},
        }
        if self._with_tax:
            wish["automatic_tax"] = {"enabled": True}
        return self._preview(wish)

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
        """Change to another price as if at `at`, and settle the difference now."""
        unpaid: Unpaid = "pending_if_incomplete" if may_wait else "error_if_incomplete"
        wish: SubscriptionUpdateParams = {
            "items": [{"id": item, "price": price, "quantity": quantity}],
            "proration_behavior": "always_invoice",
            "proration_date": int(at.timestamp()),
            "payment_behavior": unpaid,
        }
        if drop_discounts:
            wish["discounts"] = ""
        return self._update_subscription(subscription, wish, key=key)

    def begin(
        self, *, customer: str, price: str, card: str, reader: str, key: str, quantity: int = 1
    ) -> SubscriptionSnapshot:
        """Begin a subscription on a card on file, or nothing at all."""
        wish: SubscriptionCreateParams = {
            "customer": customer,
            "items": [{"price": price, "quantity": quantity}],
            "default_payment_method": card,
            "payment_behavior": "error_if_incomplete",
            "metadata": {"reader_id": reader},
        }
        if self._with_tax:
            wish["automatic_tax"] = {"enabled": True}
        with translated():
            made = self._v1.subscriptions.create(wish, {"idempotency_key": key})
        return snapshots.subscription(plain(made))

    def pause(self, *, subscription: str, until: datetime, key: str) -> SubscriptionSnapshot:
        """Charge nothing and give nothing for periods that begin before `until`."""
        return self._update_subscription(
            subscription,
            {"pause_collection": {"behavior": "void", "resumes_at": int(until.timestamp())}},
            key=key,
        )

    def unpause(self, *, subscription: str, begin_now: bool, key: str) -> SubscriptionSnapshot:
        """Take back a pause, with a new period that is paid now or with the one already paid."""
        wish: SubscriptionUpdateParams = {"pause_collection": ""}
        if begin_now:
            wish |= {
                "billing_cycle_anchor": {"type": "now"},
                "proration_behavior": "none",
                "payment_behavior": "error_if_incomplete",
            }
        return self._update_subscription(subscription, wish, key=key)

    def resume(self, *, subscription: str, key: str) -> SubscriptionSnapshot:
        """Take back a pause of Stripe's own, with a new period that is charged or owed."""
        with translated():
            made = self._v1.subscriptions.resume(
                subscription, {"billing_cycle_anchor": {"type": "now"}}, {"idempotency_key": key}
            )
        return snapshots.subscription(plain(made))

    def explain_end(self, *, subscription: str, feedback: str, comment: str, key: str) -> None:
        """Note why a reader cancelled."""
        details: SubscriptionUpdateParamsCancellationDetails = {"comment": comment}
        if feedback:
            details["feedback"] = feedback
        self._update_subscription(subscription, {"cancellation_details": details}, key=key)

    def _preview(self, params: InvoiceCreatePreviewParams) -> PreviewSnapshot:
        with translated():
            return snapshots.preview(plain(self._v1.invoices.create_preview(params)))
