"""The one door through which Stripe's truth about a customer enters: ours made to match it, and rights restated.

Whoever has a hint that something changed (an event, a return from Checkout, a sweep, staff) raises a counter with
`request`. `customer` takes one look for all hints so far. One look at a time per customer, no transaction and no lock
during HTTP; the last look is always the last write, and a worker that dies loses nothing.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from accounts.models import User
from billing import (
    addresses,
    advice,
    alerts,
    card_faces,
    dunning,
    lifecycle,
    mirror,
    open_products,
    passes,
    returns,
    seats,
    withdrawal,
    words,
)
from billing.errors import BillingError, OtherMode, StripeGone
from billing.gateway import Gateway
from billing.models import Customer, Subscription
from billing.snapshots import Access, CardSnapshot, CustomerPicture, SubscriptionSnapshot
from paywall import entitlements
from paywall.decision.facts import Grant, Suspension, Trouble

logger = logging.getLogger(__name__)

# Hints that arrive during a look ask for another one. More than this in a row is left to the next worker.
_ROUNDS = 3
_LONGEST_PAUSE = timedelta(hours=1)
# For so long nobody asks again because of a refusal.
_FRESH = timedelta(minutes=1)


class SyncOutcome(StrEnum):
    """What became of a look."""

    DONE = "done"  # ours equals theirs, as of this look
    BUSY = "busy"  # another worker is at it, and will see this hint too
    LOST = "lost"  # took too long: another worker took over, and this look was dropped
    AGAIN = "again"  # written, but more hints came; the next worker goes on
    FAILED = "failed"  # Stripe gave no picture; tried again later


def request(customers: Iterable[int], *, now: datetime) -> int:
    """Ask for a look at these customers (by primary key); return how many there are.

    Whatever was true at Stripe before this call will be in ours after the look. Cheap, and safe inside a transaction.
    """
    asked = Customer.objects.filter(pk__in=list(customers))
    return asked.update(sync_requested=F("sync_requested") + 1, next_sync_at=now)


def doubt(reader: User, *, now: datetime) -> bool:
    """Ask for a look at a reader who is about to be refused; tell whether one is still to come.

    Not where the last one is fresh: what Stripe said a moment ago it would say again.
    """
    known = Customer.objects.filter(reader=reader, deleted_at=None)
    looks = list(known.values_list("pk", "sync_requested", "sync_done", "synced_at"))
    if any(requested > done for _pk, requested, done, _at in looks):
        return True
    stale = [pk for pk, _requested, _done, at in looks if at is None or at <= now - _FRESH]
    return request(stale, now=now) > 0 if stale else False


def waiting_ids(*, now: datetime, limit: int) -> list[int]:
    """Return customers that somebody should look at now, the longest waiting first."""
    due = Customer.objects.waiting(now=now).order_by(F("next_sync_at").asc(nulls_first=True), "pk")
    return list(due.values_list("pk", flat=True)[:limit])


def customer(customer_pk: int, *, gateway: Gateway, now: datetime) -> SyncOutcome:
    """Look at a customer at Stripe and make ours equal: mirror, entitlements, notices, in one transaction.

    Safe to call at any time, in parallel and again. Trouble at Stripe is not raised; it is noted, and the customer
    stays waiting, with growing pauses.
    """
    lease = _claim(customer_pk, now=now)
    if lease is None:
        return SyncOutcome.BUSY
    try:
        return _look_until_quiet(customer_pk, lease=lease, gateway=gateway, now=now)
    except BillingError as trouble:
        _put_off(customer_pk, lease=lease, error=f"{type(trouble).__name__}: {trouble}", now=now)
        logger.warning("No picture of customer %s: %s", customer_pk, trouble)
        return SyncOutcome.FAILED
    except BaseException as surprise:
        _put_off(customer_pk, lease=lease, error=type(surprise).__name__, now=now)
        raise


def pause(attempts: int, *, seed: int) -> timedelta:
    """Return how long to wait after that many tries: 1 s, four times as long each time, up to an hour.

    `seed` spreads rows that failed together, so that they do not come back together.
    """
    longest = min(4.0 ** max(0, attempts - 1), _LONGEST_PAUSE.total_seconds())
    return timedelta(seconds=longest * (0.8 + (seed * 7919 % 100) / 500))


def _claim(customer_pk: int, *, now: datetime) -> str | None:
    """Take the customer for a while; None where another worker holds it."""
    lease = secrets.token_hex(8)
    free = Customer.objects.filter(Q(leased_until=None) | Q(leased_until__lte=now), pk=customer_pk)
    # The try is counted before it is made, so that one that kills its worker is not made for ever without a pause.
    taken = free.update(
        leased_by=lease, leased_until=now + Customer.LEASE, sync_attempts=F("sync_attempts") + 1
    )
    return lease if taken else None


def _look_until_quiet(customer_pk: int, *, lease: str, gateway: Gateway, now: datetime) -> SyncOutcome:
    for _round in range(_ROUNDS):
        ours = Customer.objects.get(pk=customer_pk)
        picture = gateway.picture(ours.stripe_id)
        _refuse_other_mode(picture)
        outcome = _write(customer_pk, picture, noted=ours.sync_requested, lease=lease, now=now)
        if outcome is SyncOutcome.DONE:
            _repeat_address(customer_pk, gateway=gateway, now=now)
        if outcome is not SyncOutcome.AGAIN:
            return outcome
    _release(customer_pk, lease=lease)
    return SyncOutcome.AGAIN


def _refuse_other_mode(picture: CustomerPicture) -> None:
    """Believe nothing of what test cards paid where real ones are meant, nor the other way round.

    :raises OtherMode: something in the picture is of the other mode.
    """
    customer, here = picture.customer, settings.STRIPE_LIVEMODE
    modes = {theirs.livemode for theirs in picture.subscriptions} - {None}
    # Of a deleted customer Stripe tells the id alone.
    if not customer.deleted:
        modes.add(customer.livemode)
    if modes - {here}:
        raise OtherMode(f"{customer.id} holds objects of Stripe's {'test' if here else 'live'} mode.")


def _repeat_address(customer_pk: int, *, gateway: Gateway, now: datetime) -> None:
    """Tell Stripe the reader's address where a look found another there: an earlier try did not arrive."""
    ours = Customer.objects.select_related("reader").get(pk=customer_pk)
    if addresses.differs(ours) and addresses.tell(ours, gateway=gateway, now=now) and ours.reader is not None:
        # No hint of a change: were Stripe to spell it otherwise, one look would lead to the next for ever.
        Customer.objects.filter(pk=customer_pk).update(email=ours.reader.email)


@transaction.atomic
def _write(
    customer_pk: int, picture: CustomerPicture, *, noted: int, lease: str, now: datetime
) -> SyncOutcome:
    """Write a picture if our lease still holds; all that follows from it is in the same transaction."""
    ours = Customer.objects.select_for_update(of=("self",)).select_related("reader").get(pk=customer_pk)
    if ours.leased_by != lease:
        return SyncOutcome.LOST
    _link_reader(ours, picture)
    policy = Access(settings.ACCESS_AFTER_REFUND)
    gone = mirror.write(ours, picture, policy=policy, now=now)
    if ours.reader is not None:
        seats.lock(ours.reader)
        subscriptions = open_products.subscriptions_of(ours.reader)
        unlocks = open_products.unlocked_by_items(subscriptions)
        _restate_entitlements(ours.reader, picture, gone=gone, unlocks=unlocks, now=now)
        seats.restate(ours.reader, now=now)
        bought_twice = open_products.restate(ours.reader, open_products.among(subscriptions, unlocks))
        passes.restate(ours, ours.reader, picture.payments, policy=policy, now=now)
    else:
        bought_twice = {}
    dunning.tell(ours, now=now)
    returns.tell(ours, now=now)
    alerts.restate(ours, bought_twice=bought_twice, now=now)
    return _note_done(ours, noted, now)


def _note_done(ours: Customer, noted: int, now: datetime) -> SyncOutcome:
    """Note that all is seen that was asked for up to `noted`; keep the lease where more was asked for since."""
    ours.sync_done = noted
    ours.sync_attempts = 0
    ours.sync_error = ""
    ours.synced_at = now
    ours.next_sync_at = None
    is_quiet = ours.sync_requested == noted
    if is_quiet:
        ours.leased_by, ours.leased_until = "", None
    ours.save(
        update_fields=[
            "sync_done", "sync_attempts", "sync_error", "synced_at", "next_sync_at", "leased_by", "leased_until",
        ]
    )  # fmt: skip
    return SyncOutcome.DONE if is_quiet else SyncOutcome.AGAIN


def adopt(stripe_customer: str, *, gateway: Gateway, now: datetime) -> int | None:
    """Begin to mirror a customer that somebody made elsewhere, if its metadata names a reader of ours.

    Returns our primary key; None where it is nobody's. The caller then asks for a look.

    :raises StripeTrouble: Stripe did not answer.
    """
    try:
        theirs = gateway.customer(stripe_customer)
    except StripeGone:
        return None
    if theirs.deleted or theirs.reader is None or not User.objects.filter(public_id=theirs.reader).exists():
        return None
    if theirs.livemode != settings.STRIPE_LIVEMODE:
        logger.warning("Customer %s is of Stripe's other mode; it is left alone.", theirs.id)
        return None
    ours, _created = Customer.objects.get_or_create(
        stripe_id=theirs.id,
        defaults={"livemode": theirs.livemode, "email": theirs.email, "created_at": now},
    )
    return ours.pk


def _link_reader(ours: Customer, picture: CustomerPicture) -> None:
    """Give a customer to the reader whom its metadata names, unless that reader has another one."""
    named = picture.customer.reader
    if ours.reader is not None or named is None or picture.customer.deleted:
        return
    others = Customer.objects.filter(deleted_at=None, livemode=ours.livemode).exclude(pk=ours.pk)
    reader = User.objects.filter(public_id=named).exclude(customers__in=others).first()
    if reader is None:
        logger.warning("Customer %s names a reader who is unknown or has another one.", ours.stripe_id)
    ours.reader = reader


def _restate_entitlements(
    reader: User,
    picture: CustomerPicture,
    *,
    gone: Iterable[str],
    unlocks: dict[str, tuple[str, ...]],
    now: datetime,
) -> None:
    for theirs in picture.subscriptions:
        grants = grants_of(theirs, picture=picture, unlocks=unlocks, now=now)
        entitlements.replace(reader, source=source_of(theirs.id), grants=grants, now=now)
    for unlisted in sorted(gone):
        entitlements.replace(reader, source=source_of(unlisted), grants=(), now=now)


def source_of(subscription: str) -> str:
    """Return the name under which a subscription (by Stripe's id) gives entitlements."""
    return Subscription.source_of(subscription)


def grants_of(
    theirs: SubscriptionSnapshot,
    *,
    picture: CustomerPicture,
    unlocks: dict[str, tuple[str, ...]],
    now: datetime,
) -> tuple[Grant, ...]:
    """Return all that one subscription gives; `unlocks` says what each of Stripe's products opens here.

    What Stripe has, has begun, also where our clock is behind Stripe's: nobody who has just paid waits for our clock.
    """
    term = lifecycle.term(
        replace(theirs, starts_at=min(theirs.starts_at, now)),
        invoices=picture.invoices,
        past_due_grace=settings.PAST_DUE_GRACE,
        renewal_slack=settings.RENEWAL_SLACK,
    )
    gone = withdrawal.of(theirs, picture=picture, policy=Access(settings.ACCESS_AFTER_REFUND))
    term = withdrawal.cut(term, gone)
    if term is None:
        return ()
    products = dict.fromkeys(product for item in theirs.items for product in unlocks.get(item.product, ()))
    return tuple(
        Grant(
            product=product,
            source=source_of(theirs.id),
            starts_at=term.starts_at,
            ends_at=term.paid_until,
            grace_until=term.grace_until,
            suspension=Suspension(term.after) if term.after else None,
            resumes_at=term.resumes_at,
            # Told to staff who ask why reading ended.
            trouble=Trouble(cause=gone.cause) if gone else _trouble(term, theirs, picture),
        )
        for product in products
    )


def _trouble(term: lifecycle.Term, theirs: SubscriptionSnapshot, picture: CustomerPicture) -> Trouble | None:
    """Say what the wall may tell of a failed payment: the card that failed, not the one put on file since."""
    if term.unpaid is None:
        return None
    failed = next((card for card in picture.cards if card.id == term.unpaid.failed_card), None)
    cause = words.AUTHENTICATION if term.unpaid.needs_action else term.unpaid.failure_code
    return Trouble(
        card=_card_text(failed or picture.card_for(theirs)),
        cause=cause,
        retry_at=advice.retry_at(
            term.unpaid.next_payment_attempt, code=cause, advice_code=term.unpaid.advice_code
        ),
    )


def _card_text(card: CardSnapshot | None) -> str:
    return card_faces.text(card.brand or card.type, card.last4) if card is not None else ""


def holders_of(stripe_products: Iterable[str]) -> list[int]:
    """Return the customers (primary keys) with a subscription to any of these Stripe products."""
    holding = Customer.objects.filter(subscriptions__items__stripe_product__in=set(stripe_products))
    return list(holding.values_list("pk", flat=True).distinct())


def _put_off(customer_pk: int, *, lease: str, error: str, now: datetime) -> None:
    """Give the customer back after a failure; it stays waiting, and is looked at again after a pause."""
    mine = Customer.objects.filter(pk=customer_pk, leased_by=lease)
    attempts = mine.values_list("sync_attempts", flat=True).first()
    if attempts is None:
        return
    mine.update(
        leased_by="",
        leased_until=None,
        next_sync_at=now + pause(attempts, seed=customer_pk),
        sync_error=error[:300],
    )


def _release(customer_pk: int, *, lease: str) -> None:
    Customer.objects.filter(pk=customer_pk, leased_by=lease).update(leased_by="", leased_until=None)
