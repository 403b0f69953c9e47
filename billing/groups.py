"""Groups and families: who sits beside the owner of a subscription. Invite, accept, leave, remove.

A group is an open subscription to a plan with seats. Stripe never hears of its members: who pays, and for how many, is
its business; who reads by it is ours. Whatever changes a group holds its customer's row, as a look at Stripe does, so
that the last seat is given once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from accounts.models import User
from billing import customers, invitations, seats
from billing.errors import GroupFull, GroupRefused, InvitationGone, NothingToDo
from billing.models import Customer, Seat, SeatQuerySet, Subscription
from billing.snapshots import RUNNING

_LONGEST_KEY = 18  # digits, of which every database holds the number


def owned_by(owner: User) -> tuple[Subscription, ...]:
    """Return the groups of an owner that are alive, the oldest first."""
    own = Subscription.objects.filter(customer__reader=owner, status__in=RUNNING)
    return tuple(row for row in own.order_by("created_at", "pk") if seats.capacity(row))


def free(group: Subscription, *, now: datetime) -> int:
    """Return how many more can be invited: beside the owner, members and standing invitations take a seat each."""
    taken = 1 + group.seats.members().count() + group.seats.offered(now=now).count()
    return max(0, seats.capacity(group) - taken)


def invite(owner: User, email: str, *, subscription: str = "", now: datetime) -> Seat:
    """Offer a seat to an address. Where it stands invited already, the invitation is sent anew.

    `subscription` is the outlook's id of the group; without it the oldest is meant.

    :raises NothingToDo: the reader owns no such group.
    :raises GroupFull: there is no seat left.
    :raises GroupRefused: the address has a seat in it, or enough was mailed for a day.
    """
    address = email.strip().lower()
    with _held(_own(owner, subscription)) as group:
        known = group.seats.living().filter(email=address).first()
        if address == owner.email or (known is not None and known.member_id is not None):
            raise GroupRefused(_("This address has a place in your group already."))
        if (known is None or known.expires_at <= now) and not free(group, now=now):
            raise GroupFull(_("All places of your group are taken."))
        if not invitations.may_send(owner, capacity=seats.capacity(group), now=now):
            raise GroupRefused(_("You have sent enough invitations for today. Please go on tomorrow."))
        seat = known or Seat(subscription=group, email=address)
        invitations.send(seat, owner=owner, now=now)
    return seat


def offer(token: str, *, now: datetime) -> Seat:
    """Return the seat that a token offers, or has given. Looking costs it nothing.

    :raises InvitationGone: it was withdrawn, sent anew, has run out, or the group has ended.
    """
    seat = invitations.find(token)
    if seat is None or seat.ended_at is not None or not _is_alive(seat.subscription):
        raise InvitationGone(_("This invitation is not, or no longer, valid. Please ask for a new one."))
    if seat.member_id is None and seat.expires_at <= now:
        raise InvitationGone(_("This invitation has run out. Please ask for a new one."))
    return seat


def accept(reader: User, token: str, *, now: datetime) -> Seat:
    """Take the seat that a token stands for, once. The same reader's taking it again changes nothing.

    Whoever has the token may, under whichever address they read. What they subscribe to themselves stays as it is.

    :raises InvitationGone: as `offer`, or somebody else was faster.
    :raises GroupRefused: the reader owns the group, or sits in it.
    :raises GroupFull: the group has become smaller since.
    :raises PermissionDenied: the account was closed meanwhile.
    """
    with _held(offer(token, now=now).subscription, reader) as group:
        seat = offer(token, now=now)  # again, now that nobody else can change it
        if seat.member_id == reader.pk:
            return seat
        if seat.member_id is not None or seat.subscription_id != group.pk:
            raise InvitationGone(_("This invitation was used already. Please ask for a new one."))
        _check_newcomer(reader, group)
        seat.member, seat.accepted_at = reader, now
        seat.save(update_fields=["member", "accepted_at"])
        seats.restate(_owner(group), now=now)
    return seat


def leave(reader: User, seat: str, *, now: datetime) -> None:
    """Give up a seat that the reader holds. It is free at once.

    :raises NothingToDo: they hold no such seat.
    """
    _end(Seat.objects.filter(member=reader), seat, ending=Seat.Ending.LEFT, now=now)


def remove(owner: User, seat: str, *, now: datetime) -> None:
    """Take a seat back from a member, or an invitation from an address. It is free at once.

    :raises NothingToDo: there is no such seat in a group of theirs.
    """
    own = Seat.objects.filter(subscription__customer__reader=owner)
    _end(own, seat, ending=Seat.Ending.REMOVED, now=now)


def end(seat: Seat, *, reason: str, now: datetime) -> Seat:
    """End a seat on behalf of somebody who asked staff to; return it as it is then.

    :raises GroupRefused: nobody said why.
    :raises NothingToDo: it has ended already.
    """
    why = " ".join(reason.split())
    if not why:
        raise GroupRefused(_("Please say why."))
    return _end(Seat.objects.all(), str(seat.pk), ending=Seat.Ending.STAFF, reason=why, now=now)


def forget(reader: User, *, now: datetime) -> None:
    """Free the seats of a reader who closes the account, end the groups they own, and keep no address of either.

    A seat that their address was invited to, and that somebody else took, stays with whoever took it.
    """
    theirs = Seat.objects.filter(
        Q(member=reader) | Q(member=None, email=reader.email) | Q(subscription__customer__reader=reader)
    )
    for key in list(theirs.living().order_by("pk").values_list("pk", flat=True)):
        with suppress(NothingToDo):  # somebody was faster
            _end(theirs, str(key), ending=Seat.Ending.CLOSED, now=now)
    theirs.filter(ended_at__isnull=False).update(email="", token_hash="")
    Seat.objects.filter(member__isnull=False, email=reader.email).update(email="")


@contextmanager
def _held(subscription: Subscription, *newcomers: User) -> Iterator[Subscription]:
    """Keep a group as it is for a moment, and the rights of all in it, and of `newcomers`, for the same time."""
    with transaction.atomic():
        Customer.objects.select_for_update(of=("self",)).get(pk=subscription.customer_id)
        seats.lock(_owner(subscription), *newcomers)
        yield Subscription.objects.select_related("customer__reader").get(pk=subscription.pk)


def _own(owner: User, subscription: str) -> Subscription:
    found = next((group for group in owned_by(owner) if subscription in {"", str(group.pk)}), None)
    if found is None:
        raise NothingToDo(_("You have no such group."))
    return found


def _owner(subscription: Subscription) -> User:
    owner = subscription.customer.reader
    if owner is None:
        raise NothingToDo(_("You have no such group."))
    return owner


def _is_alive(subscription: Subscription) -> bool:
    return subscription.status in RUNNING and seats.capacity(subscription) > 0


def _check_newcomer(reader: User, group: Subscription) -> None:
    customers.refuse_closed(reader)
    members = group.seats.members()
    if reader == _owner(group):
        raise GroupRefused(_("This is your own group: you have the first place in it."))
    if members.filter(member=reader).exists():
        raise GroupRefused(_("You have a place in this group already."))
    if members.count() >= seats.capacity(group) - 1:
        raise GroupFull(_("All places of this group are taken by now. Please ask whoever invited you."))


def _end(found: SeatQuerySet, seat: str, *, ending: Seat.Ending, now: datetime, reason: str = "") -> Seat:
    wanted = found.living().filter(pk=seat if seat.isdecimal() and len(seat) <= _LONGEST_KEY else 0)
    row = wanted.select_related("subscription__customer__reader").first()
    if row is None:
        raise NothingToDo(_("There is no such place."))
    with _held(row.subscription) as group:
        current = wanted.select_related("member").first()
        if current is None:
            raise NothingToDo(_("There is no such place."))
        is_offer = current.member is None and ending is Seat.Ending.REMOVED
        current.ending = Seat.Ending.WITHDRAWN if is_offer else ending
        current.ended_at, current.reason = now, reason
        current.save(update_fields=["ending", "ended_at", "reason"])
        invitations.take_back(current, owner=_owner(group))
        seats.give_back(current, now=now)
        seats.restate(_owner(group), now=now)
    return current
