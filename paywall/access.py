"""May this reader see this article? Gathers the facts, lets the policy decide, and hands out what it allows.

`peek`, `read`, `check_many` and `explain` are one decision asked in four ways. Nothing else in the project hands
out a body.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from accounts.identity import Identity
from accounts.models import User
from paywall import articles, entitlements, explanation
from paywall.decision.facts import Demand, Facts, Grant, ReaderFacts
from paywall.decision.policy import Decision, decide
from paywall.decision.reasons import Access
from paywall.explanation import Explanation
from paywall.models import Article


@dataclass(frozen=True, slots=True)
class Reading:
    """An article as opened: the decision, and of the text what the decision allows.

    The body is in no `repr`, since a trace, an error page or a collector of errors shows the local values.
    """

    decision: Decision
    body: str | None = field(repr=False)
    teaser: str | None


def peek(identity: Identity, article: Article, *, now: datetime) -> Decision:
    """Decide what whoever asks may read of an article; spends nothing."""
    return decide(_facts(article, identity.reader, _grants(identity.reader, [article], now=now), now=now))


def read(identity: Identity, article: Article, *, now: datetime) -> Reading:
    """Open an article for whoever asks: the body if and only if access is full, the teaser where it is teaser."""
    decision = peek(identity, article, now=now)
    return Reading(
        decision,
        body=article.body if decision.access is Access.FULL else None,
        teaser=article.teaser if decision.access is not Access.NONE else None,
    )


def check_many(
    identity: Identity, wanted: Iterable[Article], *, now: datetime
) -> tuple[tuple[Article, Decision], ...]:
    """Decide about many articles at the price of one; spends nothing."""
    asked = tuple(wanted)
    grants = _grants(identity.reader, asked, now=now)
    return tuple((article, decide(_facts(article, identity.reader, grants, now=now))) for article in asked)


def explain(reader: User | None, article: Article, *, at: datetime, known_at: datetime) -> Explanation:
    """Tell what was or will be decided at `at` by what we knew at `known_at`, step by step and fact by fact.

    Rights are told with their full history. The article and the account are told as they are now, and `caveats`
    say so where that may differ.
    """
    rows = entitlements.known(reader, at=known_at) if reader is not None else ()
    facts = _facts(article, reader, tuple(map(entitlements.grant_of, rows)), now=at)
    return explanation.of(decide(facts), article=article, reader=reader, rows=rows, at=at, known_at=known_at)


def _facts(article: Article, reader: User | None, grants: tuple[Grant, ...], *, now: datetime) -> Facts:
    known = (
        ReaderFacts(is_staff=reader.is_staff, is_blocked=not reader.is_active) if reader is not None else None
    )
    return Facts(now=now, article=articles.facts_of(article), reader=known, grants=grants)


def _grants(reader: User | None, wanted: Iterable[Article], *, now: datetime) -> tuple[Grant, ...]:
    """Return the reader's rights where any of the articles asks for one: no step looks at them otherwise."""
    if reader is None or all(article.demand != Demand.SUBSCRIBER for article in wanted):
        return ()
    return entitlements.snapshot(reader, now=now)
