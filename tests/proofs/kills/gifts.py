"""What may be interrupted about a gift subscription: bought, told of, redeemed, given back."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from django.db.models import Q, QuerySet

from accounts import clock
from accounts.models import Mail
from billing import gateway, presents, redeeming
from billing.errors import GiftCodeRefused
from billing.models import Present
from billing.tasks import look_after_presents, process_events
from tests.proofs.kills.goods import GIFT, GIFT_AMOUNT
from tests.proofs.kills.kills import after, before, point
from tests.proofs.kills.scene import Scene
from tests.proofs.ledger import ours
from tests.proofs.ledger.theirs import Obj

_GATEWAY = "billing.gateway.account:StripeGateway"


class Giving(Scene):
    """Somebody with an account orders a gift. The forms are left out: from one place they can be sent so often only."""

    points = (
        point("gift: ordered, Stripe not asked", after("billing.presents:_ordered")),
        point("gift: page made at Stripe, not saved", after(f"{_GATEWAY}.start_payment")),
        point("gift: page saved, before the answer", after("billing.presents:buy")),
    )
    mails = ("present_bought",)
    subscribes = False
    subscriptions = 0
    is_customer = False
    recipient = ""

    def prepare(self) -> None:
        super().prepare()
        self.began_at = int(clock.now().timestamp())

    def step(self) -> None:
        self.order()

    def again(self) -> None:
        self.order()
        self.pay()
        self.arrive()

    def order(self) -> None:
        """Send the form of this gift."""
        wish = presents.Wish(
            attempt=self.name, price=GIFT, giver_email=self.account.email, recipient_email=self.recipient
        )
        presents.buy(wish, giver=self.account, gateway=gateway.default(), now=clock.now())

    def pay(self) -> None:
        """Fill in Stripe's page."""
        self.theirs.control(f"checkout/{self.present.session_id}/complete")

    def arrive(self) -> None:
        """Hear of it: from Stripe, or from the giver who comes back to see the code."""
        if self.is_told:
            assert self.tell("checkout.session.completed", about=self.present.session_id)
        else:
            self.come_back()

    def come_back(self) -> None:
        """Open the giver's page."""
        presents.look(self.present, gateway=gateway.default(), now=clock.now())

    @property
    def present(self) -> Present:
        """Our one row for it."""
        return Present.objects.get(giver=self.account)

    @property
    def intent(self) -> Obj:
        """The payment at Stripe."""
        return self.theirs.get(f"payment_intents/{self.present.payment_id}")

    def amiss(self) -> Iterable[str]:
        pages = [
            row
            for row in self.theirs.listed("checkout/sessions", **{"created[gte]": self.began_at})
            if row["customer_email"] == self.account.email
        ]
        if [page["status"] for page in pages] != ["complete"]:
            yield f"{len(pages)} pages to pay on"
            return
        charges = self.theirs.listed("charges", payment_intent=pages[0]["payment_intent"])
        taken = [row["amount"] for row in charges if row["status"] == "succeeded"]
        if taken != [GIFT_AMOUNT]:
            yield f"{taken} was taken for a gift"
        if self.present.payment_id != pages[0]["payment_intent"]:
            yield "the gift does not know of its payment"


class Given(Giving):
    """A giver who has paid comes back to see the code."""

    points = (
        point("gift: payment looked at, not written", after(f"{_GATEWAY}.checkout")),
        point("gift: code drawn, not committed", after("billing.presents:_tell")),
        point("gift: committed, before the answer", after("billing.presents:look")),
    )

    def prepare(self) -> None:
        super().prepare()
        self.order()
        self.pay()

    def step(self) -> None:
        self.come_back()

    def again(self) -> None:
        self.arrive()


class HeardOfGift(Given):
    """A giver never comes back, and a worker hears of the payment."""

    points = (
        point("worker: code drawn, not committed", after("billing.presents:_tell")),
        point("worker: gift looked at, event not done", after("billing.presents:hear")),
    )

    def prepare(self) -> None:
        super().prepare()
        assert self.tell("checkout.session.completed", about=self.present.session_id)

    def step(self) -> None:
        process_events(self.received())

    def again(self) -> None:
        """Nobody does anything."""


class SentGift(Given):
    """A worker tells the recipient, whose day has come."""

    points = (
        point("worker: recipient told, not committed", after("billing.letters:to_address")),
        point("worker: recipient told, committed", after("billing.presents:send")),
    )
    mails = ("present_bought", "present_for_you")

    def prepare(self) -> None:
        self.recipient = f"{self.name}@friends.example"
        super().prepare()

    def ready(self) -> None:
        self.come_back()

    def step(self) -> None:
        look_after_presents()

    def again(self) -> None:
        look_after_presents()

    def letters(self) -> QuerySet[Mail]:
        return Mail.objects.filter(Q(reader=self.account) | Q(to=self.recipient))


class Redeeming(Given):
    """Somebody redeems a gift, here its giver; Stripe is told on the payment."""

    points = (
        point("redeem: payment looked at, not taken", after("billing.presents:look")),
        point("redeem: taken, not committed", after("billing.redeeming:_take")),
        point("redeem: taken, Stripe not told", before("billing.redeeming:note")),
        point("redeem: noted at Stripe, not recorded", after(f"{_GATEWAY}.note_on_payment")),
        point("redeem: note recorded, not marked", after("billing.calls:recorded")),
        point("redeem: all done, before the answer", after("billing.redeeming:redeem")),
    )
    mails = ("present_bought", "present_redeemed")

    def ready(self) -> None:
        self.come_back()
        self.deliver()
        self.code = presents.code_of(self.present)
        self.stranger = ours.new_account(f"{self.name}-stranger")

    def step(self) -> None:
        redeeming.redeem(self.code, reader=self.account, gateway=gateway.default(), now=clock.now())

    def again(self) -> None:
        # Whoever redeemed it sends the code again, or goes and reads; then the sweep tells Stripe.
        if self.is_told and self.present.redeemed_at is not None:
            look_after_presents()
        else:
            self.step()
        try:
            redeeming.redeem(self.code, reader=self.stranger, gateway=gateway.default(), now=clock.now())
        except GiftCodeRefused:
            return
        raise AssertionError(f"{self.name}: redeemed twice")

    def besides(self) -> Callable[[str, float], bool]:
        # By the note on the payment. Three months are longer than anything that is asked about.
        note = self.intent["metadata"]
        is_theirs = note.get("redeemed_by") == self.account.public_id
        return lambda product, moment: is_theirs and product == "premium" and moment >= int(note["begins_at"])

    def amiss(self) -> Iterable[str]:
        yield from super().amiss()
        if self.intent["metadata"].get("redeemed_by") != self.account.public_id:
            yield "Stripe was not told who redeemed it"
        if Present.objects.to_note().filter(pk=self.present.pk).exists():
            yield "the note is still due"


class TakenBack(Given):
    """Staff declare a gift void that nobody has redeemed, and give its money back."""

    points = (
        point("gift back: void, Stripe not asked", before(f"{_GATEWAY}.refund_payment")),
        point("gift back: given back at Stripe, not recorded", after(f"{_GATEWAY}.refund_payment")),
        point("gift back: recorded, not looked at", after("billing.calls:recorded")),
        point("gift back: all done, before the answer", after("billing.presents:refund")),
    )

    def ready(self) -> None:
        self.come_back()
        self.deliver()

    def step(self) -> None:
        presents.refund(self.present, reason="a proof", gateway=gateway.default(), now=clock.now())

    def again(self) -> None:
        # Whoever wished it sends the form again, or goes home; then the sweep finds the void gift.
        if self.is_told:
            self.step()
        else:
            look_after_presents()

    def amiss(self) -> Iterable[str]:
        yield from super().amiss()
        refunds = self.theirs.listed("refunds", payment_intent=self.present.payment_id)
        back = [row["amount"] for row in refunds]
        if back != [GIFT_AMOUNT]:
            yield f"{back} was given back"
        if self.present.voided_at is None or not self.present.is_refunded:
            yield "the gift does not know that it was given back"
