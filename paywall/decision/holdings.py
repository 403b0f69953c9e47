"""What a reader holds at a moment, and until when: what can be told to somebody who decides without asking us again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from paywall.decision.facts import Grant


def open_products(grants: Iterable[Grant], *, at: datetime) -> frozenset[str]:
    """Return the products of which some right is held, or in grace, at `at`."""
    return frozenset(grant.product for grant in grants if grant.standing(at=at).opens)


def holds_until(grants: Iterable[Grant], *, at: datetime) -> datetime | None:
    """Return the first moment after `at` at which one of the open products is lost; None where none ever is.

    A right that follows on another without a gap, or lasts longer, keeps its product open.
    """
    known = tuple(grants)
    opened = open_products(known, at=at)
    for moment in sorted({moment for grant in known for moment in grant.boundaries if moment > at}):
        if not opened <= open_products(known, at=moment):
            return moment
    return None
