"""Groups as people see them: who sits in an owner's, and by whose a member reads and how that stands.

Like the outlook it reads our rows only. A member is never told of money: not which card failed, nor that one did.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.utils.translation import gettext as _

from accounts.models import User
from billing import groups, invitations, seats, words
from billing.models import Seat, Subscription
from paywall import entitlements


class PlaceState(StrEnum):
    """How a place in a group stands, to its owner."""

    MEMBER = "member"
    WAITING = "waiting"  # more members than seats: among the newest
    INVITED = "invited"
    EXPIRED = "expired"


class Standing(StrEnum):
    """How a group stands to a member of it."""

    READS = "reads"
    WAITING = "waiting"  # there is no seat for them at present
    RESTING = "resting"  # it gives nothing at present, and its owner may say why
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Place:
    """A seat beside the owner's, and for whom: the address that was invited."""

    id: str
    email: str
    state: PlaceState
    text: str


@dataclass(frozen=True, slots=True)
class Roster:
    """A group, to its owner."""

    id: str  # the outlook's id of its subscription
    plan_name: str
    seats: int
    taken: int
    free: int
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Membership:
    """A group, to a member of it; `group` is its owner's address, "" where the account is closed."""

    id: str  # of the seat
    group: str
    product_names: tuple[str, ...]
    standing: Standing
    text: str


def of(owner: User, *, now: datetime) -> tuple[Roster, ...]:
    """Return the groups of an owner, the oldest first."""
    return tuple(_roster(group, now=now) for group in groups.owned_by(owner))


def memberships(reader: User, *, now: datetime) -> tuple[Membership, ...]:
    """Return what a reader is a member of, the longest-standing first."""
    held = Seat.objects.members().filter(member=reader).select_related("subscription__customer__reader")
    return tuple(_membership(seat, reader, now=now) for seat in held)


def _roster(group: Subscription, *, now: datetime) -> Roster:
    seated, waiting = list(group.seats.members()), seats.waiting(group)
    offered = group.seats.living().filter(member=None).order_by("invited_at", "pk")
    capacity, free = seats.capacity(group), groups.free(group, now=now)
    return Roster(
        id=str(group.pk),
        plan_name=", ".join(seats.plan_names(group)),
        seats=capacity,
        taken=max(capacity - free, 1 + len(seated)),
        free=free,
        places=(
            *(_taken(seat, is_waiting=seat.pk in waiting) for seat in seated),
            *(_offered(seat, now=now) for seat in offered),
        ),
    )


def _taken(seat: Seat, *, is_waiting: bool) -> Place:
    if is_waiting:
        text = _("Waits for a free place: your group has more members than places.")
        return Place(str(seat.pk), seat.email, PlaceState.WAITING, text)
    since = _("Reads since %(date)s") % {"date": words.day(seat.accepted_at or seat.invited_at)}
    return Place(str(seat.pk), seat.email, PlaceState.MEMBER, since)


def _offered(seat: Seat, *, now: datetime) -> Place:
    if seat.expires_at <= now:
        return Place(str(seat.pk), seat.email, PlaceState.EXPIRED, _("The invitation has run out."))
    until = _("Invited until %(date)s") % {"date": words.day(seat.expires_at)}
    return Place(str(seat.pk), seat.email, PlaceState.INVITED, until)


def _membership(seat: Seat, reader: User, *, now: datetime) -> Membership:
    group, standing = invitations.group_name(seat.subscription), _standing(seat, reader, now=now)
    return Membership(
        id=str(seat.pk),
        group=group,
        product_names=invitations.product_names(seat.subscription),
        standing=standing,
        text=_told(standing, seat, group),
    )


def _standing(seat: Seat, reader: User, *, now: datetime) -> Standing:
    rights = entitlements.snapshot(reader, now=now)
    if any(grant.source == seat.source and grant.standing(at=now).opens for grant in rights):
        return Standing.READS
    if not seat.subscription.is_open:
        return Standing.ENDED
    return Standing.WAITING if seat.pk in seats.waiting(seat.subscription) else Standing.RESTING


def _told(standing: Standing, seat: Seat, group: str) -> str:
    match standing:
        case Standing.READS:
            return _("You read by a place in this group. It costs you nothing.")
        case Standing.WAITING:
            text = _("At present there is no place for you in it; with the next that is free you read on.")
        case Standing.RESTING:
            text = _("Its subscription opens nothing at present. As soon as it does, you read on.")
        case Standing.ENDED:
            end = seat.subscription.ended_at or seat.subscription.canceled_at
            text = _("It ended on %(date)s.") % {"date": words.day(end)} if end else _("It has ended.")
    if group:
        way_on = _("Ask %(group)s about it, or subscribe yourself.") % {"group": group}
    else:
        way_on = _("You can subscribe yourself.")
    return f"{text} {way_on}"
