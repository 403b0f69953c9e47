"""What a publisher sells, stated in a file and applied to Stripe: `propose` says what would be done, `apply` does it.

A file states its plans whole: their prices, trials and introductory offers. What it does not name is left as it is.
"""

from __future__ import annotations

from billing.assortment.applying import Proposal, apply, propose
from billing.assortment.exporting import show

__all__ = ["Proposal", "apply", "propose", "show"]
