"""Coming back: what ended begins again, in the same account, with the card on file and the amount that was shown."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from django.utils.translation import gettext as _

from accounts.models import User
from billing import (
    agreements,
    card_faces,
    catalogue,
    customers,
    links,
    money,
    obstacles,
    overlaps,
    waiting,
    words,
)
from billing.agreements import Deed, Wish
from billing.card_faces import CardFace
from billing.errors import (
    CardOnFileRefused,
    CardRefused,
    NothingToDo,
    NotPossible,
    SaleRefused,
    StripeRefused,
)
from billing.gateway import Gateway
from billing.models import CheckoutAttempt, Customer, PaymentMethod, Price, Subscription
from billing.outlook import Charge
from billing.overlaps import Overlap


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What coming back would cost at `shown_at`. Agreeing repeats `shown_at` and `amount`."""

    price: Price
    shown_at: datetime
    amount: int  # charged today
    currency: str
    card: CardFace
    next_charge: Charge | None
    overlaps: tuple[Overlap, ...] = ()  # what opens the same to the reader already

    @property
    def amount_text(self) -> str:
        """What is charged today, as the reader reads it."""
        return money.text(self.amount, currency=self.currency)


def may_return(reader: User, *, product: str = "", now: datetime) -> bool:
    """Tell whether what `reader` had can begin again with one click, and opens `product` where one is named."""
    try:
        _last, wanted, _card = _possible(reader, "", return_url="", now=now)
    except (NothingToDo, SaleRefused):
        return False
    return not product or product in wanted.plan.unlocks


def propose(reader: User, *, price: str = "", gateway: Gateway, now: datetime) -> Proposal:
    """Show what it would cost to come back, to the price of that name or to the last one. Nothing is bought.

    :raises NothingToDo: the reader never subscribed, has no card on file, or had what is no longer on sale.
    :raises NotOnSale: the catalogue does not offer that price.
    :raises SaleRefused: they have it, owe a payment, or could be charged in another currency only.
    :raises StripeTrouble: Stripe did not answer.
    """
    last, wanted, card = _possible(reader, price, return_url="", now=now)
    proposal = _proposal(last, wanted, card, at=now.replace(microsecond=0), gateway=gateway)
    return replace(proposal, overlaps=overlaps.of(reader, wanted.plan.unlocks, now=now))


def agree(
    reader: User,
    *,
    price: str,
    shown_at: datetime,
    amount: int,
    return_url: str = "",
    gateway: Gateway,
    now: datetime,
) -> None:
    """Subscribe again for the amount that was shown. Repeating it buys nothing more.

    :raises AmountOutdated: it would cost something else by now, or was shown too long ago.
    :raises CardOnFileRefused: the card did not pay, and there is no subscription.
    :raises NothingToDo: as `propose`; so are `NotOnSale`, `SaleRefused` and `StripeTrouble`.
    """
    last, wanted = _last(reader), _wanted(reader, price)
    wish = Wish(
        kind=CheckoutAttempt.Kind.RETURN, subscription=last, price=wanted, shown_at=shown_at, amount=amount
    )

    def check() -> None:
        agreements.refuse_outdated(shown_at=shown_at, now=now)
        waiting.until_synced(last.customer_id, gateway=gateway, now=now)
        ended, _price, card = _possible(reader, price, return_url=return_url, now=now)
        if _proposal(ended, wanted, card, at=shown_at, gateway=gateway).amount != amount:
            raise agreements.outdated()

    def begin(key: str) -> object:
        card = _card(last.customer)
        if card is None:
            raise _no_card()
        return gateway.begin(
            customer=last.customer.stripe_id,
            price=wanted.stripe_id,
            quantity=_units(last, wanted),
            card=card.stripe_id,
            reader=reader.public_id,
            key=key,
        )

    try:
        agreements.keep(reader, wish, Deed(check=check, ask=begin), gateway=gateway, now=now)
    except CardRefused as refusal:
        raise _refused(refusal, wanted, return_url=return_url) from refusal


def _possible(
    reader: User, price: str, *, return_url: str, now: datetime
) -> tuple[Subscription, Price, PaymentMethod]:
    last, wanted = _last(reader), _wanted(reader, price)
    obstacles.refuse_second_purchase(reader, wanted, return_url=return_url, now=now)
    if last.currency != wanted.currency:
        raise NotPossible(_("A subscription cannot be changed to another currency."))
    card = _card(last.customer)
    if card is None:
        raise _no_card()
    return last, wanted, card


def _last(reader: User) -> Subscription:
    """Return the subscription that ended last, of the customer whom Stripe knows now."""
    customer = customers.of(reader)
    rows = Subscription.objects.filter(customer=customer).select_related("customer")
    ended = [row for row in rows if not row.is_open and row.ended_at is not None]
    if customer is None or not ended:
        raise NothingToDo(_("There is no subscription to return to."))
    return max(ended, key=lambda row: row.ended_at or row.created_at)


def _wanted(reader: User, price: str) -> Price:
    if price:
        return catalogue.find(price)
    item = _last(reader).items.select_related("price__plan").first()
    held = item.price if item is not None else None
    if held is None or not (held.active and held.plan.active and held.slug):
        raise NothingToDo(_("What you had is no longer on sale."))
    return held


def _card(customer: Customer) -> PaymentMethod | None:
    return customer.cards.filter(stripe_id=customer.default_card or None, detached_at=None).first() or (
        customer.cards.filter(detached_at=None).order_by("-pk").first()
    )


def _no_card() -> NothingToDo:
    return NothingToDo(_("There is no card on file."))


def _units(last: Subscription, wanted: Price) -> int:
    """Return how many units were held, where that many can be had again."""
    return min(sum(item.quantity for item in last.items.all()) or 1, wanted.plan.most)


def _proposal(
    last: Subscription, wanted: Price, card: PaymentMethod, *, at: datetime, gateway: Gateway
) -> Proposal:
    units = _units(last, wanted)
    try:
        preview = gateway.preview_start(
            customer=last.customer.stripe_id, price=wanted.stripe_id, quantity=units
        )
    except (
        StripeRefused
    ) as refusal:  # where taxes are worked out, for example, somebody whose address nobody knows
        raise NothingToDo(_("This cannot begin again with one click.")) from refusal
    next_amount = max(0, (wanted.unit_amount or 0) * units + preview.balance_after)
    next_at = preview.period_ends_at
    return Proposal(
        price=wanted,
        shown_at=at,
        amount=preview.amount_due,
        currency=preview.currency,
        card=card_faces.of(card),
        next_charge=Charge(
            next_at, next_amount, preview.currency, money.text(next_amount, currency=preview.currency)
        )
        if next_at is not None
        else None,
    )


def _refused(refusal: CardRefused, wanted: Price, *, return_url: str) -> CardOnFileRefused:
    text = _("%(reason)s Nothing was bought, and nothing is owed.") % {"reason": words.refusal(refusal.code)}
    if refusal.code == words.AUTHENTICATION:  # which Checkout asks for, and we cannot
        url = links.subscribe(product=wanted.plan.unlocks[0], return_url=return_url, everything=True)
        return CardOnFileRefused(text, remedies=({"kind": "subscribe", "url": url},))
    back = links.come_back(return_url=return_url)
    return CardOnFileRefused(text, remedies=({"kind": "fix_card", "url": links.card(return_url=back)},))
