"""From a subscription's picture to the term of a right: paid until when, grace until when, suspended for what.

Pure: standard library only. The table is stripe.md section 6.3, every row of it is a test.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from billing.snapshots import InvoiceSnapshot, SubscriptionSnapshot  # noqa: F401
