"""May this reader see this article? Gathers the facts, lets the policy decide, and hands out what it allows.

`peek`, `read`, `check_many` and `explain` are one decision asked in four ways. Nothing else in the project hands
out a body.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from accounts.identity import Identity
from accounts.models import User
from paywall import articles, entitlements, explanation, gifts, metering, places, rules, signals, usage
from paywall.crawlers import claims
from paywall.crawlers.claims import Claim
from paywall.decision.article import Demand
from paywall.decision.facts import Facts, GiftPass, InstitutionPass, ReaderFacts
from paywall.decision.policy import Decision, decide, reason
from paywall.decision.reasons import Access, Reason
from paywall.decision.rules import RuleBook
from paywall.explanation import Explanation
from paywall.models import Article, Entitlement, GiftOpening
from paywall.places import Directory

# The refusals that a payment ends.
_CURABLE = frozenset(
    {
        Reason.SUBSCRIPTION_REQUIRED,
        Reason.UPGRADE_REQUIRED,
        Reason.METER_EXHAUSTED,
        Reason.SUBSCRIPTION_ENDED,
        Reason.PAYMENT_FAILED,
        Reason.PAYMENT_ACTION_REQUIRED,
        Reason.SUBSCRIPTION_PAUSED,
    }
)


@dataclass(frozen=True, slots=True)
class Reading:
    """An article as opened: the decision, and of the text what the decision allows.

    The body is in no `repr`, since a trace, an error page or a collector of errors shows the local values.
    """

    decision: Decision
    body: str | None = field(repr=False)
    teaser: str | None


def peek(identity: Identity, article: Article, *, now: datetime, gift: str = "") -> Decision:
    """Decide what whoever asks may read of an article, with the code of a `gift` or without; spends nothing."""
    return _doubted(decide(_gathered(identity, article, now=now, gift=gift)), identity, now=now)


def spend(identity: Identity, article: Article, *, now: datetime, gift: str = "") -> Decision:
    """Decide, and use what opens the article: the gift whose code was given, or else a free read.

    What an institution opens is counted.
    """
    facts = _gathered(identity, article, now=now, gift=gift)
    decision = decide(facts)
    if gift and decision.reason is Reason.GIFT_LINK:
        accepted = gifts.accept(gift, identity, article.id, now=now)
        # Another device may have been faster: then it is as if no code had been given.
        return decide(replace(facts, gift=accepted)) if accepted else spend(identity, article, now=now)
    if decision.reason is Reason.INSTITUTION and facts.institution is not None:
        usage.count(facts.institution.key, article.id, now=now)
    terms = facts.rules.meter
    if decision.reason is not Reason.METERED or terms is None or _is_paid_for(decision, now=now):
        return _doubted(decision, identity, now=now)
    # Another request may have been faster: the decision is made again from what is true then.
    spent = decide(replace(facts, meter=metering.spend(identity, article.id, terms=terms, now=now)))
    return _doubted(spent, identity, now=now)


def read(identity: Identity, article: Article, *, now: datetime, gift: str = "") -> Reading:
    """Open an article for whoever asks: the body if and only if access is full, the teaser where it is teaser."""
    decision = spend(identity, article, now=now, gift=gift)
    return Reading(
        decision,
        body=article.body if decision.access is Access.FULL else None,
        teaser=article.shown_teaser if decision.access is not Access.NONE else None,
    )


def check_many(
    identity: Identity, wanted: Iterable[Article], *, now: datetime
) -> tuple[tuple[Article, Decision], ...]:
    """Decide about many articles at the price of one; spends nothing."""
    asked = tuple(wanted)
    facts = [_facts(article, identity.reader, book=rules.of(article), now=now) for article in asked]
    facts = _with_grants(identity.reader, facts, now=now)
    if asked:
        facts = _with_places(identity, facts, directory=places.of(asked[0]))
        facts = _with_crawler(facts, claims.of(identity, asked[0]), now=now)
    facts = _with_gifts(identity, asked, facts, now=now)
    decisions = [decide(each) for each in _with_meter(identity, facts, now=now)]
    curable = next((decision for decision in decisions if decision.reason in _CURABLE), None)
    if curable is not None and _doubted(curable, identity, now=now).is_in_doubt:
        decisions = [replace(each, is_in_doubt=each.reason in _CURABLE) for each in decisions]
    return tuple(zip(asked, decisions, strict=True))


def explain(
    reader: User | None,
    article: Article,
    *,
    at: datetime,
    known_at: datetime,
    network: str | None = None,
    agent: str = "",
) -> Explanation:
    """Tell what was or will be decided at `at` by what we knew at `known_at`, step by step and fact by fact.

    Rights, rules and free reads are told with their full history. The article, the account, institutions and crawlers
    are told as they are now, as the origin of such a fact says; `caveats` tell where the article was stated again since
    or there was no account yet. Whoever is no reader is told as on a device that has read nothing. `network` is the
    address from which somebody comes, `agent` what the client calls itself.
    """
    rows = entitlements.known(reader, at=known_at) if reader is not None else ()
    opening = _opening_as_of(reader, article, at=at, known_at=known_at)
    who = Identity(reader, network=network, agent=agent)
    facts = _facts_as_of(who, article, rows, opening, at=at, known_at=known_at)
    return explanation.of(
        decide(facts),
        facts=facts,
        article=article,
        reader=reader,
        rows=rows,
        opening=opening,
        known_at=known_at,
        network=network,
    )


def as_of(reader: User | None, article: Article, *, at: datetime) -> Decision:
    """Return what was decided at `at`, by what we knew then, for somebody who came from nowhere in particular."""
    rows = entitlements.known(reader, at=at) if reader is not None else ()
    opening = _opening_as_of(reader, article, at=at, known_at=at)
    return decide(_facts_as_of(Identity(reader), article, rows, opening, at=at, known_at=at))


def _opening_as_of(
    reader: User | None, article: Article, *, at: datetime, known_at: datetime
) -> GiftOpening | None:
    return gifts.as_of(reader, article.id, at=at, known_at=known_at) if reader is not None else None


def _facts_as_of(
    who: Identity,
    article: Article,
    rows: Iterable[Entitlement],
    opening: GiftOpening | None,
    *,
    at: datetime,
    known_at: datetime,
) -> Facts:
    grants = tuple(map(entitlements.grant_of, rows))
    # What nobody has published yet decides nothing, also where a later moment is asked about.
    facts = _facts(article, who.reader, book=rules.as_of(min(at, known_at)), now=at)
    facts = replace(facts, grants=grants)
    facts = _with_places(who, [facts], directory=places.of(article))[0]
    if (claim := claims.of(who, article)) is not None and _is_refused(facts):
        facts = replace(facts, crawler=claims.find(claim, now=at).right)
    if opening is not None:
        facts = replace(facts, gift=GiftPass(opening.gift.expires_at))
    terms = facts.rules.meter
    if terms is None or not _asks_meter(facts):
        return facts
    meter = metering.as_of(who.reader, article.id, terms=terms, at=at, known_at=known_at)
    return replace(facts, meter=meter)


def _gathered(identity: Identity, article: Article, *, now: datetime, gift: str = "") -> Facts:
    facts = [_facts(article, identity.reader, book=rules.of(article), now=now)]
    facts = _with_grants(identity.reader, facts, now=now)
    facts = _with_places(identity, facts, directory=places.of(article))
    facts = _with_crawler(facts, claims.of(identity, article), now=now)
    facts = _with_gifts(identity, [article], facts, now=now)
    if gift and _is_refused(facts[0]):
        facts = [replace(facts[0], gift=gifts.offered(gift, identity, article.id, now=now))]
    return _with_meter(identity, facts, now=now)[0]


def _facts(article: Article, reader: User | None, *, book: RuleBook, now: datetime) -> Facts:
    known = (
        ReaderFacts(is_staff=reader.is_staff, is_blocked=not reader.is_active) if reader is not None else None
    )
    return Facts(now=now, article=articles.facts_of(article), rules=book, reader=known)


def _with_grants(reader: User | None, gathered: list[Facts], *, now: datetime) -> list[Facts]:
    """Add the reader's rights where any of the articles may ask for one, now or later: no step looks otherwise."""
    if reader is None or not any(_may_ask_for_products(facts) for facts in gathered):
        return gathered
    grants = entitlements.snapshot(reader, now=now)
    return [replace(facts, grants=grants) for facts in gathered]


def _may_ask_for_products(facts: Facts) -> bool:
    # By its age an article may ask for more later, and `until` has to say when.
    return facts.ask.demand.is_for_products or bool(facts.rules.boundaries(facts.article))


def _with_places(identity: Identity, gathered: list[Facts], *, directory: Directory) -> list[Facts]:
    """Add the right of the institution that whoever asks is of: by network, else by a proven address.

    Whether an address is proven costs a statement, so it is asked where the answer opens something.
    """
    here, reader = directory.by_network(identity.network), identity.reader
    if here is not None and here.is_active:
        gathered = [replace(facts, institution=here.right) for facts in gathered]
    home = directory.by_email(reader.email) if reader is not None else None
    if reader is None or home is None or not home.is_active:
        return gathered
    if not any(_lets_in(home.right, facts) for facts in gathered) or not reader.email_is_proven:
        return gathered
    return [
        replace(facts, institution=home.right) if _lets_in(home.right, facts) else facts for facts in gathered
    ]


def _lets_in(right: InstitutionPass, facts: Facts) -> bool:
    return right.opens(facts.ask, at=facts.now) and _is_refused(facts)


def _with_crawler(gathered: list[Facts], claim: Claim | None, *, now: datetime) -> list[Facts]:
    """Add what a proven crawler is shown, where not everybody is shown all; what is unknown is found out later."""
    if claim is None or not any(map(_is_refused, gathered)):
        return gathered
    finding = claims.find(claim, now=now)
    if finding.asks_dns:
        claims.ask_dns(claim, now=now)
    return [replace(facts, crawler=finding.right) for facts in gathered]


def _with_gifts(
    identity: Identity, wanted: Iterable[Article], gathered: list[Facts], *, now: datetime
) -> list[Facts]:
    """Add gifts accepted before, where an article was given to somebody and nothing of the reader's own opens it."""
    asking = [
        facts.article.id
        for article, facts in zip(wanted, gathered, strict=True)
        if gifts.may_open(article, at=now) and _is_refused(facts)
    ]
    if not asking:
        return gathered
    passes = gifts.accepted(identity, asking, now=now)
    return [replace(facts, gift=passes.get(facts.article.id)) for facts in gathered]


def _with_meter(identity: Identity, gathered: list[Facts], *, now: datetime) -> list[Facts]:
    """Add readings of the meter where nothing that costs the reader nothing opens a metered article."""
    terms = next((facts.rules.meter for facts in gathered if facts.rules.meter is not None), None)
    asking = [facts.article.id for facts in gathered if _asks_meter(facts)] if terms is not None else []
    if terms is None or not asking:
        return gathered
    readings = metering.read_many(identity, asking, terms=terms, now=now)
    return [replace(facts, meter=readings.get(facts.article.id)) for facts in gathered]


def _asks_meter(facts: Facts) -> bool:
    return facts.ask.demand is Demand.METERED and _is_refused(facts)


def _is_refused(facts: Facts) -> bool:
    return reason(facts).access is Access.TEASER


def _doubted(decision: Decision, identity: Identity, *, now: datetime) -> Decision:
    """Give billing word before a known reader is refused: news of a payment may be lost or on its way."""
    if identity.reader is None or decision.reason not in _CURABLE:
        return decision
    told = signals.refusing.send_robust(sender=None, reader=identity.reader, now=now)
    return replace(decision, is_in_doubt=any(answer is True for _receiver, answer in told))


def _is_paid_for(decision: Decision, *, now: datetime) -> bool:
    return decision.meter is not None and decision.meter.has_counted(at=now)
