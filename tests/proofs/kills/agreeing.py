"""What may be interrupted when a reader agrees to something at once: another plan, a pause and its end, a return."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, ClassVar

from accounts import clock
from billing.models import Subscription
from billing.tasks import process_events
from tests.proofs.kills.kills import after, before, point
from tests.proofs.kills.scene import Scene
from tests.proofs.ledger.theirs import Obj

_GATEWAY = "billing.gateway.account:StripeGateway"
_UPDATED = "customer.subscription.updated"
_CHANGED = after(f"{_GATEWAY}.change_price")
_TRIAL = 600  # seconds until the first charge, which a pause that stands by then voids


class _Agreement(Scene):
    """A reader with a subscription, who clicks; and clicks again, whether we know by then what came of it or not."""

    news: ClassVar[str] = _UPDATED
    asks: ClassVar[str]  # the path of the click
    charges: ClassVar[tuple[int, ...]] = (990,)

    def prepare(self) -> None:
        super().prepare()
        self.buy_at_stripe()

    def ready(self) -> None:
        self.look()
        self.sign_in()
        self.body: dict[str, Any] = self.wish()
        self.then: list[dict[str, Any]] = []  # what else is agreed to afterwards

    def wish(self) -> dict[str, Any]:
        """Return what is clicked."""
        return {}

    def step(self) -> None:
        self.reader.click(self.asks, **self.body)

    def again(self) -> None:
        if self.is_told and self.is_done():
            assert self.tell(self.news)
            process_events(self.received())
        self.step()

    def is_done(self) -> bool:
        """Whether the wish got to Stripe."""
        raise NotImplementedError

    def shown(self, path: str, **asked: str) -> dict[str, Any]:
        """Look at the amount; return what agreeing to it says."""
        preview = self.reader.click(path, preview=True, **asked)
        return {name: preview[name] for name in ("price", "shown_at", "amount")}

    @property
    def at_stripe(self) -> Obj:
        """The subscription as it is there now."""
        return self.theirs.get(f"subscriptions/{self.bought}")

    def expected(self) -> Iterable[int]:
        """Return what was to be charged, one by one."""
        return self.charges

    def amiss(self) -> Iterable[str]:
        rows = self.theirs.listed("charges", customer=self.stripe_id)
        taken = sorted(row["amount"] for row in rows if row["status"] == "succeeded")
        if taken != sorted(self.expected()):
            yield f"{taken} was taken, not {sorted(self.expected())}"


class Change(_Agreement):
    """A reader agrees to another plan for the amount that was shown."""

    points = (
        point("change: attempt made, not checked", after("billing.attempts:begin")),
        point("change: checked, not noted as asked for", after("billing.changing:_check")),
        point("change: noted, Stripe not asked", before(f"{_GATEWAY}.change_price")),
        point("change: changed at Stripe, not recorded", _CHANGED),
        point("change: looked at, attempt still open", after("billing.agreements:_learn")),
        point("change: attempt closed, before the answer", after("billing.agreements:keep")),
    )
    asks = "subscription/change"

    def prepare(self) -> None:
        Scene.prepare(self)
        self.buy_at_stripe("culture_monthly")

    def wish(self) -> dict[str, Any]:
        return self.shown(self.asks, price="premium_monthly")

    def is_done(self) -> bool:
        return self.price_at_stripe == self.theirs.prices["premium_monthly"]

    @property
    def price_at_stripe(self) -> str:
        """What the subscription is for now."""
        (item,) = self.at_stripe["items"]["data"]
        return str(item["price"]["id"])

    def expected(self) -> Iterable[int]:
        return (490, self.body["amount"])

    def amiss(self) -> Iterable[str]:
        yield from super().amiss()
        if not self.is_done():
            yield f"the plan is {self.price_at_stripe}"


class OtherChange(Change):
    """A reader whose change died agrees to yet another plan instead of clicking again."""

    points = (point("change: changed at Stripe, then another one wished", _CHANGED),)

    def again(self) -> None:
        if self.is_told:
            assert self.tell(self.news)
            process_events(self.received())
        self.then = [self.shown(self.asks, price="premium_yearly")]
        self.reader.click(self.asks, **self.then[0])

    def is_done(self) -> bool:
        return self.price_at_stripe == self.theirs.prices["premium_yearly"]

    def expected(self) -> Iterable[int]:
        return (*super().expected(), *(wish["amount"] for wish in self.then))


class Pause(_Agreement):
    """A reader pauses for a period."""

    points = (
        point("pause: recorded, not asked for", before(f"{_GATEWAY}.pause")),
        point("pause: paused at Stripe, not recorded", after(f"{_GATEWAY}.pause")),
        point("pause: looked at, before the answer", after("billing.pausing:pause")),
    )
    mails = ("welcome", "subscription_paused")
    asks = "subscription/pause"

    def wish(self) -> dict[str, Any]:
        return {"until": (clock.now() + timedelta(days=35)).isoformat()}

    def is_done(self) -> bool:
        return bool(self.at_stripe["pause_collection"])

    def amiss(self) -> Iterable[str]:
        yield from super().amiss()
        resumes_at = (self.at_stripe["pause_collection"] or {}).get("resumes_at")
        ours = (
            Subscription.objects.filter(stripe_id=self.bought)
            .values_list("pause_resumes_at", flat=True)
            .get()
        )
        if resumes_at is None or ours is None or int(ours.timestamp()) != resumes_at:
            yield f"paused until {ours}, not {resumes_at}"


class Unpause(_Agreement):
    """A reader takes a pause back that has not begun."""

    points = (
        point("resume: recorded, not asked for", before(f"{_GATEWAY}.unpause")),
        point("resume: taken back at Stripe, not recorded", after(f"{_GATEWAY}.unpause")),
        point("resume: looked at, before the answer", after("billing.pausing:resume")),
    )
    mails = ("welcome", "subscription_paused")
    asks = "subscription/resume"

    def prepare(self) -> None:
        super().prepare()
        self.pause_at_stripe()

    def pause_at_stripe(self) -> None:
        """Pause for long, as the dashboard does."""
        until = int((clock.now() + timedelta(days=60)).timestamp())
        pause: dict[str, str | int] = {
            "pause_collection[behavior]": "void",
            "pause_collection[resumes_at]": until,
        }
        self.theirs.make(f"subscriptions/{self.bought}", **pause)

    def is_done(self) -> bool:
        return not self.at_stripe["pause_collection"]

    def amiss(self) -> Iterable[str]:
        yield from super().amiss()
        if not self.is_done():
            yield "still paused"


class Restart(Unpause):
    """A reader ends a pause that has begun, with a new period that the card on file pays now; later they change plan.

    By then nothing is paused any more for us, so that nobody finishes what died: it must not stand in the way.
    """

    points = (
        point("restart: noted, Stripe not asked", before(f"{_GATEWAY}.unpause")),
        point("restart: begun and paid at Stripe, not recorded", after(f"{_GATEWAY}.unpause")),
        point("restart: looked at, attempt still open", after("billing.agreements:_learn")),
        point("restart: attempt closed, before the answer", after("billing.agreements:keep")),
    )

    def prepare(self) -> None:
        Scene.prepare(self)
        self.buy_at_stripe(trial_end=int(clock.now().timestamp()) + _TRIAL)
        self.pause_at_stripe()

    def again(self) -> None:
        super().again()
        self.then = [self.shown("subscription/change", price="premium_yearly")]
        self.reader.click("subscription/change", **self.then[0])

    def expected(self) -> Iterable[int]:
        return (*super().expected(), *(wish["amount"] for wish in self.then))


class ComeBack(_Agreement):
    """A reader whose subscription ended agrees to have it again."""

    points = (
        point("return: attempt made, not checked", after("billing.attempts:begin")),
        point("return: checked, not noted as asked for", after("billing.returning:_proposal")),
        point("return: noted, Stripe not asked", before(f"{_GATEWAY}.begin")),
        point("return: begun and paid at Stripe, not recorded", after(f"{_GATEWAY}.begin")),
        point("return: begun again and looked at, attempt still open", after("billing.agreements:_learn")),
        point("return: attempt closed, before the answer", after("billing.agreements:keep")),
    )
    mails = ("subscription_canceled", "welcome", "welcome")
    subscriptions = 2
    charges = (990, 990)
    news = "customer.subscription.created"
    asks = "subscription/return"

    def ready(self) -> None:
        self.look()
        self.theirs.end(self.bought)
        super().ready()

    def wish(self) -> dict[str, Any]:
        return self.shown(self.asks)

    def is_done(self) -> bool:
        return len(list(self.theirs.listed("subscriptions", customer=self.stripe_id, status="all"))) > 1
