"""One reader of the proof of kills: what every story that is interrupted is made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import ClassVar

from django.db.models import QuerySet

from accounts import clock
from accounts.models import Mail
from accounts.tasks import deliver_mails
from billing.models import Customer, StripeEvent
from billing.tasks import sync_customers
from tests.proofs.kills import kills
from tests.proofs.kills.kills import Point
from tests.proofs.ledger import ours
from tests.proofs.ledger.theirs import FAILS_LATER, Theirs

_TRIAL = 600  # seconds until the first charge of those whose card fails


@dataclass
class Scene:
    """One reader, up to one death and beyond. Times of the phases: `prepare`, time passes, `ready`, `step`, `again`."""

    point: Point
    name: str
    theirs: Theirs
    is_told: bool  # whether Stripe tells us what the step changed, rather than the reader clicking again
    acknowledged: list[str] = field(default_factory=list)  # events that Stripe was answered 200 for
    deaths: list[kills.Death] = field(default_factory=list)

    points: ClassVar[tuple[Point, ...]] = ()
    mails: ClassVar[tuple[str, ...]] = ("welcome",)
    subscribes: ClassVar[bool] = True  # whether they have an open subscription in the end
    subscriptions: ClassVar[int] = 1  # how many they ever had at Stripe
    is_customer: ClassVar[bool] = True  # whether Stripe knows them in the end
    pays_once: ClassVar[int] = 0  # how much they paid beside their invoices
    may_repeat_mails: ClassVar[bool] = False
    gives_back: ClassVar[int] = 0  # how much of what they paid they have back in the end

    def prepare(self) -> None:
        """Make the reader."""
        self.account = ours.new_account(self.name)

    def ready(self) -> None:
        """Do what needs time to have passed."""

    def step(self) -> None:
        """Do what is interrupted."""
        raise NotImplementedError

    def again(self) -> None:
        """Do what is done about it from outside; the workers come afterwards."""

    def amiss(self) -> Iterable[str]:
        """Name what else is not as it should be in the end, told from Stripe's objects."""
        return ()

    def besides(self) -> Callable[[str, float], bool]:
        """Ask Stripe; return whether something else than a subscription of theirs opens a product at a moment."""
        return lambda _product, _moment: False

    def letters(self) -> QuerySet[Mail]:
        """Return the mails that this story is about."""
        return Mail.objects.filter(reader=self.account)

    def die(self) -> None:
        """Do the step in a process that is killed at the point."""
        self.deaths.append(kills.kill_at(self.point, self.step))

    # What scenes are made of

    def buy_at_stripe(self, price: str = "premium_monthly", **more: str | int) -> None:
        """Be a customer whom we know, with a subscription that we do not know yet."""
        self.stripe_id = self.theirs.customer(reader=self.account.public_id, email=self.account.email)
        self.bought = str(self.theirs.subscribe(self.stripe_id, price=price, **more)["id"])
        self.customer = ours.known_customer(self.account, self.stripe_id)

    def fail_at_stripe(self) -> None:
        """Be a customer whose first charge after a short trial is going to fail."""
        self.stripe_id = self.theirs.customer(
            reader=self.account.public_id, email=self.account.email, card=FAILS_LATER
        )
        trial_ends_at = int(clock.now().timestamp()) + _TRIAL
        self.theirs.subscribe(self.stripe_id, trial_end=trial_ends_at)
        self.customer = ours.known_customer(self.account, self.stripe_id)

    def look(self) -> None:
        """Let us know how things are at Stripe, and send the mails that follow."""
        Customer.objects.filter(pk=self.customer.pk).update(sync_requested=1)
        sync_customers([self.customer.pk])
        self.deliver()

    def deliver(self) -> None:
        """Send the mails of this story."""
        deliver_mails(list(self.letters().values_list("pk", flat=True)))

    def sign_in(self) -> None:
        """Take a browser."""
        self.reader = ours.Reader(self.account)

    def tell(self, kind: str, *, stripe_id: str = "", about: str = "") -> bool:
        """Let Stripe deliver its last event of a kind about this reader, or one object; False where there is none."""
        if about:
            event = self.theirs.event_about(about, kind=kind)
        else:
            event = self.theirs.event(kind, customer=stripe_id or self.stripe_id)
        if event is None:
            return False
        ours.deliver(event)
        self.acknowledged.append(event["id"])
        return True

    def received(self) -> list[int]:
        """Return the events about this reader that wait in the inbox."""
        waiting = StripeEvent.objects.filter(event_id__in=self.acknowledged, state="received")
        return list(waiting.values_list("pk", flat=True))

    def told(self) -> Counter[str]:
        """Return what this reader was told, by kind."""
        return Counter(self.letters().values_list("kind", flat=True))
