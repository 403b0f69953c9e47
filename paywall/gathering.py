"""The facts of a decision, gathered: of the article, of whoever asks, and each only where the answer turns on it.

Facts come from a `Source`: the database, or what is kept of it. The decision is the same whichever it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from accounts.identity import Identity
from accounts.models import User
from paywall import articles, entitlements, gifts, metering, places, rules
from paywall.crawlers import claims
from paywall.crawlers.claims import Claim
from paywall.decision.article import Demand
from paywall.decision.facts import CrawlerPass, Facts, GiftPass, Grant, InstitutionPass, ReaderFacts
from paywall.decision.meter import MeterReading, MeterTerms
from paywall.decision.policy import reason
from paywall.decision.reasons import Access
from paywall.decision.rules import RuleBook
from paywall.models import Article, Entitlement, GiftOpening
from paywall.places import Directory


class Source(Protocol):
    """What is known of whoever asks."""

    def grants(self, reader: User, *, now: datetime) -> tuple[Grant, ...]:
        """Return every grant of the reader, strongest first."""
        ...

    def proves(self, reader: User) -> bool:
        """Whether the reader's address is proven."""
        ...

    def crawler(self, claim: Claim, *, now: datetime) -> CrawlerPass | None:
        """Return what a client is shown that says it is a crawler; None where that is not known to be true."""
        ...

    def gifts(self, who: Identity, wanted: Iterable[str], *, now: datetime) -> dict[str, GiftPass]:
        """Return, of these articles, those that a gift accepted before opens."""
        ...

    def offered(self, code: str, who: Identity, article: str, *, now: datetime) -> GiftPass | None:
        """Return what accepting this code would open."""
        ...

    def meter(
        self, who: Identity, wanted: Iterable[str], *, terms: MeterTerms, now: datetime
    ) -> dict[str, MeterReading]:
        """Return how the meter stands for each of these articles."""
        ...


class Database:
    """What the database says, which is always right."""

    def grants(self, reader: User, *, now: datetime) -> tuple[Grant, ...]:
        """Read them. One statement."""
        return entitlements.snapshot(reader, now=now)

    def proves(self, reader: User) -> bool:
        """Read whether it is. One statement."""
        return reader.email_is_proven

    def crawler(self, claim: Claim, *, now: datetime) -> CrawlerPass | None:
        """Read what was found out; what is unknown is found out later."""
        finding = claims.find(claim, now=now)
        if finding.asks_dns:
            claims.ask_dns(claim, now=now)
        return finding.right

    def gifts(self, who: Identity, wanted: Iterable[str], *, now: datetime) -> dict[str, GiftPass]:
        """Read them. One statement."""
        return gifts.accepted(who, wanted, now=now)

    def offered(self, code: str, who: Identity, article: str, *, now: datetime) -> GiftPass | None:
        """Read it. One statement."""
        return gifts.offered(code, who, article, now=now)

    def meter(
        self, who: Identity, wanted: Iterable[str], *, terms: MeterTerms, now: datetime
    ) -> dict[str, MeterReading]:
        """Read the receipts. One statement."""
        return metering.read_many(who, wanted, terms=terms, now=now)


DATABASE = Database()


def facts_of(who: Identity, article: Article, *, source: Source, now: datetime, gift: str = "") -> Facts:
    """Return all that the decision about one article rests on, with the code of a `gift` or without."""
    return _gathered(who, (article,), source=source, now=now, gift=gift)[0]


def facts_of_many(who: Identity, wanted: Iterable[Article], *, source: Source, now: datetime) -> list[Facts]:
    """Return what decisions about many articles rest on, in their order, at the price of one."""
    return _gathered(who, tuple(wanted), source=source, now=now)


def facts_as_of(
    who: Identity,
    article: Article,
    rows: Iterable[Entitlement],
    opening: GiftOpening | None,
    *,
    at: datetime,
    known_at: datetime,
) -> Facts:
    """Return what a decision at `at` rested on by the rights (`rows`), the gift and the rules of `known_at`."""
    # What nobody has published yet decides nothing, also where a later moment is asked about.
    facts = bare(article, who.reader, book=rules.as_of(min(at, known_at)), now=at)
    facts = replace(facts, grants=tuple(map(entitlements.grant_of, rows)))
    facts = _with_places(who, [facts], directory=places.of(article), source=DATABASE)[0]
    if (claim := claims.of(who, article)) is not None and _is_refused(facts):
        facts = replace(facts, crawler=claims.find(claim, now=at).right)
    if opening is not None:
        facts = replace(facts, gift=GiftPass(opening.gift.expires_at))
    terms = facts.rules.meter
    if terms is None or not _asks_meter(facts):
        return facts
    meter = metering.as_of(who.reader, article.id, terms=terms, at=at, known_at=known_at)
    return replace(facts, meter=meter)


def bare(article: Article, reader: User | None, *, book: RuleBook, now: datetime) -> Facts:
    """Return what is known without asking anybody."""
    known = (
        ReaderFacts(is_staff=reader.is_staff, is_blocked=not reader.is_active) if reader is not None else None
    )
    return Facts(now=now, article=articles.facts_of(article), rules=book, reader=known)


def _gathered(
    who: Identity, wanted: tuple[Article, ...], *, source: Source, now: datetime, gift: str = ""
) -> list[Facts]:
    facts = [bare(article, who.reader, book=rules.of(article), now=now) for article in wanted]
    facts = _with_grants(who.reader, facts, source=source, now=now)
    if wanted:
        facts = _with_places(who, facts, directory=places.of(wanted[0]), source=source)
        facts = _with_crawler(facts, claims.of(who, wanted[0]), source=source, now=now)
    facts = _with_gifts(who, wanted, facts, source=source, now=now)
    if gift and _is_refused(facts[0]):
        facts[0] = replace(facts[0], gift=source.offered(gift, who, wanted[0].id, now=now))
    return _with_meter(who, facts, source=source, now=now)


def _with_grants(reader: User | None, gathered: list[Facts], *, source: Source, now: datetime) -> list[Facts]:
    """Add the reader's rights where any of the articles may ask for one, now or later: no step looks otherwise."""
    if reader is None or not any(_may_ask_for_products(facts) for facts in gathered):
        return gathered
    grants = source.grants(reader, now=now)
    return [replace(facts, grants=grants) for facts in gathered]


def _may_ask_for_products(facts: Facts) -> bool:
    # By its age an article may ask for more later, and `until` has to say when.
    return facts.ask.demand.is_for_products or bool(facts.rules.boundaries(facts.article))


def _with_places(
    who: Identity, gathered: list[Facts], *, directory: Directory, source: Source
) -> list[Facts]:
    """Add the right of the institution that whoever asks is of: by network, else by a proven address.

    Whether an address is proven is asked where the answer opens something.
    """
    here, reader = directory.by_network(who.network), who.reader
    if here is not None and here.is_active:
        gathered = [replace(facts, institution=here.right) for facts in gathered]
    home = directory.by_email(reader.email) if reader is not None else None
    if reader is None or home is None or not home.is_active:
        return gathered
    if not any(_lets_in(home.right, facts) for facts in gathered) or not source.proves(reader):
        return gathered
    return [
        replace(facts, institution=home.right) if _lets_in(home.right, facts) else facts for facts in gathered
    ]


def _lets_in(right: InstitutionPass, facts: Facts) -> bool:
    return right.opens(facts.ask, at=facts.now) and _is_refused(facts)


def _with_crawler(
    gathered: list[Facts], claim: Claim | None, *, source: Source, now: datetime
) -> list[Facts]:
    """Add what a proven crawler is shown, where not everybody is shown all."""
    if claim is None or not any(map(_is_refused, gathered)):
        return gathered
    crawler = source.crawler(claim, now=now)
    return [replace(facts, crawler=crawler) for facts in gathered]


def _with_gifts(
    who: Identity, wanted: Iterable[Article], gathered: list[Facts], *, source: Source, now: datetime
) -> list[Facts]:
    """Add gifts accepted before, where an article was given to somebody and nothing of the reader's own opens it."""
    asking = [
        facts.article.id
        for article, facts in zip(wanted, gathered, strict=True)
        if gifts.may_open(article, at=now) and _is_refused(facts)
    ]
    if not asking:
        return gathered
    passes = source.gifts(who, asking, now=now)
    return [replace(facts, gift=passes.get(facts.article.id)) for facts in gathered]


def _with_meter(who: Identity, gathered: list[Facts], *, source: Source, now: datetime) -> list[Facts]:
    """Add readings of the meter where nothing that costs the reader nothing opens a metered article."""
    terms = next((facts.rules.meter for facts in gathered if facts.rules.meter is not None), None)
    asking = [facts.article.id for facts in gathered if _asks_meter(facts)] if terms is not None else []
    if terms is None or not asking:
        return gathered
    readings = source.meter(who, asking, terms=terms, now=now)
    return [replace(facts, meter=readings.get(facts.article.id)) for facts in gathered]


def _asks_meter(facts: Facts) -> bool:
    """Whether a free read may open what nothing else does."""
    return facts.ask.demand is Demand.METERED and _is_refused(facts)


def _is_refused(facts: Facts) -> bool:
    """Whether what is known so far shows no more than the teaser."""
    return reason(facts).access is Access.TEASER
