"""What is held without a subscription, as moves of a history: gifts bought and redeemed, free access from staff."""

from __future__ import annotations

from datetime import datetime, timedelta

from accounts.models import User
from billing import comps, gift_codes, presents, redeeming
from billing.gateway import StripeGateway
from billing.models import Comp, Present
from billing.sandbox.sandbox import Sandbox
from tests.factories.billing import GOOD
from tests.proofs.histories.ground import GIFT, Ground


class Holdings:
    """A part of `History`, which has all that is named here."""

    ground: Ground
    gateway: StripeGateway
    sandbox: Sandbox
    now: datetime

    def click_give(self, then: str) -> None:
        """Buy a gift; the giver comes back to see the code, or never does."""
        wish = presents.Wish(attempt=self.key(), price=GIFT, giver_email="giver@readers.example")
        presents.buy(wish, giver=None, gateway=self.gateway, now=self.now)
        present = Present.objects.get(wish=wish.digest)
        self.sandbox.complete_checkout(present.session_id, card=GOOD)
        if then == "back":
            presents.look(present, gateway=self.gateway, now=self.now)

    def click_redeem(self, who: str, which: str) -> None:
        code = gift_codes.of(self._present(which).key)
        redeeming.redeem(code, reader=self.person(who), gateway=self.gateway, now=self.now)

    def click_take_back(self, which: str) -> None:
        """Void a gift and give its money back, as staff."""
        presents.refund(self._present(which), reason="a history", gateway=self.gateway, now=self.now)

    def click_comp(self, who: str, days: str) -> None:
        reader, until = self.person(who), self.now + timedelta(days=int(days))
        comps.give(
            reader, products=["premium"], until=until, reason="a history", by=self.ground.reader, now=self.now
        )

    def click_end_comp(self, which: str) -> None:
        held = list(Comp.objects.filter(ended_at=None, ends_at__gt=self.now).order_by("pk"))
        if not held:
            raise LookupError("no free access")
        comps.end(held[int(which) % len(held)], reason="a history", now=self.now)

    def person(self, who: str) -> User:
        """Return the reader, or the friend whom the reader may invite."""
        return self.ground.friend if who == "friend" else self.ground.reader

    def _present(self, which: str) -> Present:
        bought = list(Present.objects.order_by("pk"))
        if not bought:
            raise LookupError("no gift")
        return bought[int(which) % len(bought)]
