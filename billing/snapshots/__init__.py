"""Stripe's objects as frozen values (`values`), and the only parser of its JSON (`parsing`). Standard library only."""

from __future__ import annotations

from billing.snapshots.parsing import (
    card,
    checkout,
    customer,
    event,
    id_of,
    invoice,
    item,
    moment,
    payment,
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
    PaymentSnapshot,
    PriceSnapshot,
    Status,
    SubscriptionSnapshot,
)

__all__ = [
    "CardSnapshot",
    "CheckoutSnapshot",
    "CustomerPicture",
    "CustomerSnapshot",
    "EventSnapshot",
    "InvoiceSnapshot",
    "ItemSnapshot",
    "PaymentSnapshot",
    "PriceSnapshot",
    "Status",
    "SubscriptionSnapshot",
    "card",
    "checkout",
    "customer",
    "event",
    "id_of",
    "invoice",
    "item",
    "moment",
    "payment",
    "payment_intent_of",
    "price",
    "subscription",
]
