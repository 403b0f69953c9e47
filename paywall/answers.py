"""A decision made ready for its reader: with an id, links, and a notice in their language."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime

from django.conf import settings
from django.utils import translation

from accounts.models import User
from paywall import notices, remedies
from paywall.decision.meter import MeterReading
from paywall.decision.policy import Decision
from paywall.decision.reasons import Access, Reason, Remedy
from paywall.models import Article, Product
from paywall.notices import Notice
from paywall.remedies import Link

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True, slots=True)
class Meter:
    """Free reads as they stand after this answer."""

    limit: int
    used: int
    remaining: int
    resets_at: datetime | None


@dataclass(frozen=True, slots=True)
class Answer:
    """A decision as the public contract words it (the serializer's source)."""

    id: str
    article: str
    access: Access
    reason: Reason
    products: tuple[str, ...]
    remedies: tuple[Link, ...]
    notice: Notice | None
    meter: Meter | None
    until: datetime | None
    checking: bool


def to(reader: User | None, article: Article, decision: Decision, *, now: datetime, gift: str = "") -> Answer:
    """Return one decision for `reader`, in their language (else the language of the request).

    Whoever asked with the code of a `gift` and is refused is told that it opens nothing, and never why.
    """
    answer = to_many(reader, ((article, decision),), now=now)[0]
    if not gift or answer.notice is None or decision.access is not Access.TEASER:
        return answer
    with _language_of(reader):
        return replace(answer, notice=notices.after_a_spent_gift(answer.notice))


def to_many(
    reader: User | None, decided: Iterable[tuple[Article, Decision]], *, now: datetime
) -> tuple[Answer, ...]:
    """Return many decisions at the price of one."""
    pairs = tuple(decided)
    names = _names_where_needed(decision for _, decision in pairs)
    with _language_of(reader):
        return tuple(_answer(article, decision, names=names, now=now) for article, decision in pairs)


def _answer(article: Article, decision: Decision, *, names: Mapping[str, str], now: datetime) -> Answer:
    return Answer(
        id=_new_id(now),
        article=article.id,
        access=decision.access,
        reason=decision.reason,
        products=decision.products,
        remedies=tuple(
            remedies.link(remedy, products=decision.products, article_url=article.url)
            for remedy in decision.remedies
        ),
        notice=notices.write(decision, names=names, now=now),
        meter=_meter(decision.meter, now=now),
        until=decision.until,
        checking=decision.is_in_doubt,
    )


def _meter(reading: MeterReading | None, *, now: datetime) -> Meter | None:
    if reading is None:
        return None
    return Meter(
        limit=reading.limit,
        used=reading.used(at=now),
        remaining=reading.remaining(at=now),
        resets_at=reading.resets_at(at=now),
    )


def _names_where_needed(decisions: Iterable[Decision]) -> Mapping[str, str]:
    # A stranger is not told names (most requests are theirs), so that their answer costs one query.
    needed = any(
        decision.reason in notices.NAMING_PRODUCTS and Remedy.LOG_IN not in decision.remedies
        for decision in decisions
    )
    return dict(Product.objects.values_list("slug", "name")) if needed else {}


def _language_of(reader: User | None) -> AbstractContextManager[object]:
    known = {code for code, _ in settings.LANGUAGES}
    if reader is not None and reader.language in known:
        return translation.override(reader.language)
    return nullcontext()


def _new_id(now: datetime) -> str:
    """Return an id that sorts by time (a ULID), to quote to support."""
    number = int(now.timestamp() * 1000) << 80 | secrets.randbits(80)
    return "dec_" + "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))
