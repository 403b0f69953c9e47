"""Cards as their holders know them, and which of them a subscription is charged to."""

from __future__ import annotations

from dataclasses import dataclass

from billing import words
from billing.models import PaymentMethod, Subscription


@dataclass(frozen=True, slots=True)
class CardFace:
    """A card as its holder knows it."""

    brand: str
    last4: str
    exp_month: int | None
    exp_year: int | None
    wallet: str = ""

    @property
    def text(self) -> str:
        """The card in a few letters, for example `Visa •••• 0341` or `Apple Pay (Visa •••• 0341)`."""
        card = f"{self.brand} •••• {self.last4}" if self.last4 else self.brand
        return f"{self.wallet} ({card})" if self.wallet else card


def of(card: PaymentMethod) -> CardFace:
    """Return what the holder knows of a card on file."""
    return CardFace(
        brand=words.brand(card.brand or card.type),
        last4=card.last4,
        exp_month=card.exp_month,
        exp_year=card.exp_year,
        wallet=words.wallet(card.wallet),
    )


def charged_for(subscription: Subscription) -> PaymentMethod | None:
    """Return the card on file that Stripe will charge: the subscription's own, else the customer's."""
    stripe_id = subscription.default_card or subscription.customer.default_card
    if not stripe_id:
        return None
    on_file = PaymentMethod.objects.filter(customer=subscription.customer, detached_at=None)
    return on_file.filter(stripe_id=stripe_id).first()


def text(brand: str, last4: str) -> str:
    """Return in a few letters a card of which only this is known; `brand` is Stripe's word."""
    return CardFace(words.brand(brand), last4, exp_month=None, exp_year=None).text
