"""What may be interrupted: the steps of a paid subscription, each with the points at which its process is killed.

A scene has one reader, and nothing but the step that is interrupted may bring its end about: no other event, no other
click. What comes after it is what would come in life: the worker that finds the row, Stripe that had no answer and
sends again, the reader who clicks again or who does not.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from typing import ClassVar

from accounts.models import Mail
from accounts.tasks import deliver_mails
from billing.models import Customer
from billing.tasks import process_events, sweep_boundaries
from tests.proofs.extent import IS_FULL
from tests.proofs.kills import kills
from tests.proofs.kills.agreeing import Change, ComeBack, OtherChange, Pause, Restart, Unpause
from tests.proofs.kills.gifts import Given, Giving, HeardOfGift, Redeeming, SentGift, TakenBack
from tests.proofs.kills.giving_back import Refund
from tests.proofs.kills.kills import Point, after, before, point
from tests.proofs.kills.passes import HeardOfPass, Pass, PassPaid
from tests.proofs.kills.places import EndOfGroup, Inviting, Joining, Leaving
from tests.proofs.kills.scene import Scene
from tests.proofs.ledger import ours
from tests.proofs.ledger.theirs import Obj

_GATEWAY = "billing.gateway.account:StripeGateway"
_COMMIT = "django.db.backends.base.base:BaseDatabaseWrapper._commit"
_CREATED = "customer.subscription.created"


class Delivery(Scene):
    """Stripe delivers an event."""

    points = (
        point("webhook: verified, before the insert", before("billing.inbox:receive")),
        point("webhook: inserted, not committed", before("billing.inbox:receive"), before(_COMMIT)),
        point("webhook: committed, before the 200", after("billing.inbox:receive")),
    )

    def prepare(self) -> None:
        super().prepare()
        self.buy_at_stripe()
        found = self.theirs.event(_CREATED, customer=self.stripe_id)
        assert found is not None
        self.event: Obj = found

    def step(self) -> None:
        ours.deliver(self.event)

    def again(self) -> None:
        # No answer came, so Stripe sends again; twice, as it may.
        for _time in range(2):
            ours.deliver(self.event)
        self.acknowledged.append(self.event["id"])


class Look(Scene):
    """A worker works through the one event that tells of a purchase."""

    points = (
        point("worker: event leased", after("billing.inbox:_claim")),
        point("worker: look asked for, event not done", after("billing.sync:request")),
        point("worker: event done, not committed", after("billing.inbox:_finish")),
        point("worker: event done, before the look", after("billing.inbox:process")),
        point("worker: customer leased", after("billing.sync:_claim")),
        point("worker: picture half fetched", before(f"{_GATEWAY}._invoices")),
        point("worker: picture fetched, before the write", after(f"{_GATEWAY}.picture")),
        point("worker: mirror written", after("billing.mirror:write")),
        point("worker: entitlements restated", after("billing.sync:_restate_entitlements")),
        point("worker: before the commit", after("billing.dunning:tell"), before(_COMMIT)),
        point("worker: committed, before it is told so", after("billing.dunning:tell"), after(_COMMIT)),
    )

    def prepare(self) -> None:
        super().prepare()
        self.buy_at_stripe()
        assert self.tell(_CREATED)

    def step(self) -> None:
        process_events(self.received())


class Sending(Scene):
    """A worker sends the mail of a purchase."""

    points = (
        point("mail: leased", before("accounts.emails:_message")),
        point("mail: marked as sent", after("accounts.emails:deliver")),
    )

    def prepare(self) -> None:
        super().prepare()
        self.buy_at_stripe()
        assert self.tell(_CREATED)
        process_events(self.received())

    def step(self) -> None:
        deliver_mails(list(Mail.objects.filter(reader=self.account).values_list("pk", flat=True)))


class Sent(Sending):
    """The one place where a repetition cannot be helped: mail servers know no keys."""

    points = (point("mail: sent but not marked", after("django.core.mail.message:EmailMessage.send")),)
    may_repeat_mails = True


class Purchase(Scene):
    """A reader clicks on subscribe."""

    points = (
        point("checkout: attempt made", after("billing.attempts:begin")),
        point("checkout: customer made at Stripe, not recorded", after(f"{_GATEWAY}.create_customer")),
        point("checkout: customer recorded, not saved", after("billing.calls:recorded")),
        point("checkout: customer saved", after("billing.customers:ensure")),
        point("checkout: session made at Stripe, not saved", after(f"{_GATEWAY}.start_checkout")),
        point("checkout: session saved, before the answer", after("billing.subscribing:start")),
    )

    def prepare(self) -> None:
        super().prepare()
        self.sign_in()

    def step(self) -> None:
        self.reader.checkout()

    def again(self) -> None:
        self.pay(self.reader.checkout())
        self.arrive()

    def pay(self, session: str) -> None:
        """Fill in Stripe's page."""
        self.session = session
        self.theirs.control(f"checkout/{session}/complete")
        self.address = self.theirs.get(f"checkout/sessions/{session}")["success_url"]
        self.stripe_id = Customer.objects.get(reader=self.account).stripe_id

    def arrive(self) -> None:
        """Hear of it: from Stripe, or from the reader who comes back."""
        if self.is_told:
            assert self.tell("checkout.session.completed")
        else:
            assert self.reader.come_back(self.address, self.session) == ours.BACK


class Return(Purchase):
    """A reader comes back from paying."""

    points = (
        point("return: session looked at", after(f"{_GATEWAY}.checkout")),
        point("return: synced, attempt still open", after("billing.waiting:for_sync")),
    )

    def prepare(self) -> None:
        super().prepare()
        self.pay(self.reader.checkout())

    def step(self) -> None:
        self.reader.come_back(self.address, self.session)

    def again(self) -> None:
        self.arrive()


class NoReturn(Purchase):
    """A reader who paid never comes back, and a worker hears of it."""

    points = (
        point("worker: purchase synced, attempt still open", after("billing.waiting:for_sync")),
        point("worker: attempt closed, event not done", after("billing.inbox:_after_checkout")),
    )

    def prepare(self) -> None:
        super().prepare()
        self.pay(self.reader.checkout())
        assert self.tell("checkout.session.completed")

    def step(self) -> None:
        process_events(self.received())

    def again(self) -> None:
        """Nobody does anything."""


class CardForm(Scene):
    """A reader whose payment failed asks for the form that replaces the card."""

    points = (point("card: form made at Stripe, not recorded", after(f"{_GATEWAY}.start_card_form")),)
    mails = ("payment_failed", "payment_recovered", "welcome")

    def prepare(self) -> None:
        super().prepare()
        self.fail_at_stripe()

    def ready(self) -> None:
        self.look()
        self.sign_in()

    def step(self) -> None:
        self.reader.card_form()

    def again(self) -> None:
        self.store(self.reader.card_form())
        self.arrive()

    def store(self, session: str) -> None:
        """Fill in Stripe's form."""
        self.session = session
        self.theirs.control(f"checkout/{session}/complete")
        self.address = self.theirs.get(f"checkout/sessions/{session}")["success_url"]

    def arrive(self) -> None:
        """Hear of it: from Stripe, or from the reader who comes back."""
        if self.is_told:
            assert self.tell("checkout.session.completed")
        else:
            assert self.reader.come_back(self.address, self.session) == ours.BACK


class Card(CardForm):
    """A reader comes back with a new card, with which what is open is paid."""

    points = (
        point(
            "card: default of the customer, not yet of the subscription",
            before(f"{_GATEWAY}.use_card"),
            after("billing.gateway.http:PatientClient.request_with_retries"),
        ),
        point("card: stored as default, not recorded", after(f"{_GATEWAY}.use_card")),
        point("card: stored as default, before the invoice is paid", before(f"{_GATEWAY}.pay_invoice")),
        point("card: invoice paid, not recorded", after(f"{_GATEWAY}.pay_invoice")),
        point("card: synced, before the answer", after("billing.cards:finish")),
    )

    def ready(self) -> None:
        super().ready()
        self.store(self.reader.card_form())

    def step(self) -> None:
        self.reader.come_back(self.address, self.session)

    def again(self) -> None:
        self.arrive()


class HeardOfCard(Card):
    """A reader with a new card never comes back, and a worker hears of it."""

    points = (point("worker: invoice paid with a new card, not recorded", after(f"{_GATEWAY}.pay_invoice")),)

    def ready(self) -> None:
        super().ready()
        assert self.tell("checkout.session.completed")

    def step(self) -> None:
        process_events(self.received())

    def again(self) -> None:
        """Nobody does anything."""


class Cancel(Scene):
    """A reader cancels."""

    points = (
        point("cancel: recorded, not asked for", before(f"{_GATEWAY}.cancel_at_period_end")),
        point("cancel: cancelled at Stripe, not recorded", after(f"{_GATEWAY}.cancel_at_period_end")),
        point("cancel: synced, before the answer", after("billing.contracts:cancel")),
    )
    mails = ("welcome", "cancel_scheduled")
    news: ClassVar[str] = "customer.subscription.updated"

    def prepare(self) -> None:
        super().prepare()
        self.buy_at_stripe()

    def ready(self) -> None:
        self.look()
        self.sign_in()

    def step(self) -> None:
        self.reader.click("subscription/cancel")

    def again(self) -> None:
        # Where nothing happened at Stripe it tells of nothing, and only another click brings it about.
        if not self.is_told or not self.is_done() or not self.tell(self.news):
            self.reader.click("subscription/cancel")

    def is_done(self) -> bool:
        """Whether the wish got to Stripe."""
        (theirs,) = self.theirs.listed("subscriptions", customer=self.stripe_id, status="all")
        return bool(theirs["canceled_at"])


class End(Cancel):
    """A reader whose payment failed cancels, which ends it at once and lets what is open go."""

    points = (
        point("end: ended at Stripe, not recorded", after(f"{_GATEWAY}.cancel_now")),
        point("end: ended, invoice still open", before(f"{_GATEWAY}.void_invoice")),
        point("end: invoice voided, not recorded", after(f"{_GATEWAY}.void_invoice")),
    )
    mails = ("payment_failed", "subscription_canceled")
    subscribes = False
    news = "customer.subscription.deleted"

    def prepare(self) -> None:
        Scene.prepare(self)
        self.fail_at_stripe()

    def again(self) -> None:
        if self.is_done():  # the page now offers nothing to cancel
            assert self.tell(self.news)
        else:
            self.reader.click("subscription/cancel")


class Leftover(End):
    """Two die, one after the other: who ended it, and the worker who was to let go what is open."""

    points = (point("worker: end looked at, invoice still open", after("billing.sync:customer")),)

    def ready(self) -> None:
        super().ready()
        ended = point("end: ended at Stripe, not recorded", after(f"{_GATEWAY}.cancel_now"))
        self.deaths.append(kills.kill_at(ended, super().step))
        self.theirs.pass_time(seconds=150)
        assert self.tell(self.news)

    def step(self) -> None:
        process_events(self.received())

    def again(self) -> None:
        sweep_boundaries()


# What every event and every purchase goes through is played in each round, what stands on it in every fifth. An
# ordinary run, which has one round, plays one point of each scene.
_EACH_TIME: tuple[type[Scene], ...] = (
    *(Delivery, Look, Sending, Sent, Purchase, Return, NoReturn),
    *(CardForm, Card, HeardOfCard, Cancel, End, Leftover, Refund),
)
_NOW_AND_THEN: tuple[type[Scene], ...] = (
    *(Change, OtherChange, Pause, Unpause, Restart, ComeBack),
    *(Pass, PassPaid, HeardOfPass, Giving, Given, HeardOfGift, SentGift, Redeeming, TakenBack),
    *(Inviting, Joining, Leaving, EndOfGroup),
)
ROUNDS_APART = 5
_IS_WHOLE = IS_FULL or "EVERY_KILL" in os.environ
# Points of what is played in each round, and of what stands on it, at the least.
POINTS, STORIES = (40, 60) if _IS_WHOLE else (len(_EACH_TIME), len(_NOW_AND_THEN))


def cast(number: int, *, dice: random.Random) -> Iterator[tuple[type[Scene], Point]]:
    """Return the scenes of that round, each with every point; in an ordinary run with one that chance picks."""
    for scene in (*_EACH_TIME, *(() if number % ROUNDS_APART else _NOW_AND_THEN)):
        points = scene.points if _IS_WHOLE else (dice.choice(scene.points),)
        yield from ((scene, point) for point in points)


def of_each_round() -> frozenset[str]:
    """Return the points at which somebody dies in each round."""
    return frozenset(point.name for scene in _EACH_TIME for point in scene.points)
