"""Epochs: a number for each reader that rises whenever what they may read changes or is withdrawn.

A token carries the number of its moment. Whoever decides by tokens follows the feed (`since`) and honours none whose
number is too low, so what was taken away is refused everywhere within seconds. What was granted needs no news: a
refusal at an edge is asked again here.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F, Q
from django.utils.crypto import salted_hmac

from accounts import shelf
from accounts.models import User
from paywall.models import AccessEpoch
from paywall.verifier import LONGEST_LIFE

PAGE = 1000
# A statement may say a moment a minute old (workers are killed after one) and be committed a little later. Whoever asks
# for what is new is told again what was written so long before.
MARGIN = timedelta(minutes=2)
# Nothing older matters: tokens that are older have run out.
WINDOW = LONGEST_LIFE + MARGIN


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the feed: everything up to this moment, and at this moment up to this reader."""

    raised_at: datetime
    reader: int = 0


@dataclass(frozen=True, slots=True)
class Raised:
    """The lowest epoch that counts for a subject."""

    sub: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Page:
    """A part of the feed; ask for what follows `next`, at once where there is `more`."""

    epochs: tuple[Raised, ...]
    next: Place
    more: bool


def raise_for(reader: User, *, now: datetime) -> None:
    """Make every token void that this reader was given before, and what is kept of them.

    One statement, but for a reader's first time.
    """
    shelf.turn(shelf.of_reader(reader.pk))
    if _raised(reader, now=now):
        return
    _, is_first = AccessEpoch.objects.get_or_create(reader=reader, defaults={"raised_at": now})
    if not is_first:  # a parallel call was faster; its number says nothing of ours
        _raised(reader, now=now)


def subject(reader: User, *, audience: str) -> str:
    """Return what a site knows a reader as: opaque, stable while `SECRET_KEY` is, and another on every site."""
    return _subject(reader.public_id, audience=audience, secret=settings.SECRET_KEY)


def since(place: Place | None, *, audience: str, now: datetime, size: int = PAGE) -> Page:
    """Return whose epochs rose after `place`, oldest first; without a place, all that may still matter."""
    after = _sensible(place, now=now)
    later = Q(raised_at__gt=after.raised_at) | Q(raised_at=after.raised_at, reader_id__gt=after.reader)
    # The bound says nothing new, but without it an index cannot begin where the news do.
    rows = AccessEpoch.objects.filter(later, raised_at__gte=after.raised_at).order_by(
        "raised_at", "reader_id"
    )
    found = list(rows.values_list("reader_id", "reader__public_id", "number", "raised_at")[: size + 1])
    more = len(found) > size
    told = found[:size]
    return Page(
        epochs=tuple(
            Raised(sub, number)
            for _, public_id, number, _ in told
            for sub in _subjects(public_id, audience=audience)
        ),
        next=Place(told[-1][3], told[-1][0]) if more else Place(now - MARGIN),
        more=more,
    )


def _raised(reader: User, *, now: datetime) -> bool:
    rows = AccessEpoch.objects.filter(reader=reader)
    return bool(rows.update(number=F("number") + 1, raised_at=now))


def _sensible(place: Place | None, *, now: datetime) -> Place:
    """Return the place, or the window's first where it lies before, or now where it lies ahead of us."""
    oldest = Place(now - WINDOW)
    if place is None or place.raised_at < oldest.raised_at:
        return oldest
    return place if place.raised_at <= now else Place(now - MARGIN)


def _subjects(public_id: str, *, audience: str) -> Iterator[str]:
    """Yield every name under which tokens may be out: one for each key while `SECRET_KEY` is being rolled."""
    for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        yield _subject(public_id, audience=audience, secret=secret)


def _subject(public_id: str, *, audience: str, secret: str) -> str:
    digest = salted_hmac(
        "paywall.subject", f"{audience} {public_id}", secret=secret, algorithm="sha256"
    ).digest()
    return base64.urlsafe_b64encode(digest[:18]).decode()
