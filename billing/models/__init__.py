"""What was bought, as a mirror of Stripe; what we asked of Stripe; what Stripe told us.

What mirrors a customer is written by `billing.sync` only. Money is integer minor units with a lower-case currency.
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
from billing.models.groups import Seat, SeatQuerySet
from billing.models.held import Comp, DayPass, Present
from billing.models.records import CheckoutAttempt, Cursor, OutboundCall, ReconcileRun, StripeEvent
from billing.models.returns import Alert, Dispute, Refund, RefundOrder
from billing.models.sale import Plan, Price
from billing.models.worth import BilledTime

__all__ = [
    "Alert",
    "BilledTime",
    "CheckoutAttempt",
    "Comp",
    "Cursor",
    "Customer",
    "DayPass",
    "Dispute",
    "Invoice",
    "OpenProduct",
    "OutboundCall",
    "PaymentMethod",
    "Plan",
    "Present",
    "Price",
    "ReconcileRun",
    "Refund",
    "RefundOrder",
    "Seat",
    "SeatQuerySet",
    "StripeEvent",
    "Subscription",
    "SubscriptionItem",
]
