"""What may be interrupted when a day pass is bought: the click, the reader who comes back, the worker who hears."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from billing.tasks import process_events
from tests.proofs.kills.goods import PASS, PASS_AMOUNT, PASS_HOURS
from tests.proofs.kills.kills import after, before, point
from tests.proofs.kills.scene import Scene
from tests.proofs.ledger import ours
from tests.proofs.ledger.theirs import Obj

_GATEWAY = "billing.gateway.account:StripeGateway"
_COMMIT = "django.db.backends.base.base:BaseDatabaseWrapper._commit"


class Pass(Scene):
    """A reader clicks on a day pass."""

    points = (
        point("pass: attempt made", after("billing.attempts:begin")),
        point("pass: page made at Stripe, not saved", after(f"{_GATEWAY}.start_payment")),
        point("pass: page saved, before the answer", after("billing.subscribing:start")),
    )
    mails = ("day_pass",)
    subscribes = False
    subscriptions = 0
    pays_once = PASS_AMOUNT

    def prepare(self) -> None:
        super().prepare()
        self.sign_in()

    def step(self) -> None:
        self.reader.checkout(PASS)

    def again(self) -> None:
        self.pay(self.reader.checkout(PASS))
        self.arrive()

    def pay(self, session: str) -> None:
        """Fill in Stripe's page."""
        self.session = session
        self.theirs.control(f"checkout/{session}/complete")
        whole = self.theirs.get(f"checkout/sessions/{session}")
        self.address, self.stripe_id = whole["success_url"], whole["customer"]

    def arrive(self) -> None:
        """Hear of it: from Stripe, or from the reader who comes back."""
        if self.is_told:
            assert self.tell("checkout.session.completed")
        else:
            assert self.reader.come_back(self.address, self.session) == ours.BACK

    def besides(self) -> Callable[[str, float], bool]:
        ends = [row["created"] + PASS_HOURS * 3600 for row in self.paid()]
        return lambda product, moment: product == "premium" and any(moment < end for end in ends)

    def paid(self) -> list[Obj]:
        """Return the charges for it at Stripe."""
        if not hasattr(self, "stripe_id"):
            return []
        rows = self.theirs.listed("charges", customer=self.stripe_id)
        return [row for row in rows if row["status"] == "succeeded"]

    def amiss(self) -> Iterable[str]:
        if (paid := len(self.paid())) != 1:
            yield f"{paid} passes were paid"
            return
        pages = list(self.theirs.listed("checkout/sessions", customer=self.stripe_id))
        if [page["status"] for page in pages] != ["complete"]:
            yield f"{len(pages)} pages to pay on"


class PassPaid(Pass):
    """A reader comes back from paying for a pass."""

    points = (
        point("pass: payment looked at, nothing stated", after(f"{_GATEWAY}.picture")),
        point("pass: hours stated, not committed", after("billing.passes:restate"), before(_COMMIT)),
        point("pass: hours stated, attempt still open", after("billing.waiting:for_sync")),
    )

    def prepare(self) -> None:
        super().prepare()
        self.pay(self.reader.checkout(PASS))

    def step(self) -> None:
        self.reader.come_back(self.address, self.session)

    def again(self) -> None:
        self.arrive()


class HeardOfPass(PassPaid):
    """A reader who paid for a pass never comes back, and a worker hears of it."""

    points = (
        point("worker: pass stated, not committed", after("billing.passes:restate"), before(_COMMIT)),
        point("worker: pass stated, attempt still open", after("billing.waiting:for_sync")),
    )

    def prepare(self) -> None:
        super().prepare()
        assert self.tell("checkout.session.completed")

    def step(self) -> None:
        process_events(self.received())

    def again(self) -> None:
        """Nobody does anything."""
