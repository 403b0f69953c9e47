"""Stripe's objects as frozen values (`values`), the only parser of its JSON (`parsing`); what is sold (`goods`).

Standard library only.
"""

from __future__ import annotations

from billing.snapshots.goods import (
    CodeSnapshot,
    CodeTerms,
    CouponSnapshot,
    CouponTerms,
    PriceTerms,
    ProductFields,
    ProductSnapshot,
    Welcome,
    code,
    coupon,
    product,
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
    DiscountSnapshot,
    EventSnapshot,
    InvoiceSnapshot,
    ItemSnapshot,
    PriceSnapshot,
    Status,
    SubscriptionSnapshot,
)

__all__ = [
    "CardSnapshot",
    "CheckoutSnapshot",
    "CodeSnapshot",
    "CodeTerms",
    "CouponSnapshot",
    "CouponTerms",
    "CustomerPicture",
    "CustomerSnapshot",
    "DiscountSnapshot",
    "EventSnapshot",
    "InvoiceSnapshot",
    "ItemSnapshot",
    "PriceSnapshot",
    "PriceTerms",
    "ProductFields",
    "ProductSnapshot",
    "Status",
    "SubscriptionSnapshot",
    "Welcome",
    "card",
    "checkout",
    "code",
    "coupon",
    "customer",
    "event",
    "id_of",
    "invoice",
    "item",
    "moment",
    "payment_intent_of",
    "price",
    "product",
    "subscription",
]
