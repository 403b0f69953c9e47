"""What readers of this proof buy beside the demo's plans: things that are paid once."""

from __future__ import annotations

from billing.tasks import refresh_catalogue
from tests.proofs.ledger.theirs import Theirs

PASS, PASS_AMOUNT, PASS_HOURS = "weekend", 250, 48
GIFT, GIFT_AMOUNT, GIFT_MONTHS = "three_months", 2900, 3


def put_on_sale(theirs: Theirs) -> None:
    """Put a day pass and a gift subscription on sale."""
    _once(theirs, "A day", slug=PASS, amount=PASS_AMOUNT, key="lasts_hours", value=PASS_HOURS)
    _once(theirs, "A gift", slug=GIFT, amount=GIFT_AMOUNT, key="gift_months", value=GIFT_MONTHS)
    refresh_catalogue()


def _once(theirs: Theirs, name: str, *, slug: str, amount: int, key: str, value: int) -> None:
    product = theirs.make("products", **{"name": name, "metadata[unlocks]": "premium"})["id"]
    theirs.make(
        "prices",
        **{
            "product": product,
            "currency": "eur",
            "unit_amount": amount,
            "lookup_key": slug,
            f"metadata[{key}]": value,
        },
    )
