"""Gifts as those who receive them meet them: which open an article to whoever asks, and accepting one.

A gift is accepted once per reader, or per device while nobody is signed in, up to its limit. Looking costs it nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from accounts.identity import Identity
from accounts.models import User
from paywall.decision.facts import GiftPass
from paywall.models import Article, Gift, GiftOpening


def may_open(article: Article, *, at: datetime) -> bool:
    """Tell from what was fetched with the article whether anybody's gift may open it; asks the database nothing."""
    until: datetime | None = getattr(article, "given_until", None)  # of `ArticleQuerySet.with_gifts`
    return until is not None and at < until


def accepted(identity: Identity, wanted: Iterable[str], *, now: datetime) -> dict[str, GiftPass]:
    """Return, of these articles, those that a gift accepted before opens to whoever asks."""
    if identity.has_no_past:
        return {}
    whose = _belongs_to(identity)
    if whose is None:
        return {}
    live = Gift.objects.live(at=now).filter(whose, article__in=set(wanted)).order_by("expires_at")
    # Of several gifts of one article the last to run out counts.
    return {article: GiftPass(until) for article, until in live.values_list("article", "expires_at")}


def offered(code: str, identity: Identity, article: str, *, now: datetime) -> GiftPass | None:
    """Return what accepting this code would open, None where it would open nothing."""
    if _belongs_to(identity) is None:
        return None
    gift = Gift.objects.live(at=now).with_openings().filter(code=code, article=article).first()
    return GiftPass(gift.expires_at) if gift is not None and gift.openings_left else None


def accept(code: str, identity: Identity, article: str, *, now: datetime) -> GiftPass | None:
    """Accept a gift for whoever asks; return what opens the article to them from now on, None where nothing does.

    Whoever has accepted a gift of this article already spends no opening. Parallel calls follow one another: the last
    opening is given once. A site that names neither reader nor device accepts nothing.
    """
    if _belongs_to(identity) is None:
        return None
    with transaction.atomic():
        gift = _lock(code, article, now=now)
        before = accepted(identity, (article,), now=now).get(article)
        if before is not None or gift is None or not gift.openings_left:
            return before
        device = "" if identity.reader is not None else identity.device or ""
        gift.openings.create(reader=identity.reader, device=device, accepted_at=now)
    return GiftPass(gift.expires_at)


def as_of(reader: User, article: str, *, at: datetime, known_at: datetime) -> GiftOpening | None:
    """Return the acceptance by which a gift opened the article to a reader at `at`, by what was known at `known_at`."""
    moment = min(at, known_at)
    openings = GiftOpening.objects.filter(
        Q(gift__revoked_at=None) | Q(gift__revoked_at__gt=moment),
        reader=reader,
        accepted_at__lte=moment,
        gift__article=article,
        gift__expires_at__gt=at,
        gift__giver__is_active=True,
    )
    return openings.select_related("gift").order_by("-gift__expires_at").first()


def _lock(code: str, article: str, *, now: datetime) -> Gift | None:
    live = Gift.objects.live(at=now).filter(code=code, article=article)
    return live.select_for_update(of=("self",)).first()


def _belongs_to(identity: Identity) -> Q | None:
    """Return what marks the gifts that whoever asks has accepted; None for a site that names nobody."""
    marks = [
        *([Q(openings__reader=identity.reader)] if identity.reader is not None else []),
        *([Q(openings__device=identity.device)] if identity.device else []),
    ]
    return marks[0] if len(marks) == 1 else marks[0] | marks[1] if marks else None
