"""What readers and staff do on our pages about subscriptions, as moves of a history."""

from __future__ import annotations

from datetime import datetime, timedelta

from billing import cards, changing, contracts, pausing, refunding, returning, returns, subscribing
from billing.gateway import StripeGateway
from billing.models import Customer, Invoice
from billing.refunding import Wish
from billing.sandbox.sandbox import Sandbox
from billing.snapshots import Access
from tests.proofs.histories.ground import BACK, Ground, how_many


class Clicks:
    """A part of `History`, which has all that is named here."""

    ground: Ground
    gateway: StripeGateway
    sandbox: Sandbox
    now: datetime

    def click_buy(self, slug: str, card: str, then: str) -> None:
        self.refuse_if_held()
        now = self.now
        checkout = subscribing.start(
            self.ground.reader, price=slug, quantity=how_many(slug), return_url=BACK, gateway=self.gateway, now=now,
        )  # fmt: skip
        attempt = subscribing.attempt_of(self.ground.reader, checkout.attempt)
        assert attempt is not None
        self.sandbox.complete_checkout(attempt.session_id, card=card)
        if then == "back":
            subscribing.finish(attempt, session_id=attempt.session_id, gateway=self.gateway, now=now)

    def click_card(self, card: str, then: str) -> None:
        self.refuse_if_held()
        url = cards.start_form(self.ground.reader, return_url=BACK, gateway=self.gateway, now=self.now)
        session = url.rstrip("/").rsplit("/", 1)[-1]
        self.sandbox.complete_checkout(session, card=card)
        if then == "back":
            cards.finish(session, reader=self.ground.reader, gateway=self.gateway, now=self.now)

    def click_cancel(self) -> None:
        self.refuse_if_held()
        contracts.cancel(self.ground.reader, gateway=self.gateway, now=self.now)

    def click_resume(self) -> None:
        """Take back a cancellation or a pause: our pages have one button for both."""
        self.refuse_if_held()
        pausing.resume(self.ground.reader, gateway=self.gateway, now=self.now)

    def click_change(self, slug: str) -> None:
        """See what another plan costs, and agree to it."""
        self.refuse_if_held()
        reader = self.ground.reader
        shown = changing.propose(reader, price=slug, gateway=self.gateway, now=self.now)
        self.refuse_if_held()
        changing.agree(
            reader, price=slug, shown_at=shown.shown_at, amount=shown.amount, gateway=self.gateway, now=self.now,
        )  # fmt: skip

    def click_pause(self, seconds: str) -> None:
        self.refuse_if_held()
        until = self.now + timedelta(seconds=int(seconds))
        pausing.pause(self.ground.reader, until=until, gateway=self.gateway, now=self.now)

    def click_return(self) -> None:
        """See what coming back costs, and agree to it."""
        self.refuse_if_held()
        reader = self.ground.reader
        shown = returning.propose(reader, gateway=self.gateway, now=self.now)
        self.refuse_if_held()
        returning.agree(
            reader, price=shown.price.slug, shown_at=shown.shown_at, amount=shown.amount,
            gateway=self.gateway, now=self.now,
        )  # fmt: skip

    def click_refund(self, how_much: str, access: str, which: str) -> None:
        """Give back what staff choose among the invoices that they see as paid."""
        self.refuse_if_held()
        paid = Invoice.objects.filter(customer__deleted_at=None).exclude(charge="").order_by("stripe_id")
        rows = [row for row in paid.select_related("customer") if returns.left(row)]
        if not rows:
            raise LookupError("nothing to give back")
        invoice = rows[int(which) % len(rows)]
        left = returns.left(invoice)
        wish = Wish(
            key=f"refund-{self.key()}",
            amount=left if how_much == "whole" else max(1, left // 3),
            reason="a history",
            access=Access(access),
            seen=returns.refunded(invoice),
        )
        refunding.refund(invoice, wish=wish, by=self.ground.reader, gateway=self.gateway, now=self.now)

    def refuse_if_held(self) -> None:
        """A click waits in real time for the worker who is at its customer, which the dead would make for ever."""
        if Customer.objects.filter(leased_until__gt=self.now).exists():
            raise LookupError("another worker is at it")
