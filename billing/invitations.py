"""Invitations by mail: whoever has the token may take the seat, once. Only a hash of it is kept.

Nobody is asked whether an address is known here: the mail is the same for everybody, and so is its page.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from django.utils.translation import gettext_lazy as _

from accounts.models import Mail, User
from billing import letters, links, seats
from billing.models import Seat, Subscription
from paywall import entitlements

LASTS = timedelta(days=14)
_KIND = "group_invitation"
_DAY = timedelta(days=1)
_AT_LEAST = 20  # mails a day; a larger group may send two for each of its seats
_TOKEN_BYTES = 24


def find(token: str) -> Seat | None:
    """Return the seat that a token was sent for, whatever became of it since; None where there is none."""
    named = Seat.objects.select_related("subscription__customer__reader", "member")
    return named.filter(token_hash=_hash(token)).first() if token else None


def may_send(owner: User, *, capacity: int, now: datetime) -> bool:
    """Tell whether an owner may send another invitation today."""
    sent = Mail.objects.filter(
        kind=_KIND, dedup_key__startswith=f"{_KIND}:{owner.pk}:", queued_at__gt=now - _DAY
    )
    return sent.count() < max(_AT_LEAST, 2 * capacity)


def send(seat: Seat, *, owner: User, now: datetime) -> None:
    """Send an invitation, or send it anew: then the token of the last mail opens nothing any more."""
    take_back(seat, owner=owner)
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    seat.token_hash, seat.invited_at, seat.expires_at = _hash(token), now, now + LASTS
    seat.sends += 1
    seat.save()
    letters.to_address(
        seat.email,
        kind=_KIND,
        about=_name(owner, seat),
        now=now,
        language=owner.language,
        group=group_name(seat.subscription),
        product_names=product_names(seat.subscription),
        expires_at=seat.expires_at,
        button=_("Take the place"),
        button_url=links.join(token),
    )


def take_back(seat: Seat, *, owner: User) -> None:
    """Take back a mail that nobody has begun to send."""
    letters.withdraw(_KIND, about=_name(owner, seat))


def group_name(subscription: Subscription) -> str:
    """Return by what a group is known to those in it: its owner's address; nothing where that is gone."""
    owner = subscription.customer.reader
    return owner.email if owner is not None and owner.is_active else ""


def product_names(subscription: Subscription) -> tuple[str, ...]:
    """Return what a group opens, as people call it."""
    names = entitlements.product_names()
    return tuple(names.get(product, product) for product in seats.products(subscription))


def _name(owner: User, seat: Seat) -> str:
    return f"{owner.pk}:{seat.pk}:{seat.sends}"


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
