"""A process that lets others die at every point, round by round, and judges what became of it. Prints its figures.

In each round every point gets a reader of its own. All die; then the clock goes past every lease, what comes from
outside comes, workers do what is due; then ours is held against Stripe's own objects.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

from django.conf import settings

from accounts import clock
from billing.models import CheckoutAttempt, Customer, StripeEvent
from tests.proofs.kills import goods
from tests.proofs.kills.scene import Scene
from tests.proofs.kills.scenes import cast
from tests.proofs.ledger import oracle, ours
from tests.proofs.ledger.oracle import Truth
from tests.proofs.ledger.theirs import Obj, Theirs

_UNTIL_THE_CHARGE_FAILED = 3 * 3600  # seconds: a short trial, an hour as a draft, and some
_PAST_EVERY_LEASE = 150


@dataclass
class Figures:
    """What the proof counts."""

    kills: int = 0
    points: dict[str, int] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    not_killed: list[str] = field(default_factory=list)
    undone: int = 0  # control: how many of the first round's readers were not well before anybody helped
    repeated_mails: int = 0
    acknowledged: int = 0
    seconds: float = 0.0


@dataclass
class Round:
    """Every point once."""

    number: int
    theirs: Theirs
    figures: Figures
    dice: random.Random
    scenes: list[Scene] = field(default_factory=list)
    sent: Counter[str] = field(default_factory=Counter)

    def run(self) -> None:
        """Set the scenes, let them die, help them up, judge."""
        self.began_at = int(clock.now().timestamp())
        self.scenes = list(self._cast())
        for scene in self.scenes:
            scene.prepare()
        self.theirs.pass_time(seconds=_UNTIL_THE_CHARGE_FAILED)
        for scene in self.scenes:
            scene.ready()
        self.dice.shuffle(self.scenes)
        for scene in self.scenes:
            scene.die()
            self._note(scene)
        if not self.figures.undone:
            self.figures.undone = self._verdict().unwell()
        self.theirs.pass_time(seconds=_PAST_EVERY_LEASE)
        for scene in self.scenes:
            scene.again()
        ours.work(self.theirs)
        self._judge()

    def _cast(self) -> Iterable[Scene]:
        for number, (scene, point) in enumerate(cast(self.number, dice=self.dice)):
            yield scene(
                point,
                f"r{self.number}-{number}-{os.getpid()}",
                self.theirs,
                is_told=(self.number + number) % 2 == 1,
            )

    def _note(self, scene: Scene) -> None:
        self.figures.kills += sum(death.is_kill for death in scene.deaths)
        name, death = scene.point.name, scene.deaths[-1]
        if all(death.is_kill for death in scene.deaths):
            self.figures.points[name] = self.figures.points.get(name, 0) + 1
        else:
            self.figures.not_killed.append(f"{name}: {death}")

    def _verdict(self) -> Verdict:
        self.sent += ours.sent_mails()
        return Verdict(self.scenes, self.theirs, sent=self.sent, began_at=self.began_at)

    def _judge(self) -> None:
        verdict = self._verdict()
        lost = [*ours.unfinished(), *verdict.missing()]
        self.figures.lost += [f"round {self.number}: {line}" for line in lost]
        self.figures.doubled += [f"round {self.number}: {line}" for line in verdict.doubled()]
        self.figures.repeated_mails += verdict.repeated_mails
        self.figures.acknowledged += sum(len(scene.acknowledged) for scene in self.scenes)


class Verdict:
    """What became of a round, told from Stripe's objects, the sent mails and our tables."""

    def __init__(self, scenes: list[Scene], theirs: Theirs, *, sent: Counter[str], began_at: int) -> None:
        self._scenes = scenes
        since = {"created[gte]": began_at}
        customers = theirs.listed("customers", **since)
        self._customers = {row["id"]: row["metadata"].get("reader_id") for row in customers}
        self._subscriptions = list(theirs.listed("subscriptions", status="all", **since))
        self._invoices = list(theirs.listed("invoices", **since))
        self._charges = list(theirs.listed("charges", **since))
        self._unlocked = theirs.unlocked
        self._sent = sent
        self.repeated_mails = 0

    def missing(self) -> list[str]:
        """Name all that is not as it should be by now."""
        return [f"{scene.point.name}: {line}" for scene in self._scenes for line in self._missing(scene)]

    def unwell(self) -> int:
        """Return how many readers miss anything."""
        return sum(any(self._missing(scene)) for scene in self._scenes)

    def doubled(self) -> list[str]:
        """Name all that was done twice where a key makes it one."""
        return [f"{scene.point.name}: {line}" for scene in self._scenes for line in self._twice(scene)]

    def _missing(self, scene: Scene) -> Iterable[str]:
        done = StripeEvent.objects.filter(
            event_id__in=scene.acknowledged, state=StripeEvent.State.DONE
        ).count()
        if done != len(set(scene.acknowledged)):
            yield f"{done} of {len(set(scene.acknowledged))} acknowledged events are done"
        customer = Customer.objects.filter(reader=scene.account).first()
        if (customer is not None) != scene.is_customer:
            yield f"customer {customer}"
            return
        name = customer.stripe_id if customer else "nobody"
        yield from self._unequal(scene, customer, name)
        going_on = [row for row in self._of(name, self._subscriptions) if row["status"] == "active"]
        if len(going_on) != scene.subscribes:
            yield f"{len(going_on)} active subscriptions at Stripe"
        if any(row["status"] == "open" for row in self._of(name, self._invoices)):
            yield "an invoice is still open"
        if CheckoutAttempt.objects.filter(reader=scene.account, state=CheckoutAttempt.State.OPEN).exists():
            yield "an attempt is still open"
        back = sum(row["amount_refunded"] for row in self._of(name, self._charges))
        if back < scene.gives_back:
            yield f"{back} of {scene.gives_back} was given back"
        yield from scene.amiss()
        if scene.told() != Counter(scene.mails):
            yield f"told {dict(scene.told())}"
        yield from (f"{mail} was not sent" for mail in self._mails(scene) if not self._sent[mail])

    def _unequal(self, scene: Scene, customer: Customer | None, name: str) -> Iterable[str]:
        subscriptions, invoices = (
            tuple(self._of(name, rows)) for rows in (self._subscriptions, self._invoices)
        )
        truth = Truth(subscriptions, invoices, self._unlocked, besides=scene.besides())
        if unequal := oracle.difference(scene.account, truth, now=clock.now()):
            yield unequal
        if customer is not None and (unequal := oracle.invoice_difference(customer, truth)):
            yield unequal

    def _twice(self, scene: Scene) -> Iterable[str]:
        known = [name for name, reader in self._customers.items() if reader == scene.account.public_id]
        if len(known) != scene.is_customer:
            yield f"{len(known)} customers at Stripe"
        subscriptions = [row for name in known for row in self._of(name, self._subscriptions)]
        if len(subscriptions) != scene.subscriptions:
            yield f"{len(subscriptions)} subscriptions at Stripe"
        for name in known:
            charges, invoices = (self._of(name, rows) for rows in (self._charges, self._invoices))
            yield from oracle.not_as_asked(charges, invoices, once=scene.pays_once)
            back = sum(row["amount_refunded"] for row in self._of(name, self._charges))
            if back > scene.gives_back:
                yield f"{back} was given back, not {scene.gives_back}"
        for mail in self._mails(scene):
            again = max(0, self._sent[mail] - 1)
            if scene.may_repeat_mails:
                self.repeated_mails += again
            elif again:
                yield f"{mail} was sent {again + 1} times"

    def _mails(self, scene: Scene) -> list[str]:
        keys = scene.letters().values_list("dedup_key", flat=True)
        return [hashlib.sha256(key.encode()).hexdigest()[:32] for key in keys]

    @staticmethod
    def _of(customer: str, rows: list[Obj]) -> list[Obj]:
        return [row for row in rows if row["customer"] == customer]


def main(*, first: int, rounds: int, seed: int) -> None:
    """Run so many rounds, numbered from `first`, and print the figures as JSON."""
    settings.DEBUG = (
        False  # as in production and in every test; the stand-in only allowed it to be started so
    )
    theirs = Theirs(settings.STRIPE_API_BASE, settings.STRIPE_SECRET_KEY)
    goods.put_on_sale(theirs)
    theirs.learn_prices()
    ours.open_doors()
    figures, began = Figures(), time.monotonic()
    for number in range(first, first + rounds):
        Round(number, theirs, figures, random.Random(seed + number)).run()
    figures.seconds = time.monotonic() - began
    print(json.dumps(asdict(figures)))  # noqa: T201  what the proof reads
