"""One reader's access to one article over time: what was decided in each span, by what we knew then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from accounts.models import User
from paywall import access, articles, entitlements, places, rules
from paywall.decision.policy import Decision
from paywall.decision.reasons import Reason
from paywall.models import Article, Entitlement, FreeRead, GiftOpening, RuleSet

# More turns than this in one span of time are a machine's; the page that shows them is for people.
_MOST_TURNS = 300


@dataclass(frozen=True, slots=True)
class Span:
    """A time in which the decision was the same; `ends_at` None where it still is at the end of what was asked."""

    starts_at: datetime
    ends_at: datetime | None
    reason: Reason
    source: str  # of the right behind it, empty where there is none


def of(reader: User, article: Article, *, since: datetime, until: datetime) -> tuple[Span, ...]:
    """Return the spans from `since` to `until`, oldest first, without a gap between them.

    The first begins later where there are more than anybody reads. The reader is taken to come from nowhere special.
    """
    spans: list[Span] = []
    for moment in _turns(reader, article, since=since, until=until):
        decision = access.as_of(reader, article, at=moment)
        source = _source(decision)
        if spans and (spans[-1].reason, spans[-1].source) == (decision.reason, source):
            continue
        if spans:
            last = spans.pop()
            spans.append(Span(last.starts_at, moment, last.reason, last.source))
        spans.append(Span(moment, None, decision.reason, source))
    return tuple(spans)


def _source(decision: Decision) -> str:
    return decision.grant.source if decision.grant is not None else ""


def _turns(reader: User, article: Article, *, since: datetime, until: datetime) -> list[datetime]:
    """Return the moments at which something may have changed: in the facts, or in what we knew of them."""
    within = sorted({moment for moment in _moments(reader, article, until=until) if since < moment <= until})
    # Of too many the latest are told; what was before them is left out, not guessed at.
    return [since, *within] if len(within) <= _MOST_TURNS else within[-_MOST_TURNS:]


def _moments(reader: User, article: Article, *, until: datetime) -> Iterator[datetime]:
    facts = articles.facts_of(article)
    yield from facts.boundaries
    for row in Entitlement.objects.filter(reader=reader, recorded_at__lte=until):
        yield row.recorded_at
        yield from entitlements.grant_of(row).boundaries
        if row.superseded_at is not None:
            yield row.superseded_at
    for opening in GiftOpening.objects.filter(reader=reader, gift__article=article.pk).select_related("gift"):
        yield from filter(None, (opening.accepted_at, opening.gift.expires_at, opening.gift.revoked_at))
    if (home := places.of(article).by_email(reader.email)) is not None:
        yield from filter(None, (home.right.since, home.right.until))
    spent = FreeRead.objects.filter(wallet__reader=reader, spent_at__lte=until)
    reads = tuple(spent.values_list("spent_at", "recorded_at"))
    for version in RuleSet.objects.filter(published_at__lte=until):
        book = rules.published(version.key)
        yield from book.boundaries(facts)
        if version.published_at is not None:
            yield version.published_at
        if book.meter is not None:
            for spent_at, recorded_at in reads:
                yield from (spent_at, recorded_at, book.meter.window.counts_until(spent_at))
