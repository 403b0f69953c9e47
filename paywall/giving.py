"""Gifts as those who make them meet them: give an article, see what was given, take it back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode, urlsplit

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import shelf
from accounts.identity import Identity
from accounts.models import User
from paywall import access, kept
from paywall.decision.meter import CalendarMonth
from paywall.decision.reasons import Reason
from paywall.errors import GiftNotYours, GiftQuotaUsed, GiftsOff, GiftUnknown
from paywall.models import Article, Gift

# Only what is a reader's own can be given on: not a free read, nor what their campus or another gift opens to them.
_OWN = frozenset({Reason.ENTITLED, Reason.GRACE_PERIOD, Reason.STAFF})

_MONTH = CalendarMonth()


@dataclass(frozen=True, slots=True)
class GiftTerms:
    """How many gifts a giver may make in a calendar month (of UTC), how long each lasts, and to how many it opens."""

    per_month: int
    lasts: timedelta
    openings: int


@dataclass(frozen=True, slots=True)
class Given:
    """A gift as its giver sees it; `url` is None where the article is no longer there."""

    gift: Gift
    url: str | None
    openings_left: int


def give(reader: User, article: Article, *, terms: GiftTerms, now: datetime) -> tuple[Given, bool]:
    """Give an article away; return the gift and whether it is new.

    While a gift of the article by this reader can still be accepted it is that one, and costs nothing of the quota.
    Parallel calls follow one another. What was taken back or used up counts all the same.

    :raises GiftsOff: no gifts can be made here.
    :raises GiftNotYours: no right of the reader's own opens the article.
    :raises GiftQuotaUsed: all gifts of this month are made.
    """
    if not terms.per_month:
        raise GiftsOff(_("Articles cannot be given away here."))
    if access.peek(Identity(reader), article, now=now).reason not in _OWN:
        raise GiftNotYours(_("Only what your own subscription opens can be given away."))
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).only("pk").get(pk=reader.pk)
        found = _still_to_accept(reader, article, now=now)
        if found is not None:
            return _given(found, url=article.url), False
        if not left(reader, terms=terms, now=now):
            raise GiftQuotaUsed(_("You have made all your gifts of this month."))
        gift = Gift.objects.create(
            giver=reader, article=article.id, limit=terms.openings, made_at=now, expires_at=now + terms.lasts
        )
        shelf.turn(kept.of_article(article.id))
    return Given(gift, url=_link(gift, article.url), openings_left=gift.limit), True


def of(reader: User, *, now: datetime) -> tuple[Given, ...]:
    """Return the gifts of this reader that still open something, newest first."""
    gifts = tuple(Gift.objects.live(at=now).with_openings().filter(giver=reader))
    addresses = _addresses(gift.article for gift in gifts)
    return tuple(_given(gift, url=addresses.get(gift.article)) for gift in gifts)


def left(reader: User, *, terms: GiftTerms, now: datetime) -> int:
    """Return how many gifts the reader may still make this month."""
    made = Gift.objects.filter(giver=reader, made_at__gte=_MONTH.counts_since(at=now)).count()
    return max(0, terms.per_month - made)


def returns_at(*, now: datetime) -> datetime:
    """Return when the gifts of a month can be made anew."""
    return _MONTH.counts_until(now)


def take_back(reader: User, key: str, *, now: datetime) -> None:
    """Let a gift open nothing any more, also to those who had accepted it. Its place in the quota stays used.

    :raises GiftUnknown: the reader made no such gift, or it opens nothing any more already.
    """
    if not Gift.objects.live(at=now).filter(giver=reader, key=key).update(revoked_at=now):
        raise GiftUnknown(_("There is no such gift."))


def end(gifts: Iterable[int], *, now: datetime) -> int:
    """Take back these gifts, named by their rows; return how many had not been taken back before."""
    return Gift.objects.filter(pk__in=gifts, revoked_at=None).update(revoked_at=now)


def _still_to_accept(reader: User, article: Article, *, now: datetime) -> Gift | None:
    mine = Gift.objects.live(at=now).with_openings().filter(giver=reader, article=article.id)
    return next((gift for gift in mine if gift.openings_left), None)


def _given(gift: Gift, *, url: str | None) -> Given:
    return Given(gift, url=_link(gift, url) if url else None, openings_left=gift.openings_left)


def _link(gift: Gift, url: str) -> str:
    """Return the article's address with the code; nothing in it tells whose gift it is."""
    parts = urlsplit(url)
    query = "&".join(filter(None, (parts.query, urlencode({"gift": gift.code}))))
    return parts._replace(query=query).geturl()


def _addresses(articles: Iterable[str]) -> dict[str, str]:
    return dict(Article.objects.filter(pk__in=set(articles)).values_list("pk", "url"))
