"""Billing for staff. What mirrors Stripe is read-only; what staff do calls what the rest of billing calls.

Whatever belongs together is linked both ways: reader, customer, subscription, invoice, event, entitlement.
"""

from __future__ import annotations

from billing.admin import books, contracts, groups, held, records, returns, sale

__all__ = ["books", "contracts", "groups", "held", "records", "returns", "sale"]
