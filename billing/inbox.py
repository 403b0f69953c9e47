"""What Stripe told us: kept once, in one insert, and worked through later, at least once.

An event is a hint of whom to look at; nothing in its body but ids is ever believed. So working through one means to
ask for a sync, and that may be repeated, reordered or shared between events at will.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet

from billing import alerts, cards, catalogue, presents, subscribing, sync
from billing.errors import BillingError, StripeGone, StripeTrouble
from billing.gateway import Delivery, Gateway
from billing.models import CheckoutAttempt, Customer, Invoice, PaymentMethod, Plan, StripeEvent, Subscription

logger = logging.getLogger(__name__)

_TRIES = 8
# Stripe itself goes on delivering for three days; so long do we go on asking while it gives no answer.
_PATIENCE = timedelta(days=3)
_BATCH = 200
_UNFINISHED = (StripeEvent.State.RECEIVED, StripeEvent.State.PARKED)

_CHECKOUT = "checkout.session."
_DISPUTE = "charge.dispute."
_FRAUD = "radar.early_fraud_warning."
_ABOUT_THE_CATALOGUE = ("product.", "price.", "coupon.")
_ABOUT_SOMEBODY = (
    _DISPUTE,
    "charge.refunded",
    _CHECKOUT,
    "customer.",
    "invoice.",
    "invoice_payment.",
    "payment_method.",
    _FRAUD,
    "refund.",
    "setup_intent.",
)
_MIRRORED: dict[str, type[Subscription] | type[Invoice] | type[PaymentMethod]] = {
    "subscription": Subscription,
    "invoice": Invoice,
    "payment_method": PaymentMethod,
}


def receive(delivery: Delivery, *, now: datetime) -> None:
    """Keep a genuine delivery: one insert, nothing more. One that we have already is no error."""
    StripeEvent.objects.bulk_create([_row(delivery, source="webhook", now=now)], ignore_conflicts=True)


def receive_missed(deliveries: Iterable[Delivery], *, now: datetime) -> int:
    """Keep what a webhook should have brought and did not; return how many of ours were looked at."""
    ours = (_row(delivery, source="replay", now=now) for delivery in deliveries if _is_ours(delivery))
    looked_at = 0
    while batch := list(islice(ours, _BATCH)):
        StripeEvent.objects.bulk_create(batch, ignore_conflicts=True)
        looked_at += len(batch)
    return looked_at


def due_ids(*, now: datetime, limit: int) -> list[int]:
    """Return events whose turn it is and that no worker holds, the longest waiting first."""
    return list(_due(now=now).order_by("next_attempt_at", "pk").values_list("pk", flat=True)[:limit])


def process(event_pk: int, *, gateway: Gateway, now: datetime) -> int | None:
    """Work through one event; return the customer (primary key) who now waits for a sync, if that is what it meant.

    Whatever else is in the inbox about the same customer is done with it: the look to come answers that too.

    Safe to call again and in parallel. Trouble is not raised; it is noted, and the event comes back after a pause,
    eight times; then it is `dead`, or `ignored` where it is merely nobody's. While Stripe gives no answer it comes back
    every hour for three days, since that says nothing about the event.
    """
    event = _claim(event_pk, now=now)
    if event is None:
        return None
    try:
        if event.type.startswith(_ABOUT_THE_CATALOGUE):
            refresh_catalogue(gateway=gateway, now=now)
            return None
        return _hand_on(event, gateway=gateway, now=now)
    except StripeTrouble as trouble:
        if now - event.received_at < _PATIENCE:
            event.attempts = min(event.attempts, _TRIES - 1)
        _put_off(event, error=f"{type(trouble).__name__}: {trouble}", now=now)
    except BillingError as trouble:
        _put_off(event, error=f"{type(trouble).__name__}: {trouble}", now=now)
    except BaseException as surprise:
        _put_off(event, error=type(surprise).__name__, now=now)
        raise
    return None


def refresh_catalogue(*, gateway: Gateway, now: datetime) -> None:
    """Make plans and prices equal to Stripe's, and ask for a look at whoever holds a plan that now gives otherwise.

    All events about the catalogue received so far are done with it: whatever they tell of is in the answer.

    :raises StripeTrouble: Stripe did not answer.
    """
    covered = list(_about_the_catalogue().values_list("pk", flat=True))
    before = _promises()
    catalogue.refresh(gateway=gateway)
    after = _promises()
    changed = {product for product in before | after if before.get(product) != after.get(product)}
    with transaction.atomic():
        sync.request(sync.holders_of(changed), now=now)
        _finish(covered, StripeEvent.State.DONE, now=now)


def again(events: Iterable[int], *, now: datetime) -> int:
    """Put events back to the start, whatever became of them; return how many."""
    return StripeEvent.objects.filter(pk__in=list(events)).update(
        state=StripeEvent.State.RECEIVED,
        attempts=0,
        next_attempt_at=now,
        leased_until=None,
        processed_at=None,
    )


def given_up() -> QuerySet[StripeEvent]:
    """Return the events that were tried often enough: a person has to look at why, and then say `again`."""
    return StripeEvent.objects.filter(state=StripeEvent.State.DEAD)


def missing(deliveries: Iterable[Delivery]) -> Iterator[Delivery]:
    """Walk those of ours that are not kept here."""
    ours = (delivery for delivery in deliveries if _is_ours(delivery))
    while batch := list(islice(ours, _BATCH)):
        ids = [delivery.event.id for delivery in batch]
        kept = set(StripeEvent.objects.filter(event_id__in=ids).values_list("event_id", flat=True))
        yield from (delivery for delivery in batch if delivery.event.id not in kept)


def _row(delivery: Delivery, *, source: str, now: datetime) -> StripeEvent:
    event = delivery.event
    is_wanted = event.livemode == settings.STRIPE_LIVEMODE and _is_ours(delivery)
    return StripeEvent(
        event_id=event.id,
        type=event.type,
        api_version=event.api_version,
        livemode=event.livemode,
        source=source,
        object_id=event.object_id,
        object_type=event.object_type,
        customer_id=event.customer or "",
        payload=delivery.payload,
        state=StripeEvent.State.RECEIVED if is_wanted else StripeEvent.State.IGNORED,
        next_attempt_at=now,
        created_at=event.created_at,
        received_at=now,
        processed_at=None if is_wanted else now,
    )


def _is_ours(delivery: Delivery) -> bool:
    event = delivery.event
    return not event.is_of_another_account and event.type.startswith(
        (*_ABOUT_SOMEBODY, *_ABOUT_THE_CATALOGUE)
    )


def _unfinished() -> QuerySet[StripeEvent]:
    return StripeEvent.objects.filter(state__in=_UNFINISHED)


def _due(*, now: datetime) -> QuerySet[StripeEvent]:
    free = Q(leased_until=None) | Q(leased_until__lte=now)
    return _unfinished().filter(free, next_attempt_at__lte=now)


def _claim(event_pk: int, *, now: datetime) -> StripeEvent | None:
    """Take an event for a while and count the try; None where it is done, held, or not due yet."""
    taken = _due(now=now).filter(pk=event_pk)
    if not taken.update(leased_until=now + StripeEvent.LEASE, attempts=F("attempts") + 1):
        return None
    event = StripeEvent.objects.get(pk=event_pk)
    if event.attempts > _TRIES:  # each try killed its worker before it could say why
        _finish([event.pk], StripeEvent.State.DEAD, now=now)
        logger.error("Event %s is given up: its workers died.", event.event_id)
        return None
    return event


def _hand_on(event: StripeEvent, *, gateway: Gateway, now: datetime) -> int | None:
    if _is_of_a_present(event, gateway=gateway, now=now):
        _finish([event.pk], StripeEvent.State.DONE, now=now)
        return None
    customer = _whose(event, gateway=gateway, now=now)
    if customer is None:
        _park(event, now=now)
        return None
    if event.type.startswith(_CHECKOUT):
        _after_checkout(event, gateway=gateway, now=now)
    if event.type.startswith(_FRAUD):
        # No look at a customer tells of it.
        warning = gateway.fraud_warning(event.object_id)
        alerts.take_warning(warning, customer=Customer.objects.get(pk=customer), now=now)
    # One look answers every event so far about this customer: ten of one renewal are worked through as one.
    covered = _unfinished().filter(customer_id=event.customer_id).exclude(customer_id="")
    also = list(covered.exclude(type__startswith=_CHECKOUT).values_list("pk", flat=True))
    with transaction.atomic():
        sync.request([customer], now=now)
        _finish([event.pk, *also], StripeEvent.State.DONE, now=now)
    return customer


def _is_of_a_present(event: StripeEvent, *, gateway: Gateway, now: datetime) -> bool:
    """Look at the gift subscription that an event about no customer is about, if it is about one."""
    if event.customer_id or not event.object_id:
        return False
    if event.type.startswith(_CHECKOUT):
        return presents.hear(object_id=event.object_id, is_session=True, gateway=gateway, now=now)
    try:
        warning = gateway.fraud_warning(event.object_id) if event.type.startswith(_FRAUD) else None
        charge = warning.charge if warning is not None else _charge(event, gateway=gateway)
    except StripeGone:
        return False
    if not presents.hear(object_id=charge, is_session=False, gateway=gateway, now=now):
        return False
    if warning is not None:
        alerts.take_warning(warning, customer=None, now=now)
    return True


def _charge(event: StripeEvent, *, gateway: Gateway) -> str:
    """Return the charge that an event is about; "" where it is about none. Only some events bear its id."""
    if event.type.startswith(_DISPUTE):
        return gateway.dispute(event.object_id).charge
    return event.object_id if event.object_type == "charge" else ""


def _whose(event: StripeEvent, *, gateway: Gateway, now: datetime) -> int | None:
    """Find the customer: named in the event, known by the object, asked of Stripe, or new to us but our reader's."""
    named = event.customer_id or _remembered(event)
    if not named and event.object_id:
        named = gateway.customer_of(object_type=event.object_type, object_id=event.object_id) or ""
    if not named:
        return None
    known = Customer.objects.filter(stripe_id=named).values_list("pk", flat=True).first()
    return known or sync.adopt(named, gateway=gateway, now=now)


def _remembered(event: StripeEvent) -> str:
    """Return whose object it was: a card that was detached no longer says."""
    model = _MIRRORED.get(event.object_type)
    if model is None or not event.object_id:
        return ""
    row = model._default_manager.filter(stripe_id=event.object_id).select_related("customer").first()
    return row.customer.stripe_id if row is not None else ""


def _after_checkout(event: StripeEvent, *, gateway: Gateway, now: datetime) -> None:
    """Close the attempt that led to a session; finish what a card form was for, also if the reader never came back."""
    still_open = CheckoutAttempt.objects.filter(session_id=event.object_id, state=CheckoutAttempt.State.OPEN)
    if event.type == "checkout.session.expired":
        still_open.update(state=CheckoutAttempt.State.CLOSED, leased_until=None, closed_at=now)
    elif (attempt := still_open.first()) is not None:
        arrival = subscribing.finish(attempt, session_id=event.object_id, gateway=gateway, now=now)
        if arrival is subscribing.Arrival.CONFIRMING:
            raise StripeTrouble("What was bought is not known here yet.")
    elif event.type == "checkout.session.completed":
        try:
            cards.finish(event.object_id, gateway=gateway, now=now)
        except StripeGone:
            return  # it was no card form


def _park(event: StripeEvent, *, now: datetime) -> None:
    """Keep an event about nobody of ours for a while: the customer may be on the way to us."""
    if event.attempts >= _TRIES:
        _finish([event.pk], StripeEvent.State.IGNORED, now=now)
        return
    _come_back(event, StripeEvent.State.PARKED, error="", now=now)


def _about_the_catalogue() -> QuerySet[StripeEvent]:
    kinds = Q(*(("type__startswith", prefix) for prefix in _ABOUT_THE_CATALOGUE), _connector=Q.OR)
    return _unfinished().filter(kinds)


def _promises() -> dict[str, tuple[object, ...]]:
    return {plan.stripe_id: (plan.seats, *plan.unlocks) for plan in Plan.objects.all()}


def _put_off(event: StripeEvent, *, error: str, now: datetime) -> None:
    if event.attempts < _TRIES:
        _come_back(event, StripeEvent.State.RECEIVED, error=error, now=now)
        return
    StripeEvent.objects.filter(pk=event.pk).update(last_error=error[:300])
    _finish([event.pk], StripeEvent.State.DEAD, now=now)
    logger.error("Event %s is given up after %s tries: %s", event.event_id, event.attempts, error)


def _come_back(event: StripeEvent, state: StripeEvent.State, *, error: str, now: datetime) -> None:
    StripeEvent.objects.filter(pk=event.pk).update(
        state=state,
        attempts=event.attempts,
        leased_until=None,
        next_attempt_at=now + sync.pause(event.attempts, seed=event.pk),
        last_error=error[:300],
    )


def _finish(events: list[int], state: StripeEvent.State, *, now: datetime) -> None:
    StripeEvent.objects.filter(pk__in=events).update(state=state, leased_until=None, processed_at=now)
