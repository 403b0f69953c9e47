"""Which open subscription gives each product to a reader: what they must not buy twice.

`restate` is called by a look, in its transaction; the database lets one subscription hold a product.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from accounts.models import User
from billing.models import OpenProduct, Plan, Subscription
from paywall import entitlements

logger = logging.getLogger(__name__)

# A product, and a subscription that gives it.
Held = tuple[str, Subscription]


def of(reader: User) -> list[Held]:
    """Return each product with a subscription that gives it and may still be charged for; the oldest first."""
    subscriptions = subscriptions_of(reader)
    return among(subscriptions, unlocked_by_items(subscriptions))


def among(subscriptions: Iterable[Subscription], unlocks: dict[str, tuple[str, ...]]) -> list[Held]:
    """Return the same of these subscriptions; `unlocks` says what each of Stripe's products opens here."""
    return [
        (product, row)
        for row in subscriptions
        if row.is_open
        for product in dict.fromkeys(
            product for item in row.items.all() for product in unlocks.get(item.stripe_product, ())
        )
    ]


def subscriptions_of(reader: User) -> list[Subscription]:
    """Return every subscription of a reader, the oldest first, with its items."""
    rows = Subscription.objects.filter(customer__reader=reader).prefetch_related("items")
    return list(rows.order_by("created_at", "stripe_id"))


def unlocked_by_items(subscriptions: Iterable[Subscription]) -> dict[str, tuple[str, ...]]:
    """Return what each of Stripe's products in these subscriptions unlocks here."""
    return unlocked_by(item.stripe_product for row in subscriptions for item in row.items.all())


def unlocked_by(stripe_products: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return what each of Stripe's products unlocks here; what the catalogue does not know unlocks nothing."""
    known = entitlements.product_names()
    return {
        plan.stripe_id: tuple(product for product in plan.unlocks if product in known)
        for plan in Plan.objects.filter(stripe_id__in=set(stripe_products))
    }


def restate(reader: User, found: Iterable[Held]) -> dict[str, str]:
    """Note which open subscription gives each product; of two for one product the older holds it.

    Returns the others (by Stripe's id), each with the product that it gives in vain.
    """
    wanted: dict[str, int] = {}
    bought_twice: dict[str, str] = {}
    for product, holding in found:
        if wanted.setdefault(product, holding.pk) != holding.pk:
            bought_twice[holding.stripe_id] = product
            logger.error("Reader %s subscribes to %s twice: %s.", reader.pk, product, holding.stripe_id)
    held = dict(OpenProduct.objects.filter(reader=reader).values_list("product", "subscription_id"))
    if held == wanted:
        return bought_twice
    stale = [product for product, holder in held.items() if wanted.get(product) != holder]
    OpenProduct.objects.filter(reader=reader, product__in=stale).delete()
    OpenProduct.objects.bulk_create(
        OpenProduct(reader=reader, product=product, subscription_id=holder)
        for product, holder in wanted.items()
        if held.get(product) != holder
    )
    return bought_twice
