"""What happens at Stripe, whoever does it there, as moves of a history."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import stripe

from billing.gateway import StripeGateway
from billing.sandbox.sandbox import Sandbox
from billing.sandbox.store import Store
from tests.factories.billing import GOOD
from tests.proofs.histories.ground import ADDRESS, BACK, Ground, ImpatientClient, how_many


class Dashboard:
    """A part of `History`, which has all that is named here."""

    ground: Ground
    gateway: StripeGateway
    http: ImpatientClient
    sandbox: Sandbox
    store: Store

    def nothing(self) -> None:
        """Leave everything as it is."""

    def wait(self, seconds: str) -> None:
        self.sandbox.advance(seconds=float(seconds))

    def buy(self, slug: str, card: str) -> None:
        session = self.gateway.start_checkout(
            customer=self._customer(), price=self.ground.prices[slug], reader="somebody",
            return_url=BACK, cancel_url=BACK, key=self.key(), quantity=how_many(slug),
        )  # fmt: skip
        self.sandbox.complete_checkout(session.id, card=card)

    def swap_card(self, card: str) -> None:
        self.sandbox.swap_card(self._customer(), card=card)

    def recover(self) -> None:
        card = self.sandbox.swap_card(self._customer(), card=GOOD)
        for invoice in self._open_invoices():
            self.gateway.pay_invoice(invoice=invoice, card=card, key=self.key())

    def void(self) -> None:
        for invoice in self._open_invoices():
            self._stripe.v1.invoices.void_invoice(invoice)

    def cancel(self, which: str) -> None:
        self.gateway.cancel_at_period_end(subscription=self.one(which), key=self.key())

    def cancel_now(self, which: str) -> None:
        self.gateway.cancel_now(subscription=self.one(which), key=self.key())

    def keep(self, which: str) -> None:
        self.gateway.keep(subscription=self.one(which), key=self.key())

    def cancel_by_date(self, seconds: str, which: str) -> None:
        self.update(which, {"cancel_at": self.sandbox.now() + int(seconds)})

    def stop_collecting(self, behavior: str, which: str) -> None:
        self.update(which, {"pause_collection": {"behavior": behavior}})

    def collect_again(self, which: str) -> None:
        self.update(which, {"pause_collection": ""})

    def change_plan(self, slug: str, which: str) -> None:
        (item,) = self.store.get("subscription", self.one(which))["items"]["data"]
        self.update(which, {"items": [{"id": item["id"], "price": self.ground.prices[slug]}]})

    def give_back(self, how_much: str, which: str) -> None:
        charge = self._charge(which)
        left = charge["amount_captured"] - charge["amount_refunded"]
        amount = left if how_much == "whole" else max(1, left // 3)
        self._stripe.v1.refunds.create({"charge": charge["id"], "amount": amount})

    def dispute(self, which: str) -> None:
        self.sandbox.dispute(self._charge(which)["id"])

    def verdict(self, evidence: str, which: str) -> None:
        waiting = [row["id"] for row in self.store.all("dispute") if row["status"] == "needs_response"]
        if not waiting:
            raise LookupError("no dispute")
        text = f"{evidence}_evidence"
        chosen = waiting[int(which) % len(waiting)]
        self._stripe.v1.disputes.update(chosen, {"evidence": {"uncategorized_text": text}})

    def delete(self) -> None:
        self.gateway.delete_customer(customer=self._customer(), key=self.key())

    @cached_property
    def _stripe(self) -> stripe.StripeClient:
        """Stripe's own dashboard."""
        return stripe.StripeClient("sk_test_staff", base_addresses={"api": ADDRESS}, http_client=self.http)

    def update(self, which: str, params: Any) -> None:
        self._stripe.v1.subscriptions.update(self.one(which), params)

    def one(self, which: str) -> str:
        """Return the one of the open subscriptions that is meant."""
        held = [row["id"] for row in self.store.all("subscription") if not row["ended_at"]]
        if not held:
            raise LookupError("no subscription")
        return str(held[int(which) % len(held)])

    def _charge(self, which: str) -> dict[str, Any]:
        """Return the one of the payments, neither given back nor contested, that is meant."""
        rows = [
            row
            for row in self.store.all("charge")
            if row["captured"] and not row["refunded"] and not row["disputed"]
        ]
        if not rows:
            raise LookupError("nothing was paid")
        return dict(rows[int(which) % len(rows)])

    def _customer(self) -> str:
        """Return the reader at Stripe: the newest who was not deleted there."""
        known = [row["id"] for row in self.store.all("customer") if not row.get("_deleted")]
        return str(known[-1] if known else self.ground.customer)

    def _open_invoices(self) -> list[str]:
        return [row["id"] for row in self.store.all("invoice") if row["status"] == "open"]
