"""Stripe's side of a proof, over HTTP: what a publisher, a reader and time do there, and all that it holds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import requests

Obj = dict[str, Any]

GOOD, FAILS_LATER = "pm_card_visa", "pm_card_chargeCustomerFail"


@dataclass(slots=True)
class Theirs:
    """A Stripe stand-in that runs in a process of its own."""

    base: str
    key: str
    prices: dict[str, str] = field(default_factory=dict)  # by our name for them
    unlocked: dict[str, str] = field(
        default_factory=dict
    )  # what each price opens: one product in all of these

    def learn_prices(self) -> None:
        """Ask what is on sale."""
        rows = [row for row in self.listed("prices") if row["lookup_key"]]
        opens = {row["id"]: row["metadata"]["unlocks"] for row in self.listed("products")}
        self.prices = {row["lookup_key"]: row["id"] for row in rows}
        self.unlocked = {row["id"]: opens[row["product"]] for row in rows}

    def make(self, path: str, **form: str | int) -> Obj:
        """Create or change something, as the dashboard or the hosted pages do."""
        return self._answer(requests.post(self._at(path), data=form, headers=self._headers, timeout=30))

    def get(self, path: str, **query: str | int) -> Obj:
        """Look at one thing."""
        return self._answer(requests.get(self._at(path), params=query, headers=self._headers, timeout=30))

    def listed(self, path: str, *, page_size: int = 100, **query: str | int) -> Iterator[Obj]:
        """Walk a list, newest first."""
        cursor: dict[str, str] = {}
        while True:
            page = self.get(path, limit=page_size, **query, **cursor)
            yield from page["data"]
            if not page["has_more"]:
                return
            cursor = {"starting_after": page["data"][-1]["id"]}

    def control(self, path: str, **document: Any) -> Obj:
        """Move time, complete a checkout, swap a card: what happens outside the API."""
        return self._answer(
            requests.post(f"{self.base}/_control/{path}", data=json.dumps(document), timeout=300)
        )

    def customer(self, *, reader: str, email: str, card: str = GOOD) -> str:
        """Make a customer who has a card on file; return its id."""
        made = self.make("customers", **{"email": email, "metadata[reader_id]": reader})["id"]
        method = self.make(f"payment_methods/{card}/attach", customer=made)["id"]
        self.make(f"customers/{made}", **{"invoice_settings[default_payment_method]": method})
        return str(made)

    def subscribe(self, customer: str, *, price: str = "premium_monthly", **more: str | int) -> Obj:
        """Make a subscription that the customer's card pays for."""
        return self.make(
            "subscriptions", **{"customer": customer, "items[0][price]": self.prices[price], **more}
        )

    def event(self, kind: str, *, customer: str) -> Obj | None:
        """Return the last event of a kind about a customer."""
        newest_first = self.listed("events", page_size=10, type=kind)
        return next((row for row in newest_first if row["data"]["object"]["customer"] == customer), None)

    def event_about(self, object_id: str, *, kind: str) -> Obj | None:
        """Return the last event of a kind about one object."""
        newest_first = self.listed("events", page_size=10, type=kind)
        return next((row for row in newest_first if row["data"]["object"]["id"] == object_id), None)

    def end(self, subscription: str) -> None:
        """End a subscription at once, as the dashboard does."""
        address = self._at(f"subscriptions/{subscription}")
        self._answer(requests.delete(address, headers=self._headers, timeout=30))

    def pass_time(self, **span: float) -> None:
        """Let time pass, for both sides."""
        self.control("advance", **span)

    def _at(self, path: str) -> str:
        return f"{self.base}/v1/{path}"

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    def _answer(self, answer: requests.Response) -> Obj:
        assert answer.ok, f"{answer.request.method} {answer.url}: {answer.text}"
        document: Obj = answer.json()
        return document
