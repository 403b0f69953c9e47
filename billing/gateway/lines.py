"""The lines of invoices, with what their prices say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import stripe

from billing import snapshots
from billing.errors import StripeGone
from billing.gateway.refusals import translated
from billing.snapshots import LineSnapshot, Rate

_PAGE = 100


class InvoiceLines:
    """Reads lines. What a price says never changes at Stripe, so each is asked for once."""

    def __init__(self, v1: stripe.V1Services) -> None:
        self._v1 = v1
        self._rates: dict[str, Rate | None] = {}

    def learn(self, subscription: Mapping[str, Any]) -> None:
        """Note what the prices of a subscription's items say, as they are spelled out there."""
        for item in (subscription.get("items") or {}).get("data") or ():
            self._rates[item["price"]["id"]] = snapshots.rate(item["price"])

    def of(self, invoice: Mapping[str, Any]) -> tuple[LineSnapshot, ...]:
        """Return the lines of an invoice that a recurring price bills."""
        rated = ((row, self._rate(snapshots.price_of(row))) for row in self._rows(invoice))
        return tuple(snapshots.line(row, rate=rate) for row, rate in rated if rate is not None)

    def _rows(self, invoice: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        listed = invoice.get("lines") or {}
        if not listed.get("has_more"):
            yield from listed.get("data") or ()
            return
        with translated():
            listing = self._v1.invoices.line_items.list(invoice["id"], {"limit": _PAGE})
            for row in listing.auto_paging_iter():
                yield row.to_dict(for_json=True)

    def _rate(self, price: str) -> Rate | None:
        if price and price not in self._rates:
            self._rates[price] = self._fetched(price)
        return self._rates.get(price)

    def _fetched(self, price: str) -> Rate | None:
        try:
            with translated():
                return snapshots.rate(self._v1.prices.retrieve(price).to_dict(for_json=True))
        except StripeGone:
            return None
