"""One reader's life at the sandbox, move by move, with our side of it: what arrives, what workers do, what fails."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import stripe
from django.db.models import F

from billing import comparison, inbox, leftovers, presents, reconciliation, redeeming, snapshots, sync
from billing.errors import BillingError
from billing.gateway import Delivery, StripeGateway
from billing.models import Customer, Present, StripeEvent
from billing.sandbox import snapshot
from billing.sandbox.errors import ApiError
from billing.sandbox.faults import Fault
from billing.sandbox.rendering import show
from billing.sandbox.sandbox import Sandbox
from tests.factories.billing import NOON
from tests.proofs.histories.clicks import Clicks
from tests.proofs.histories.dashboard import Dashboard
from tests.proofs.histories.ground import ADDRESS, Ground, ImpatientClient
from tests.proofs.histories.groups import Groups
from tests.proofs.histories.holdings import Holdings
from tests.proofs.histories.moves import IN_ORDER, LEASE, Move
from tests.proofs.histories.strawmen import Strawman

LOST, DOUBLED, LATE = 0.05, 0.20, 0.3
# What may come of a move that did not happen, or of which we do not know.
_REFUSALS = (BillingError, LookupError, ApiError, stripe.StripeError)


@dataclass
class History(Dashboard, Clicks, Groups, Holdings):
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
        look_after_presents(self, now=self.now)

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

    def key(self) -> str:
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
    return look_after_presents(history, now=now) or busy


def look_after_presents(history: History, *, now: datetime) -> bool:
    """Do what the schedule does for gifts; tell whether there was anything to do."""
    unrefunded = list(Present.objects.to_give_back())
    for present in unrefunded:
        with suppress(BillingError):
            presents.give_back(present, gateway=history.gateway, now=now)
    unnoted = list(Present.objects.to_note())
    for present in unnoted:
        with suppress(BillingError):
            redeeming.note(present, gateway=history.gateway, now=now)
    unseen = reconciliation.presents_unseen(now=now)
    for present in Present.objects.filter(pk__in=unseen):
        with suppress(BillingError):
            presents.look(present, gateway=history.gateway, now=now)
    return bool(unrefunded or unnoted or unseen)
