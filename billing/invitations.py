"""Invitations by mail: whoever has the token may take the seat, once. Only a hash of it is kept.

Nobody is asked whether an address is known here: the mail is the same for everybody, and so is its page.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import translation

from accounts import emails
from accounts.models import Mail, User
from billing import links, seats
from billing.models import Seat, Subscription
from paywall import entitlements

logger = logging.getLogger(__name__)

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
    sent = Mail.objects.filter(kind=_KIND, dedup_key__startswith=_key(owner), queued_at__gt=now - _DAY)
    return sent.count() < max(_AT_LEAST, 2 * capacity)


def send(seat: Seat, *, owner: User, now: datetime) -> None:
    """Send an invitation, or send it anew: then the token of the last mail opens nothing any more."""
    take_back(seat, owner=owner)
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    seat.token_hash, seat.invited_at, seat.expires_at = _hash(token), now, now + LASTS
    seat.sends += 1
    seat.save()
    _queue(seat, token, owner=owner, now=now)


def take_back(seat: Seat, *, owner: User) -> None:
    """Take back a mail that nobody has begun to send."""
    emails.withdraw([_key(owner, seat)])


def group_name(subscription: Subscription) -> str:
    """Return by what a group is known to those in it: its owner's address; nothing where that is gone."""
    owner = subscription.customer.reader
    return owner.email if owner is not None and owner.is_active else ""


def product_names(subscription: Subscription) -> tuple[str, ...]:
    """Return what a group opens, as people call it."""
    names = entitlements.product_names()
    return tuple(names.get(product, product) for product in seats.products(subscription))


def _queue(seat: Seat, token: str, *, owner: User, now: datetime) -> None:
    try:
        with transaction.atomic(), translation.override(owner.language or settings.LANGUAGE_CODE):
            subject, text, html = _render(seat, token)
            emails.queue(
                kind=_KIND,
                dedup_key=_key(owner, seat),
                to=seat.email,
                subject=subject,
                text=text,
                html=html,
                now=now,
            )
    except Exception:
        logger.exception("The invitation to seat %s could not be written.", seat.pk)


def _render(seat: Seat, token: str) -> tuple[str, str, str]:
    context = {
        "group": group_name(seat.subscription),
        "product_names": product_names(seat.subscription),
        "expires_at": seat.expires_at,
        "join_url": links.join(token),
        "site_name": settings.SITE_NAME,
        "account_url": links.account(),
    }
    name = f"billing/email/{_KIND}"
    subject = " ".join(render_to_string(f"{name}.subject.txt", context).split())
    return subject, render_to_string(f"{name}.txt", context), render_to_string(f"{name}.html", context)


def _key(owner: User, seat: Seat | None = None) -> str:
    return f"{_KIND}:{owner.pk}:{seat.pk}:{seat.sends}" if seat is not None else f"{_KIND}:{owner.pk}:"


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
