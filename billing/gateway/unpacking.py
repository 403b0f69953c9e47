"""Out of the SDK's objects into plain values."""

from __future__ import annotations

from typing import Any

import stripe

PAGE = 100


def plain(theirs: stripe.StripeObject) -> dict[str, Any]:
    """Unpack at the edge: an SDK object carries the secret key wherever it is pickled or cached."""
    return theirs.to_dict(for_json=True)
