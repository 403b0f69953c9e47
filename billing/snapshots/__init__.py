"""Stripe's objects as frozen values (`values`), the only parser of its JSON (`parsing`); what is sold (`goods`).

Standard library only.
"""

from __future__ import annotations

from billing.snapshots.charge_parsing import charge, dispute, refund, warning
from billing.snapshots.charges import (
    Access,
    ChargeSnapshot,
    DisputeSnapshot,
    RefundSnapshot,
    WarningSnapshot,
)
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
    "Access",
    "CardSnapshot",
    "ChargeSnapshot",
    "CheckoutSnapshot",
    "CodeSnapshot",
    "CodeTerms",
    "CouponSnapshot",
    "CouponTerms",
    "CustomerPicture",
    "CustomerSnapshot",
    "DiscountSnapshot",
    "DisputeSnapshot",
    "EventSnapshot",
    "InvoiceSnapshot",
    "ItemSnapshot",
    "PriceSnapshot",
    "PriceTerms",
    "ProductFields",
    "ProductSnapshot",
    "RefundSnapshot",
    "Status",
    "SubscriptionSnapshot",
    "WarningSnapshot",
    "Welcome",
    "card",
    "charge",
    "checkout",
    "code",
    "coupon",
    "customer",
    "dispute",
    "event",
    "id_of",
    "invoice",
    "item",
    "moment",
    "payment_intent_of",
    "price",
    "product",
    "refund",
    "subscription",
    "warning",
]
