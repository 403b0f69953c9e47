"""What a group gives to those who read by it: a pure restatement of what it gives to its owner, seat by seat.

Called in the transaction that changed the owner's rights, or the seats, so that both are one. Members get the term and
the grace of the subscription and nothing of its trouble: nobody is told to mend a card, or to end a pause, that is not
theirs. Where there are more members than seats the newest wait, and come back by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Q, QuerySet

from accounts.models import User
from billing.models import Plan, Seat, Subscription
from billing.snapshots import OVER, RUNNING
from paywall import entitlements
from paywall.decision.facts import Grant, Suspension


def lock(owner: User, *others: User) -> None:
    """Lock every reader whose rights a change to `owner`'s groups may touch, before any of them is touched.

    Always in one order: two groups whose owners are each other's members wait for one another and never for ever.
    """
    members = Seat.objects.members().filter(subscription__customer__reader=owner).values("member")
    wanted = User.objects.filter(Q(pk__in=members) | Q(pk__in=[owner.pk, *(other.pk for other in others)]))
    list(wanted.select_for_update(no_key=True).only("pk").order_by("pk"))


def restate(owner: User, *, now: datetime) -> None:
    """State what each member of `owner`'s groups holds by it now. Doing so again changes nothing.

    Seats of a subscription that is over move to the one by which the owner came back, where there is one.
    """
    held = Seat.objects.members().filter(subscription__customer__reader=owner)
    if not held.exists():
        return
    _move_on(owner)
    grants = entitlements.snapshot(owner, now=now)
    for subscription in Subscription.objects.filter(seats__in=held).distinct().order_by("pk"):
        given = _of_the_group(subscription, grants)
        room = capacity(subscription) - 1
        for rank, seat in enumerate(subscription.seats.members().select_related("member")):
            _state(seat, given if rank < room else (), now=now)


def give_back(seat: Seat, *, now: datetime) -> None:
    """Withdraw what an ended seat gave."""
    if seat.member is not None:
        entitlements.replace(seat.member, source=seat.source, grants=(), now=now)


def capacity(subscription: Subscription) -> int:
    """Return how many may read by a subscription, its owner included; 0 where it is not for groups."""
    seats_of = dict(_group_plans(subscription).values_list("stripe_id", "seats"))
    items = subscription.items.values_list("stripe_product", "quantity")
    return sum(quantity * seats_of.get(product, 0) for product, quantity in items)


def products(subscription: Subscription) -> tuple[str, ...]:
    """Return the products that a subscription opens to the whole group: those of its plans that have seats."""
    return tuple(dict.fromkeys(product for plan in _group_plans(subscription) for product in plan.unlocks))


def plan_names(subscription: Subscription) -> tuple[str, ...]:
    """Return the names of the plans that make a subscription one for a group."""
    return tuple(_group_plans(subscription).values_list("name", flat=True))


def waiting(subscription: Subscription) -> frozenset[int]:
    """Return the seats (primary keys) for which there is no room at present."""
    held = subscription.seats.members().values_list("pk", flat=True)
    return frozenset(held[max(0, capacity(subscription) - 1) :])


def of_member(grant: Grant, seat: Seat) -> Grant | None:
    """Return what a right of the owner's is to a member; None where it never opens anything to them.

    It begins when they accepted. A pause is a gap that they are not told of.
    """
    starts_at = max(grant.starts_at, seat.accepted_at or grant.starts_at)
    if grant.suspension is Suspension.PAUSED:
        if grant.resumes_at is None:
            return None
        starts_at = max(starts_at, grant.resumes_at)
    last = max((end for end in (grant.ends_at, grant.grace_until) if end is not None), default=None)
    if last is not None and last <= starts_at:
        return None
    return Grant(
        product=grant.product,
        source=seat.source,
        starts_at=starts_at,
        ends_at=max(grant.ends_at, starts_at) if grant.ends_at is not None else None,
        grace_until=grant.grace_until,
    )


def _state(seat: Seat, given: Iterable[Grant], *, now: datetime) -> None:
    if seat.member is None:
        return
    theirs = (of_member(grant, seat) for grant in given)
    grants = tuple(grant for grant in theirs if grant is not None)
    entitlements.replace(seat.member, source=seat.source, grants=grants, now=now)


def _of_the_group(subscription: Subscription, grants: Iterable[Grant]) -> tuple[Grant, ...]:
    shared = products(subscription)
    return tuple(grant for grant in grants if grant.source == subscription.source and grant.product in shared)


def _group_plans(subscription: Subscription) -> QuerySet[Plan]:
    held = subscription.items.values("stripe_product")
    return Plan.objects.filter(stripe_id__in=held, seats__gt=0).order_by("pk")


def _move_on(owner: User) -> None:
    """Let a group outlive the subscription that it began with: nobody is invited twice because its owner came back."""
    own = Subscription.objects.filter(customer__reader=owner)
    left = own.filter(status__in=OVER, seats__in=Seat.objects.living()).distinct().order_by("pk")
    for over in left:
        running = own.filter(status__in=RUNNING).order_by("created_at", "pk")
        target = next((other for other in running if capacity(other)), None)
        if target is None:
            return
        there = target.seats.living()
        moving = over.seats.living().exclude(email__in=there.values("email"))
        moving.exclude(member__in=there.members().values("member")).update(subscription=target)
