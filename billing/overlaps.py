"""What a reader who is about to buy reads by already, and until when: told before they pay, and no obstacle.

A day pass is left out: it is over before it matters.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.utils.translation import gettext as _

from accounts.models import User
from billing import holdings, invitations, seats, words
from billing.catalogue import Offer
from billing.models import Seat
from billing.oneoff import Pass
from paywall import entitlements


class Kind(StrEnum):
    """By what somebody reads."""

    COMP = "comp"
    GIFT = "gift"
    SEAT = "seat"


@dataclass(frozen=True, slots=True)
class Overlap:
    """Something that opens products from then until then; a place in a group as long as the group has it (None)."""

    kind: Kind
    products: tuple[str, ...]
    starts_at: datetime | None
    ends_at: datetime | None
    text: str


def of(reader: User | None, products: Collection[str], *, now: datetime) -> tuple[Overlap, ...]:
    """Return what opens any of these products to a reader without a subscription of theirs, now or later."""
    if reader is None:
        return ()
    found = (*_held(reader, now=now), *_seats(reader, now=now))
    return tuple(overlap for overlap in found if {*overlap.products} & {*products})


def of_sale(
    reader: User | None, plans: Iterable[Offer], passes: Iterable[Pass] = (), *, now: datetime
) -> tuple[Overlap, ...]:
    """Return what opens some of what is shown for sale."""
    sold = {product for offer in plans for product in offer.plan.unlocks}
    return of(reader, sold.union(*(one.products for one in passes)), now=now)


def _held(reader: User, *, now: datetime) -> Iterator[Overlap]:
    for held in holdings.of(reader, now=now):
        if held.kind is holdings.Kind.PASS:
            continue
        slots = {
            "name": held.name,
            "products": ", ".join(held.product_names),
            "start": words.day(held.starts_at),
            "end": words.day(held.ends_at),
        }
        if held.starts_at > now:
            text = _("%(name)s: opens %(products)s to you from %(start)s until %(end)s.") % slots
        else:
            text = _("%(name)s: opens %(products)s to you until %(end)s.") % slots
        yield Overlap(Kind(held.kind), held.products, held.starts_at, held.ends_at, text)


def _seats(reader: User, *, now: datetime) -> Iterator[Overlap]:
    held = list(Seat.objects.members().filter(member=reader).select_related("subscription__customer__reader"))
    if not held:
        return
    names = entitlements.product_names()
    reading = {
        grant.source for grant in entitlements.snapshot(reader, now=now) if grant.standing(at=now).opens
    }
    for seat in held:
        if seat.source in reading:
            opened = seats.products(seat.subscription)
            text = _of_a_seat(seat, [names.get(product, product) for product in opened])
            yield Overlap(Kind.SEAT, opened, seat.accepted_at, None, text)


def _of_a_seat(seat: Seat, product_names: Iterable[str]) -> str:
    group = invitations.group_name(seat.subscription)
    slots = {"group": group, "products": ", ".join(product_names)}
    if not group:
        return _("A place in a group: opens %(products)s to you, for nothing.") % slots
    return _("A place in the group of %(group)s: opens %(products)s to you, for nothing.") % slots
