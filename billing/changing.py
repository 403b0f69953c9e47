"""Another plan: shown with what it costs today and gives back, then agreed to at exactly that amount.

Up and down both happen at once; what is left of the old period counts, as a discount today or as credit for the
next invoices. A card that does not pay leaves the old plan as it was, with nothing owed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from accounts.models import User
from billing import (
    agreements,
    card_faces,
    catalogue,
    contracts,
    links,
    money,
    obstacles,
    outlook,
    waiting,
    words,
)
from billing.agreements import Deed, Wish
from billing.catalogue import Offer
from billing.errors import (
    AlreadySubscribed,
    CardOnFileRefused,
    CardRefused,
    NotPossible,
)
from billing.gateway import Gateway
from billing.models import CheckoutAttempt, OpenProduct, Price, Subscription, SubscriptionItem
from billing.outlook import Charge
from billing.snapshots import GOOD_STANDING, PreviewSnapshot, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Another price, with what it would cost at `shown_at`. Agreeing repeats `shown_at` and `amount`."""

    subscription: str
    price: Price
    shown_at: datetime
    amount: int  # charged today
    charged: int  # for what is left of the period, or for a new one
    credited: int  # for what is left of the old period
    credit_left: int  # what of it is left for the next invoices
    currency: str
    next_charge: Charge | None

    @property
    def amount_text(self) -> str:
        """What is charged today, as the reader reads it."""
        return money.text(self.amount, currency=self.currency)

    @property
    def charged_text(self) -> str:
        """What the new plan costs for the time paid today."""
        return money.text(self.charged, currency=self.currency)

    @property
    def credited_text(self) -> str:
        """What is given back for the old plan."""
        return money.text(self.credited, currency=self.currency)

    @property
    def credit_left_text(self) -> str:
        """What is kept for the next invoices."""
        return money.text(self.credit_left, currency=self.currency)


def offers(row: Subscription, *, product: str = "") -> tuple[Offer, ...]:
    """Return the plans on sale that this subscription may change to."""
    held = {item.stripe_price for item in row.items.all()}
    own = Price.objects.filter(stripe_id__in=held).values_list("slug", flat=True)
    found = []
    for offer in catalogue.on_sale(product=product or None):
        fitting = tuple(
            price for price in offer.prices if price.currency == row.currency and price.slug not in own
        )
        if fitting:
            found.append(Offer(offer.plan, fitting))
    return tuple(found)


def propose(
    reader: User, *, price: str, subscription: str | None = None, gateway: Gateway, now: datetime
) -> Proposal:
    """Show what a change to the price of that name would cost now. Nothing is changed.

    :raises NotOnSale: the catalogue does not offer that price.
    :raises NothingToDo: the reader has no such subscription.
    :raises SaleRefused: it cannot be changed as it stands; the remedies say what comes first.
    :raises StripeTrouble: Stripe did not answer.
    """
    row, wanted = contracts.own_open(reader, subscription, now=now), catalogue.find(price)
    item = _changeable(reader, row, wanted, now=now)
    return _proposal(row, item, wanted, at=now.replace(microsecond=0), gateway=gateway)


def agree(
    reader: User,
    *,
    price: str,
    shown_at: datetime,
    amount: int,
    subscription: str | None = None,
    gateway: Gateway,
    now: datetime,
) -> None:
    """Change to the price of that name, for the amount that was shown. Repeating it changes nothing.

    :raises AmountOutdated: it would cost something else by now, or was shown too long ago.
    :raises CardOnFileRefused: the card did not pay; the old plan goes on as it was.
    :raises PaymentWaiting: the bank wants a confirmation first, or another payment waits.
    :raises NotOnSale: as `propose`; so are `NothingToDo`, `SaleRefused` and `StripeTrouble`.
    """
    row, wanted = contracts.own_open(reader, subscription, now=now), catalogue.find(price)
    wish = Wish(
        kind=CheckoutAttempt.Kind.CHANGE, subscription=row, price=wanted, shown_at=shown_at, amount=amount
    )
    item = row.items.first()
    deed = Deed(
        check=lambda: _check(reader, wish, gateway=gateway, now=now),
        ask=lambda key: _ask(wish, item, key=key, gateway=gateway),
    )
    try:
        agreements.keep(reader, wish, deed, gateway=gateway, now=now)
    except CardRefused as refusal:
        raise _refused(refusal) from refusal
    obstacles.refuse_while_unpaid(outlook.every(reader, now=now), return_url="")


def _changeable(reader: User, row: Subscription, wanted: Price, *, now: datetime) -> SubscriptionItem:
    """Return the one line that would change.

    :raises SaleRefused: it cannot.
    """
    obstacles.refuse_while_unpaid(outlook.every(reader, now=now), return_url="")
    items = list(row.items.all())
    if row.status not in GOOD_STANDING or len(items) != 1 or not row.automatic:
        raise NotPossible(_("This subscription cannot be changed here. Please write to us."))
    if row.pause_behavior or outlook.scheduled_end(row) is not None:
        remedy = {"kind": "resume", "url": links.account()}
        raise NotPossible(_("Please resume your subscription first."), remedies=(remedy,))
    if row.status == Status.TRIALING:
        _refuse_more_for_nothing(row, wanted)
    if items[0].stripe_price == wanted.stripe_id:
        raise NotPossible(_("You have this plan already."))
    if row.currency != wanted.currency:
        raise NotPossible(_("A subscription cannot be changed to another currency."))
    others = OpenProduct.objects.filter(reader=reader, product__in=wanted.plan.unlocks)
    if others.exclude(subscription=row).exists():
        raise AlreadySubscribed(_("Another subscription of yours gives you this already."))
    return items[0]


def _refuse_more_for_nothing(row: Subscription, wanted: Price) -> None:
    """Let nobody take a trial along to what it was not offered for.

    :raises NotPossible: there is no card that would pay once it ends, or others would read for nothing too.
    """
    if card_faces.charged_for(row) is None:
        remedy = {"kind": "fix_card", "url": links.card(return_url=links.account())}
        raise NotPossible(_("Please enter a card first."), remedies=(remedy,))
    if wanted.plan.seats:
        raise NotPossible(_("A group can begin once the trial has ended."))


def _proposal(
    row: Subscription, item: SubscriptionItem, wanted: Price, *, at: datetime, gateway: Gateway
) -> Proposal:
    preview = _preview(row, item, wanted, at=at, gateway=gateway)
    next_at = preview.period_ends_at or row.trial_ends_at or row.period_ends_at
    next_amount = max(0, (wanted.unit_amount or 0) * _units(item, wanted) + preview.balance_after)
    return Proposal(
        subscription=str(row.pk),
        price=wanted,
        shown_at=at,
        amount=preview.amount_due,
        charged=preview.charged,
        credited=preview.credited,
        credit_left=-preview.balance_after,
        currency=preview.currency,
        next_charge=Charge(next_at, next_amount, row.currency, money.text(next_amount, currency=row.currency))
        if next_at is not None
        else None,
    )


def _preview(
    row: Subscription, item: SubscriptionItem, wanted: Price, *, at: datetime, gateway: Gateway
) -> PreviewSnapshot:
    if row.status == Status.TRIALING:  # nothing was paid, and nothing is before the trial's end
        balance = min(0, row.customer.balance)
        return PreviewSnapshot(0, row.currency, 0, 0, balance, None)
    return gateway.preview_change(
        subscription=row.stripe_id,
        item=item.stripe_id,
        price=wanted.stripe_id,
        quantity=_units(item, wanted),
        at=at,
        drop_discounts=_is_cheaper_for_a_while(row),
    )


def _units(item: SubscriptionItem, wanted: Price) -> int:
    """Return how many units go along: as many as there are, where the other plan is sold in several."""
    return min(item.quantity, wanted.plan.most)


def _is_cheaper_for_a_while(row: Subscription) -> bool:
    """Tell whether something is taken off for a time: for the price it was given with, and for no other."""
    return row.discount_ends_at is not None


def _check(reader: User, wish: Wish, *, gateway: Gateway, now: datetime) -> None:
    """Refuse what is not as it was shown, by what Stripe says now."""
    agreements.refuse_outdated(shown_at=wish.shown_at, now=now)
    row = wish.subscription
    waiting.until_synced(row.customer_id, gateway=gateway, now=now)
    row = Subscription.objects.select_related("customer").get(pk=row.pk)
    item = _changeable(reader, row, wish.price, now=now)
    if wish.shown_at < item.period_starts_at.replace(microsecond=0):
        raise agreements.outdated()
    by_now = _proposal(row, item, wish.price, at=wish.shown_at, gateway=gateway)
    if by_now.amount != wish.amount:
        raise agreements.outdated()


def _ask(wish: Wish, item: SubscriptionItem | None, *, key: str, gateway: Gateway) -> None:
    if item is None:
        raise NotPossible(_("This subscription cannot be changed here. Please write to us."))

    def change(*, may_wait: bool) -> None:
        gateway.change_price(
            subscription=wish.subscription.stripe_id,
            item=item.stripe_id,
            price=wish.price.stripe_id,
            quantity=_units(item, wish.price),
            at=wish.shown_at,
            drop_discounts=_is_cheaper_for_a_while(wish.subscription),
            # Another call to Stripe, so under another key.
            key=f"{key}-waits" if may_wait else key,
            may_wait=may_wait,
        )

    try:
        change(may_wait=False)
    except CardRefused as refusal:
        if refusal.code != words.AUTHENTICATION:
            raise
        change(may_wait=True)


def _refused(refusal: CardRefused) -> CardOnFileRefused:
    text = _("%(reason)s Your plan is as it was, and nothing is owed.") % {
        "reason": words.refusal(refusal.code)
    }
    return CardOnFileRefused(text, remedies=({"kind": "fix_card", "url": links.card()},))
