"""Stripe's objects as frozen values (`values`), and the only parser of its JSON (`parsing`). Standard library only."""

from __future__ import annotations

from billing.snapshots.charge_parsing import charge, dispute, refund, warning
from billing.snapshots.charges import (
    Access,
    ChargeSnapshot,
    DisputeSnapshot,
    RefundSnapshot,
    WarningSnapshot,
)
from billing.snapshots.parsing import (
    card,
    checkout,
    customer,
    event,
    id_of,
    invoice,
    item,
    moment,
    payment_intent_of,
    price,
    subscription,
)
from billing.snapshots.values import (
    CardSnapshot,
    CheckoutSnapshot,
    CustomerPicture,
    CustomerSnapshot,
    EventSnapshot,
    InvoiceSnapshot,
    ItemSnapshot,
    PriceSnapshot,
    Status,
    SubscriptionSnapshot,
)

__all__ = [
    "Access",
    "CardSnapshot",
    "ChargeSnapshot",
    "CheckoutSnapshot",
    "CustomerPicture",
    "CustomerSnapshot",
    "DisputeSnapshot",
    "EventSnapshot",
    "InvoiceSnapshot",
    "ItemSnapshot",
    "PriceSnapshot",
    "RefundSnapshot",
    "Status",
    "SubscriptionSnapshot",
    "WarningSnapshot",
    "card",
    "charge",
    "checkout",
    "customer",
    "dispute",
    "event",
    "id_of",
    "invoice",
    "item",
    "moment",
    "payment_intent_of",
    "price",
    "refund",
    "subscription",
    "warning",
]
