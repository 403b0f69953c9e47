"""What may be interrupted about a group: inviting, joining, leaving; and the look that ends it for all in it.

Stripe never hears of members, so a place is held by our rows; what it opens follows from the owner's subscription.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from django.db.models import Q, QuerySet

from accounts import clock
from accounts.models import Mail
from billing.models import Seat
from billing.tasks import process_events
from tests.proofs.kills.kills import after, before, point
from tests.proofs.kills.scene import Scene
from tests.proofs.ledger import oracle, ours
from tests.proofs.ledger.oracle import Truth

_COMMIT = "django.db.backends.base.base:BaseDatabaseWrapper._commit"


class Inviting(Scene):
    """The owner of a family invites somebody."""

    points = (
        point("group: invitation written, not committed", after("billing.invitations:send")),
        point("group: invited, before the answer", after("billing.groups:invite")),
    )
    mails = ("welcome", "group_invitation")
    sits = False  # whether the member has a place in the end

    def prepare(self) -> None:
        super().prepare()
        self.buy_at_stripe("family_monthly")
        self.member = ours.new_account(f"{self.name}-member")

    def ready(self) -> None:
        self.look()
        self.sign_in()

    def step(self) -> None:
        self.reader.click("group/invitations", email=self.member.email)

    def again(self) -> None:
        self.step()

    def letters(self) -> QuerySet[Mail]:
        return Mail.objects.filter(Q(reader=self.account) | Q(to=self.member.email))

    def places(self) -> int:
        """Return how many places are held or offered beside the owner's."""
        return Seat.objects.living().filter(subscription__customer=self.customer).count()

    def amiss(self) -> Iterable[str]:
        if self.places() != 1:
            yield f"{self.places()} places are held or offered"
        subscriptions = tuple(self.theirs.listed("subscriptions", customer=self.stripe_id, status="all"))
        group = Truth(
            subscriptions,
            tuple(self.theirs.listed("invoices", customer=self.stripe_id)),
            self.theirs.unlocked,
        )

        def reads(product: str, moment: float) -> bool:
            return self.sits and any(oracle.opens(group, row, product, moment) for row in subscriptions)

        alone = Truth((), (), self.theirs.unlocked, besides=reads)
        if unequal := oracle.difference(self.member, alone, now=clock.now()):
            yield f"the member: {unequal}"


class Joining(Inviting):
    """Somebody takes the place."""

    points = (
        point("group: place taken, nothing stated", before("billing.seats:restate")),
        point("group: place taken, not committed", after("billing.seats:restate"), before(_COMMIT)),
        point("group: joined, before the answer", after("billing.groups:accept")),
    )
    sits = True

    def ready(self) -> None:
        super().ready()
        self.reader.click("group/invitations", email=self.member.email)
        # What is sent is not kept.
        found = re.search(r"token=(\S+)", self.letters().get(kind="group_invitation").text)
        assert found is not None
        self.token = found[1]
        self.deliver()
        self.guest = ours.Reader(self.member)

    def step(self) -> None:
        self.guest.click("group/memberships", token=self.token)

    def again(self) -> None:
        self.step()
        stranger = ours.Reader(ours.new_account(f"{self.name}-stranger"))
        assert stranger.tries("group/memberships", token=self.token) == 404

    def seat(self) -> str:
        """Return the member's seat, by our name for it."""
        return str(Seat.objects.members().get(member=self.member).pk)


class Leaving(Joining):
    """A member leaves."""

    points = (
        point("group: place ended, nothing given back", before("billing.seats:give_back")),
        point("group: left, not committed", after("billing.seats:restate"), before(_COMMIT)),
        point("group: left, before the answer", after("billing.groups:leave")),
    )
    sits = False

    def ready(self) -> None:
        super().ready()
        super().step()
        self.held = self.seat()

    def step(self) -> None:
        self.guest.drop(f"group/memberships/{self.held}")

    def again(self) -> None:
        assert self.guest.drop(f"group/memberships/{self.held}") in {200, 409}  # left; left already
        # The place is free at once.
        self.reader.click("group/invitations", email=f"next-{self.member.email}")


class EndOfGroup(Joining):
    """A worker learns that the owner's subscription has ended, and with it the reading of all in the group."""

    points = (
        point("worker: end of a group written, members not", before("billing.seats:restate")),
        point("worker: members restated, not committed", after("billing.seats:restate"), before(_COMMIT)),
    )
    mails = ("welcome", "group_invitation", "subscription_canceled")
    subscribes = False

    def ready(self) -> None:
        super().ready()
        super().step()
        self.theirs.end(self.bought)
        assert self.tell("customer.subscription.deleted")

    def step(self) -> None:
        process_events(self.received())

    def again(self) -> None:
        """Nobody does anything."""
