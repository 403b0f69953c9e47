"""Two customers at Stripe that are one reader: staff say which of them stays.

Stripe cannot merge customers, so both go on existing there. The one that stays takes new purchases; what the other
holds stays known, gives its rights and is charged as before, but for what the reader would then pay twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from accounts.models import User
from billing import calls, open_products, outlook, waiting
from billing.errors import MergeRefused
from billing.gateway import Gateway
from billing.models import Customer, Subscription
from billing.snapshots import GOOD_STANDING


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merger did: subscriptions that now end with their period, and those that a person has to look at."""

    ending: tuple[str, ...]
    doubtful: tuple[str, ...]


def merge(*, stays: Customer, goes: Customer, gateway: Gateway, now: datetime) -> Merged:
    """Make both customers one reader's, and let `stays` be the one that new purchases go to.

    Nothing is charged and nothing given back. A subscription of `goes` to what `stays` holds as well ends with the
    period already paid. Repeating it changes nothing.

    :raises MergeRefused: they cannot be one reader's.
    :raises StripeTrouble: Stripe did not answer; repeating it goes on where this stopped.
    """
    reader = _join(stays.pk, goes.pk)
    for customer in (stays, goes):
        waiting.until_synced(customer.pk, gateway=gateway, now=now)
    twice = _held_twice(reader, goes)
    for row in twice:
        if row.status in GOOD_STANDING and outlook.scheduled_end(row) is None:
            _let_end(row, gateway=gateway, now=now)
    waiting.for_sync(goes.pk, gateway=gateway, now=now)
    return Merged(
        ending=tuple(row.stripe_id for row in twice if row.status in GOOD_STANDING),
        doubtful=tuple(row.stripe_id for row in twice if row.status not in GOOD_STANDING),
    )


@transaction.atomic
def _join(stays_pk: int, goes_pk: int) -> User:
    rows = Customer.objects.select_for_update(of=("self",)).in_bulk([stays_pk, goes_pk])
    if len(rows) != 2:
        raise MergeRefused("Two different customers are needed.")
    stays, goes = rows[stays_pk], rows[goes_pk]
    reader = _one_reader(stays, goes)
    if goes.merged_into_id == stays.pk:
        return reader
    # In this order, because a reader never has two customers that take purchases.
    Customer.objects.filter(merged_into=goes).update(merged_into=stays)
    Customer.objects.filter(pk=goes.pk).update(merged_into=stays, reader=reader)
    Customer.objects.filter(pk=stays.pk).update(merged_into=None, reader=reader)
    return reader


def _one_reader(stays: Customer, goes: Customer) -> User:
    readers = {customer.reader for customer in (stays, goes)} - {None}
    if len(readers) > 1:
        raise MergeRefused("They belong to two readers, and rights are never moved from one to another.")
    reader = readers.pop() if readers else None
    if reader is None:
        raise MergeRefused("Neither belongs to a reader.")
    if not reader.is_active:
        raise MergeRefused("The reader has closed the account.")
    if stays.deleted_at or goes.deleted_at:
        raise MergeRefused("One of them is deleted at Stripe.")
    if stays.livemode != goes.livemode:
        raise MergeRefused("One is of Stripe's test mode.")
    return reader


def _held_twice(reader: User, goes: Customer) -> list[Subscription]:
    """Return the open subscriptions of `goes` all of whose products the reader holds by another customer as well."""
    holding = open_products.of(reader)
    elsewhere = {product for product, row in holding if row.customer_id != goes.pk}
    given: dict[Subscription, set[str]] = {}
    for product, row in holding:
        if row.customer_id == goes.pk:
            given.setdefault(row, set()).add(product)
    return [row for row, products in given.items() if products <= elsewhere]


def _let_end(row: Subscription, *, gateway: Gateway, now: datetime) -> None:
    calls.recorded(
        purpose="cancel",
        subject=row.stripe_id,
        call=lambda key: gateway.cancel_at_period_end(subscription=row.stripe_id, key=key),
        now=now,
    )
