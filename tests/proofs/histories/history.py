"""One reader's life at the sandbox, move by move, with our side of it: what arrives, what workers do, what fails."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import stripe
from django.db.models import F

from accounts.models import User
from billing import (
    cards,
    changing,
    comparison,
    inbox,
    leftovers,
    pausing,
    reconciliation,
    returning,
    snapshots,
    subscribing,
    sync,
)
from billing.errors import BillingError
from billing.gateway import Delivery, StripeGateway
from billing.models import Customer, StripeEvent
from billing.sandbox import snapshot
from billing.sandbox.errors import ApiError
from billing.sandbox.faults import Fault
from billing.sandbox.rendering import show
from billing.sandbox.sandbox import Sandbox
from tests.factories.billing import GOOD, NOON, a_shop
from tests.proofs.histories.moves import IN_ORDER, LEASE, Move
from tests.proofs.histories.strawmen import Strawman
from tests.sandbox.in_process import InProcessClient

LOST, DOUBLED, LATE = 0.05, 0.20, 0.3
# After so many seconds our client hangs up, whatever Stripe goes on doing.
PATIENCE = 6.0
BACK = "http://localhost:8001/harbour-vote"
ADDRESS = "http://localhost:8002"

_TROUBLE = frozenset({409, 429, 500})
# What may come of a move that did not happen, or of which we do not know.
_REFUSALS = (BillingError, LookupError, ApiError, stripe.StripeError)


class ImpatientClient(InProcessClient):
    """Hangs up on an answer that took too long, as our client does; what was asked is done all the same."""

    waited = 0.0  # by the sandbox's clock
    failed = 0

    def request(self, *args: Any, **kwargs: Any) -> tuple[str, int, Mapping[str, str]]:
        """Make one request."""
        self.waited = 0.0
        try:
            answer = super().request(*args, **kwargs)
        except stripe.APIConnectionError:
            self.failed += 1
            raise
        self.failed += answer[1] in _TROUBLE
        if self.waited > PATIENCE:
            raise stripe.APIConnectionError("No answer in time.", should_retry=False)
        return answer


@dataclass(frozen=True, slots=True)
class Ground:
    """What all histories begin with: plans on sale, a reader whom both sides know, and nothing bought yet."""

    reader: User
    customer: str  # Stripe's id
    prices: dict[str, str]
    stock: str

    @classmethod
    def laid(cls) -> Ground:
        """Lay it, in an empty database."""
        shop = a_shop(seed="histories")
        customer = shop.customer()
        assert customer.reader is not None
        return cls(
            reader=customer.reader,
            customer=customer.stripe_id,
            prices=shop.prices,
            stock=json.dumps(snapshot.taken(shop.sandbox.world)),
        )


@dataclass
class History:
    """A life under way. Every move is a method of the same name; what it came to is in the `diary`."""

    ground: Ground
    figures: Counter[str] = field(default_factory=Counter)
    strawmen: Sequence[Strawman] = ()
    diary: list[str] = field(default_factory=list)
    told: int = 0
    on_the_way: list[Delivery] = field(default_factory=list)
    armed: dict[float, tuple[Move, ...]] = field(default_factory=dict)
    changed_at: int = 0
    depth: int = 0
    losses: int = 0

    def __post_init__(self) -> None:
        self.sandbox = Sandbox(wall=NOON.timestamp, sleep=self._pause)
        snapshot.restore(self.sandbox.world, json.loads(self.ground.stock))
        self.store = self.sandbox.world.store
        self.http = ImpatientClient(self.sandbox)
        self.gateway = StripeGateway(secret_key="sk_test_histories", api_base=ADDRESS, http_client=self.http)
        self.told = len(self.store.kinds["event"])  # of the catalogue, which we know already

    @property
    def now(self) -> datetime:
        """What time it is at the sandbox, and here."""
        return datetime.fromtimestamp(self.sandbox.now(), tz=UTC)

    def live(self, moves: Iterable[Move]) -> None:
        """Let all of it happen."""
        for move in moves:
            self.do(move)

    def do(self, move: Move) -> None:
        """Let one thing happen; a refusal is a thing that did not happen."""
        verb, *arguments = move.words
        at = len(self.diary)
        self.diary.append(f"{'  ' * self.depth}{move}")
        if verb not in _OURS:
            self._count_change()
        try:
            if verb == "slow":
                self.slow(*arguments, meanwhile=move.meanwhile)
            else:
                getattr(self, verb)(*arguments)
        except _REFUSALS as refusal:
            self.figures["refused"] += 1
            self.diary[at] += f"   [{type(refusal).__name__}: {refusal}]"

    def _count_change(self) -> None:
        self.figures["changes"] += 1
        self.figures["changes in one second"] += self.changed_at == self.sandbox.now()
        self.changed_at = self.sandbox.now()

    def _note(self, text: str) -> None:
        self.diary[-1] += f"   [{text}]"

    # Trouble on the wire

    def fault(self, calls: str, times: str, kind: str, status: str = "500") -> None:
        """Let the next calls of ours that match go wrong."""
        is_recorded = kind == "recorded"
        rule = Fault(
            target="api", match=calls.replace(":", " "), left=int(times), status=int(status),
            kind="status" if is_recorded else kind, recorded=is_recorded,
        )  # fmt: skip
        self.sandbox.world.faults.add(rule)

    def slow(self, seconds: str, calls: str, *, meanwhile: tuple[Move, ...]) -> None:
        """Let the next call of ours that matches take long, and let these moves happen while it does."""
        self.armed[float(seconds)] = meanwhile
        rule = Fault(target="api", match=calls.replace(":", " "), kind="slow", seconds=float(seconds))
        self.sandbox.world.faults.add(rule)

    def _pause(self, seconds: float) -> None:
        """Be slow, as the sandbox: time passes, and the world with it, before the request is served."""
        self.figures["slow answers"] += 1
        self.sandbox.advance(seconds=seconds)
        self.depth += 1
        looks = self.figures["looks"]
        for move in self.armed.pop(seconds, ()):
            self.do(move)
        self.figures["overtaken"] += self.figures["looks"] - looks
        self.depth -= 1
        # Longer than a lease takes only a worker that was itself frozen; its answer is there when it thaws.
        self.http.waited = seconds if seconds < LEASE else 0.0

    # News, and what we make of it

    def deliver(self, chance: str, last: str = "") -> None:
        """Bring what is on its way, shuffled; some of it twice, some of it never, some of it later."""
        dice = random.Random(chance)
        is_calm = chance == IN_ORDER
        for event in list(self.store.all("event"))[self.told :]:
            self.figures["events"] += 1
            if not is_calm and dice.random() < LOST:
                self.figures["lost"] += 1
                self.losses += 1
                self._note(f"lost {event['type']}")
                continue
            payload = show(self.store, event)
            twice = not is_calm and dice.random() < DOUBLED
            self.figures["doubled"] += twice
            self.on_the_way += [Delivery(event=snapshots.event(payload), payload=payload)] * (1 + twice)
        self.told = len(self.store.kinds["event"])
        late = 0 if is_calm or last else LATE
        if not is_calm:
            dice.shuffle(self.on_the_way)
        arriving, kept = [], []
        for delivery in self.on_the_way:
            (kept if dice.random() < late else arriving).append(delivery)
        self.on_the_way = kept
        self._note(f"{len(arriving)} arrive, {len(kept)} later")
        inbox.receive_missed(arriving, now=self.now)
        for strawman in self.strawmen:
            for delivery in arriving:
                strawman.hear(delivery.payload)

    def work(self, then: str = "") -> None:
        """Do what is due, as a worker does; `then` is whether it gets as far as to clear away what is left over."""
        self._process_events()
        look = leftovers.look if then == "clear" else sync.customer
        now = self.now
        for customer in sync.waiting_ids(now=now, limit=10):
            self.figures["looks"] += 1
            look(customer, gateway=self.gateway, now=now)

    def _process_events(self) -> None:
        now = self.now
        while due := inbox.due_ids(now=now, limit=1):
            inbox.process(due[0], gateway=self.gateway, now=now)

    def die(self, over: str) -> None:
        """Take what is due, as a worker that dies over an event, or over a look, before it writes."""
        lease = self.now + Customer.LEASE
        if over == "event":
            due = StripeEvent.objects.filter(pk__in=inbox.due_ids(now=self.now, limit=1))
            self.figures["deaths"] += due.update(leased_until=lease, attempts=F("attempts") + 1)
            return
        self._process_events()
        waiting = Customer.objects.filter(pk__in=sync.waiting_ids(now=self.now, limit=1))
        self.figures["deaths"] += waiting.update(leased_by="dead", leased_until=lease)

    def boundaries(self) -> None:
        reconciliation.sweep_boundaries(now=self.now)
        self.work()

    def stale(self) -> None:
        reconciliation.sweep_stale(now=self.now)
        self.work()

    def replay(self) -> None:
        reconciliation.replay(gateway=self.gateway, now=self.now)
        self.work()

    def compare(self) -> None:
        """Take one step of a comparison, which others finish."""
        now = self.now
        comparison.advance(comparison.start(now=now), gateway=self.gateway, now=now, page=1, seconds=0)

    # What readers do on our pages

    def click_buy(self, slug: str, card: str, then: str) -> None:
        self._refuse_if_held()
        now = self.now
        checkout = subscribing.start(
            self.ground.reader, price=slug, return_url=BACK, gateway=self.gateway, now=now
        )
        attempt = subscribing.attempt_of(self.ground.reader, checkout.attempt)
        assert attempt is not None
        self.sandbox.complete_checkout(attempt.session_id, card=card)
        if then == "back":
            subscribing.finish(attempt, session_id=attempt.session_id, gateway=self.gateway, now=now)

    def click_card(self, card: str, then: str) -> None:
        self._refuse_if_held()
        url = cards.start_form(self.ground.reader, return_url=BACK, gateway=self.gateway, now=self.now)
        session = url.rstrip("/").rsplit("/", 1)[-1]
        self.sandbox.complete_checkout(session, card=card)
        if then == "back":
            cards.finish(session, reader=self.ground.reader, gateway=self.gateway, now=self.now)

    def click_cancel(self) -> None:
        self._refuse_if_held()
        subscribing.cancel(self.ground.reader, gateway=self.gateway, now=self.now)

    def click_resume(self) -> None:
        self._refuse_if_held()
        subscribing.resume(self.ground.reader, gateway=self.gateway, now=self.now)

    def click_change(self, slug: str) -> None:
        """See what another plan costs, and agree to it."""
        self._refuse_if_held()
        reader = self.ground.reader
        shown = changing.propose(reader, price=slug, gateway=self.gateway, now=self.now)
        self._refuse_if_held()
        changing.agree(
            reader, price=slug, shown_at=shown.shown_at, amount=shown.amount, gateway=self.gateway, now=self.now,
        )  # fmt: skip

    def click_pause(self, seconds: str) -> None:
        self._refuse_if_held()
        until = self.now + timedelta(seconds=int(seconds))
        pausing.pause(self.ground.reader, until=until, gateway=self.gateway, now=self.now)

    def click_unpause(self) -> None:
        self._refuse_if_held()
        pausing.resume(self.ground.reader, gateway=self.gateway, now=self.now)

    def click_return(self) -> None:
        """See what coming back costs, and agree to it."""
        self._refuse_if_held()
        reader = self.ground.reader
        shown = returning.propose(reader, gateway=self.gateway, now=self.now)
        self._refuse_if_held()
        returning.agree(
            reader, price=shown.price.slug, shown_at=shown.shown_at, amount=shown.amount,
            gateway=self.gateway, now=self.now,
        )  # fmt: skip

    def _refuse_if_held(self) -> None:
        """A click waits in real time for the worker who is at its customer, which the dead would make for ever."""
        if Customer.objects.filter(leased_until__gt=self.now).exists():
            raise LookupError("another worker is at it")

    # What happens at Stripe

    def nothing(self) -> None:
        """Leave everything as it is."""

    def wait(self, seconds: str) -> None:
        self.sandbox.advance(seconds=float(seconds))

    def buy(self, slug: str, card: str) -> None:
        session = self.gateway.start_checkout(
            customer=self._customer(), price=self.ground.prices[slug], reader="somebody",
            return_url=BACK, cancel_url=BACK, key=self._key(),
        )  # fmt: skip
        self.sandbox.complete_checkout(session.id, card=card)

    def swap_card(self, card: str) -> None:
        self.sandbox.swap_card(self._customer(), card=card)

    def recover(self) -> None:
        card = self.sandbox.swap_card(self._customer(), card=GOOD)
        for invoice in self._open_invoices():
            self.gateway.pay_invoice(invoice=invoice, card=card, key=self._key())

    def void(self) -> None:
        for invoice in self._open_invoices():
            self._stripe.v1.invoices.void_invoice(invoice)

    def cancel(self, which: str) -> None:
        self.gateway.cancel_at_period_end(subscription=self._one(which), key=self._key())

    def cancel_now(self, which: str) -> None:
        self.gateway.cancel_now(subscription=self._one(which), key=self._key())

    def keep(self, which: str) -> None:
        self.gateway.keep(subscription=self._one(which), key=self._key())

    def cancel_by_date(self, seconds: str, which: str) -> None:
        self._update(which, {"cancel_at": self.sandbox.now() + int(seconds)})

    def stop_collecting(self, behavior: str, which: str) -> None:
        self._update(which, {"pause_collection": {"behavior": behavior}})

    def collect_again(self, which: str) -> None:
        self._update(which, {"pause_collection": ""})

    def change_plan(self, slug: str, which: str) -> None:
        (item,) = self.store.get("subscription", self._one(which))["items"]["data"]
        self._update(which, {"items": [{"id": item["id"], "price": self.ground.prices[slug]}]})

    def delete(self) -> None:
        self.gateway.delete_customer(customer=self._customer(), key=self._key())

    @cached_property
    def _stripe(self) -> stripe.StripeClient:
        """Stripe's own dashboard."""
        return stripe.StripeClient("sk_test_staff", base_addresses={"api": ADDRESS}, http_client=self.http)

    def _update(self, which: str, params: Any) -> None:
        self._stripe.v1.subscriptions.update(self._one(which), params)

    def _one(self, which: str) -> str:
        """Return the one of the open subscriptions that is meant."""
        held = [row["id"] for row in self.store.all("subscription") if not row["ended_at"]]
        if not held:
            raise LookupError("no subscription")
        return str(held[int(which) % len(held)])

    def _customer(self) -> str:
        """Return the reader at Stripe: the newest who was not deleted there."""
        known = [row["id"] for row in self.store.all("customer") if not row.get("_deleted")]
        return str(known[-1] if known else self.ground.customer)

    def _open_invoices(self) -> list[str]:
        return [row["id"] for row in self.store.all("invoice") if row["status"] == "open"]

    def _key(self) -> str:
        self.figures["keys"] += 1
        return f"h-{self.figures['keys']}"


_OURS = frozenset(
    {"fault", "slow", "deliver", "work", "die", "boundaries", "stale", "replay", "compare", "nothing"}
)


def reconcile(history: History) -> None:
    """Do what the schedule does by night: gone on with what was begun, then all of it."""
    # Leases of workers that died are over by now; nothing else has happened since.
    now = history.now + Customer.LEASE
    while (begun := comparison.unfinished(now=now)) is not None:
        comparison.advance(begun, gateway=history.gateway, now=now)
    comparison.advance(comparison.start(now=now), gateway=history.gateway, now=now)


def work_off(history: History, *, later: timedelta) -> bool:
    """Let workers do whatever is still due after the longest pause between two tries; tell whether there was any."""
    now, busy = history.now + later, False
    while due := inbox.due_ids(now=now, limit=1):
        inbox.process(due[0], gateway=history.gateway, now=now)
        busy = True
    for customer in sync.waiting_ids(now=now, limit=10):
        leftovers.look(customer, gateway=history.gateway, now=now)
        busy = True
    return busy
