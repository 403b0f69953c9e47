"""What was bought, as a mirror of Stripe; what we asked of Stripe; what Stripe told us.

Mirror rows are written by `billing.sync` only. Money is integer minor units with a lower-case currency.
"""

from __future__ import annotations

from billing.models.contracts import (
    Customer,
    Invoice,
    OpenProduct,
    PaymentMethod,
    Subscription,
    SubscriptionItem,
)
from billing.models.held import Comp, DayPass, Present
from billing.models.records import CheckoutAttempt, Cursor, OutboundCall, ReconcileRun, StripeEvent
from billing.models.sale import Plan, Price

__all__ = [
    "CheckoutAttempt",
    "Comp",
    "Cursor",
    "Customer",
    "DayPass",
    "Invoice",
    "OpenProduct",
    "OutboundCall",
    "PaymentMethod",
    "Plan",
    "Present",
    "Price",
    "ReconcileRun",
    "StripeEvent",
    "Subscription",
    "SubscriptionItem",
]
