"""What can be done to a sandbox from outside its API: move time, swap a card, complete a checkout, send again.

Everything here takes the lock by itself and never holds it while a webhook is on its way.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import cards, completion, disputes, due, events, fraud_warnings, snapshot
from .cards import Answer, Decline
from .checker import check
from .clock import HOUR, Clock, add_interval
from .faults import Faults
from .idempotency import IdempotencyKeys
from .ids import Ids
from .payment_methods import attach_to, detach_from_customer, new_card, owned_by
from .rendering import show
from .store import Obj, Store
from .webhooks import Deliver, Webhooks, over_http
from .world import Policy, World


class Machine:
    """A Stripe of one's own, without its web pages.

    With `deliver` the caller decides how webhooks travel and calls `webhooks.drain()`; without it they go over HTTP
    once `webhooks.start()` was called. `sleep` is how a slow answer waits. With `check_responses` every answer and
    event is held against the SDK's types.
    """

    def __init__(
        self,
        *,
        seed: str | None = None,
        webhook_url: str | None = None,
        webhook_secret: str = "",
        clock_file: Path | None = None,
        policy: Policy | None = None,
        wall: Callable[[], float] = time.time,
        deliver: Deliver = over_http,
        sleep: Callable[[float], None] = time.sleep,
        check_responses: bool = False,
    ) -> None:
        self.lock = threading.RLock()
        self.webhook_url, self.webhook_secret = webhook_url, webhook_secret
        self.check = check if check_responses else None
        self.sleep = sleep
        faults = Faults()
        self.webhooks = Webhooks(wall=wall, faults=faults, deliver=deliver)
        self.world = World(
            store=Store(),
            clock=Clock(wall=wall, file=clock_file),
            # Without a seed every sandbox makes names of its own, or a database that outlives it would meet them again.
            ids=Ids(seed or secrets.token_hex(8)),
            faults=faults,
            policy=policy or Policy(),
            on_event=self._announce,
        )
        self.keys = IdempotencyKeys()
        self._looked_at: tuple[int, int | None] = (-1, None)
        self._register_endpoint()

    def _register_endpoint(self) -> None:
        if self.webhook_url:
            events.new_endpoint(
                self.world, url=self.webhook_url, secret=self.webhook_secret, enabled_events=["*"]
            )

    def _announce(self, event: Obj) -> None:
        endpoints = events.endpoints_for(self.world, event)
        event["pending_webhooks"] = len(endpoints)
        shown = show(self.world.store, event)
        if self.check:
            self.check(shown)
        for endpoint in endpoints:
            self.webhooks.enqueue(event, url=endpoint["url"], secret=endpoint["_secret"], shown=shown)

    def now(self) -> int:
        with self.lock:
            return self.world.now()

    def run_due(self) -> None:
        """Do what has fallen due by now. Cheap when nothing has."""
        with self.lock:
            version, moment = self._looked_at
            if version != self.world.store.version:
                moment = due.next_moment(self.world)
                self._looked_at = (self.world.store.version, moment)
            if moment is not None and moment <= self.world.now():
                due.run(self.world, until=self.world.now())

    def advance(
        self, *, seconds: float | None = None, months: int | None = None, to: int | None = None
    ) -> int:
        """Move time forward, do all that falls due on the way, and return the new time.

        A number of months goes two hours beyond, so that a renewal on the last day is charged as well. Time never goes
        back: an earlier `to` is the present.
        """
        with self.lock:
            now = self.world.now()
            if months is not None:
                to = add_interval(now, interval="month", count=int(months)) + 2 * HOUR
            target = max(now, to) if to is not None else now + max(0, seconds or 0)
            # Followers of the clock file learn the new time before any webhook of it can reach them.
            self.world.clock.set_offset(self.world.clock.offset + target - now)
            self.run_due()
            return self.world.now()

    def complete_checkout(
        self,
        session_id: str,
        *,
        card: str | None = "4242424242424242",
        expires: tuple[int, int] | None = None,
        authenticate: bool = True,
    ) -> Answer | Decline:
        """Complete a hosted checkout as a reader would; `authenticate` is whether a confirmation is given if asked for.

        Without a card where the session needs none.

        :raises LookupError: no such session or no such test card.
        :raises ApiError: the session is not open.
        """
        chosen = cards.by_number(card) if card else None
        with self.lock:
            self.run_due()
            session = self.world.store.find("checkout.session", session_id)
            if session is None or (card and chosen is None):
                raise LookupError(session_id if session is None else card)
            answer = completion.complete(self.world, session, chosen, expires=expires, confirmed=False)
            if answer is Answer.CONFIRM and authenticate:
                answer = completion.complete(self.world, session, chosen, expires=expires, confirmed=True)
            return answer

    def swap_card(self, customer_id: str, *, card: str, expires: tuple[int, int] | None = None) -> str:
        """Give a customer another card, as the default of customer and live subscriptions; detach the old ones.

        :raises LookupError: no such customer, or not any more, or no such test card.
        :raises ApiError: a card that cannot be saved.
        """
        chosen = cards.by_number(card)
        with self.lock:
            self.run_due()
            world = self.world
            customer = world.store.find("customer", customer_id)
            if customer is None or customer.get("_deleted") or chosen is None:
                raise LookupError(card if chosen is None else customer_id)
            method = new_card(world, chosen, expires=expires, email=customer["email"])
            old = owned_by(world, customer_id)
            attach_to(world, method, customer_id, set_up=True)
            with world.changing(customer, "customer.updated"):
                customer["invoice_settings"]["default_payment_method"] = method["id"]
            for subscription in world.store.all("subscription"):
                if subscription["customer"] == customer_id and not subscription["ended_at"]:
                    with world.changing(subscription, "customer.subscription.updated"):
                        subscription["default_payment_method"] = method["id"]
            for card_before in old:
                detach_from_customer(world, card_before)
            return str(method["id"])

    def dispute(self, charge_id: str, *, reason: str = "fraudulent", inquiry: bool = False) -> str:
        """Let the holder of a card contest a charge; return the dispute's id.

        :raises LookupError: no such charge.
        """
        with self.lock:
            self.run_due()
            return str(
                disputes.begin(self.world, self._charge(charge_id), reason=reason, inquiry=inquiry)["id"]
            )

    def warn_of_fraud(self, charge_id: str) -> str:
        """Let a bank warn of a charge; return the warning's id.

        :raises LookupError: no such charge.
        """
        with self.lock:
            self.run_due()
            return str(fraud_warnings.warn(self.world, self._charge(charge_id))["id"])

    def _charge(self, charge_id: str) -> Obj:
        charge = self.world.store.find("charge", charge_id)
        if charge is None or not charge["captured"]:
            raise LookupError(charge_id)
        return charge

    def resend(self, event_id: str) -> int:
        """Send an event once more to every endpoint that wants it, as it was; return how many those are.

        :raises LookupError: no such event.
        """
        with self.lock:
            event = self.world.store.find("event", event_id)
            if event is None:
                raise LookupError(event_id)
            endpoints = events.endpoints_for(self.world, event)
            event["pending_webhooks"] += len(endpoints)
            shown = show(self.world.store, event)
            for endpoint in endpoints:
                self.webhooks.enqueue(event, url=endpoint["url"], secret=endpoint["_secret"], shown=shown)
            return len(endpoints)

    def reset(self) -> None:
        """Forget everything, go back to wall time, and keep only the webhook endpoint of the command line."""
        with self.lock:
            self.world.store.kinds.clear()
            self.world.store.touch()
            self.world.faults.clear()
            self.keys.clear()
            self.webhooks.forget()
            self.world.clock.set_offset(0)
            self._register_endpoint()

    def save(self, file: Path) -> None:
        """Write the state to a file, whole or not at all."""
        with self.lock:
            document = snapshot.taken(self.world)
        snapshot.write(file, document)

    def load(self, file: Path) -> None:
        """Take the state back from a file that `save` wrote. The webhook endpoint stays that of this sandbox."""
        with self.lock:
            snapshot.restore(self.world, snapshot.read(file))
            for endpoint in list(self.world.store.all("webhook_endpoint")):
                if endpoint["url"] == self.webhook_url:
                    self.world.store.drop(endpoint)
            self._register_endpoint()

    def state(self) -> dict[str, Any]:
        """Return an overview as JSON: time, customers with their subscriptions, open sessions, faults, deliveries."""
        with self.lock:
            self.run_due()
            store = self.world.store
            return {
                "now": self.world.now(),
                "offset": self.world.clock.offset,
                "customers": [show(store, customer) for customer in store.all("customer")],
                "subscriptions": [show(store, subscription) for subscription in store.all("subscription")],
                "invoices": [show(store, invoice) for invoice in store.all("invoice")],
                "checkout_sessions": [show(store, session) for session in store.all("checkout.session")],
                "events": len(store.kinds.get("event", {})),
                "faults": self.world.faults.listed(),
                "pending_deliveries": self.webhooks.pending(),
            }
