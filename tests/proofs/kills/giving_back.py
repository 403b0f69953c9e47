"""What may be interrupted when money is given back: the wish of a member of staff, up to the end of reading."""

from __future__ import annotations

from typing import ClassVar

from accounts import clock
from billing import gateway, refunding
from billing.models import Invoice
from billing.refunding import Wish
from billing.snapshots import Access
from billing.tasks import sweep_boundaries
from tests.proofs.kills.kills import after, before, point
from tests.proofs.kills.scene import Scene

_GATEWAY = "billing.gateway.account:StripeGateway"


class Refund(Scene):
    """Staff give a part of a payment back, and end reading with it."""

    points = (
        point("refund: wished, Stripe not asked", after("billing.refunding:_placed")),
        point("refund: given back at Stripe, not recorded", after(f"{_GATEWAY}.refund")),
        point("refund: recorded, not looked at", after("billing.calls:recorded")),
        point("refund: looked at, subscription not ended", before(f"{_GATEWAY}.cancel_now")),
        point("refund: subscription ended, not recorded", after(f"{_GATEWAY}.cancel_now")),
        point("refund: all done, not noted", before("billing.refunding:_finish")),
    )
    mails = ("welcome", "refunded", "subscription_canceled")
    subscribes = False
    gives_back: ClassVar[int] = 300

    def prepare(self) -> None:
        super().prepare()
        self.buy_at_stripe()

    def ready(self) -> None:
        self.look()

    def step(self) -> None:
        wish = Wish(
            key=f"refund-{self.name}",
            amount=self.gives_back,
            reason="a proof",
            access=Access.WITHDRAW,
            seen=0,
        )
        refunding.refund(
            Invoice.objects.get(customer=self.customer),
            wish=wish,
            by=self.account,
            gateway=gateway.default(),
            now=clock.now(),
        )

    def again(self) -> None:
        # Whoever wished it sends the form again, or goes home; then the sweep finds the wish.
        if self.is_told:
            self.step()
        else:
            sweep_boundaries()
