"""What an invoice's lines say: how much was billed for which time, and by which price."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Rate:
    """What a recurring price says; Stripe never changes it. `unit_amount` is None where the price has steps."""

    unit_amount: int | None
    interval: str
    interval_count: int


@dataclass(frozen=True, slots=True)
class LineSnapshot:
    """A line that bills a subscription for a time: the whole period of an item, or the rest of one after a change."""

    item: str  # empty where Stripe does not say: in the lines of a change
    amount: int  # negative where time that was paid for is given back
    discount: int  # taken off the amount
    tax: int  # inside of the amount
    quantity: int
    starts_at: datetime
    ends_at: datetime
    is_proration: bool
    rate: Rate


def line(data: Mapping[str, Any], *, rate: Rate) -> LineSnapshot:
    """Read a line that is billed by a recurring price."""
    parent = data.get("parent") or {}
    item = parent.get("subscription_item_details") or {}
    change = parent.get("invoice_item_details") or {}
    return LineSnapshot(
        item=item.get("subscription_item") or "",
        amount=data["amount"],
        discount=sum(row["amount"] for row in data.get("discount_amounts") or ()),
        tax=sum(row["amount"] for row in data.get("taxes") or () if row.get("tax_behavior") == "inclusive"),
        quantity=1 if data.get("quantity") is None else data["quantity"],
        starts_at=_moment(data["period"]["start"]),
        ends_at=_moment(data["period"]["end"]),
        is_proration=bool(item.get("proration") or change.get("proration")),
        rate=rate,
    )


def price_of(data: Mapping[str, Any]) -> str:
    """Name the price that a line is billed by; empty for what was put on the invoice by hand."""
    details = (data.get("pricing") or {}).get("price_details") or {}
    price = details.get("price")
    return str(price["id"] if isinstance(price, Mapping) else price or "")


def rate(price: Mapping[str, Any]) -> Rate | None:
    """Read a price; None where it is paid once."""
    recurring = price.get("recurring")
    if not recurring:
        return None
    return Rate(
        unit_amount=price.get("unit_amount"),
        interval=recurring["interval"],
        interval_count=recurring.get("interval_count") or 1,
    )


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)
