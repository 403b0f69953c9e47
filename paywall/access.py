"""May this reader see this article? Has the facts gathered, lets the policy decide, and hands out what it allows.

All its questions are one decision. Nothing else in the project hands out a body.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from accounts.identity import Identity
from accounts.models import User
from paywall import entitlements, explanation, gathering, gifts, metering, signals, usage
from paywall.decision.policy import Decision, decide
from paywall.decision.reasons import Access, Reason
from paywall.explanation import Explanation
from paywall.gathering import DATABASE, Source
from paywall.models import Article, GiftOpening

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
    facts = gathering.facts_of(identity, article, source=DATABASE, now=now, gift=gift)
    return _doubted(decide(facts), identity, now=now)


def glance(identity: Identity, article: Article, *, source: Source, now: datetime) -> Decision:
    """Decide by what another source than the database knows; nothing follows from it.

    A reader's refusal must not rest on it: what is kept may be behind what they have just paid.
    """
    return decide(gathering.facts_of(identity, article, source=source, now=now))


def spend(identity: Identity, article: Article, *, now: datetime, gift: str = "") -> Decision:
    """Decide, and use what opens the article: the gift whose code was given, or else a free read.

    What an institution opens is counted.
    """
    facts = gathering.facts_of(identity, article, source=DATABASE, now=now, gift=gift)
    decision = decide(facts)
    if gift and decision.reason is Reason.GIFT_LINK:
        accepted = gifts.accept(gift, identity, article.id, now=now)
        # Another device may have been faster: then it is as if no code had been given.
        return decide(replace(facts, gift=accepted)) if accepted else spend(identity, article, now=now)
    if decision.reason is Reason.INSTITUTION and facts.institution is not None:
        usage.count(facts.institution.key, article.id, now=now)
    terms = facts.rules.meter
    if decision.reason is not Reason.METERED or terms is None or decision.is_paid_for(at=now):
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
    facts = gathering.facts_of_many(identity, asked, source=DATABASE, now=now)
    decisions = [decide(each) for each in facts]
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
    facts = gathering.facts_as_of(who, article, rows, opening, at=at, known_at=known_at)
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
    who = Identity(reader)
    return decide(gathering.facts_as_of(who, article, rows, opening, at=at, known_at=at))


def _opening_as_of(
    reader: User | None, article: Article, *, at: datetime, known_at: datetime
) -> GiftOpening | None:
    return gifts.as_of(reader, article.id, at=at, known_at=known_at) if reader is not None else None


def _doubted(decision: Decision, identity: Identity, *, now: datetime) -> Decision:
    """Give billing word before a known reader is refused: news of a payment may be lost or on its way."""
    if identity.reader is None or decision.reason not in _CURABLE:
        return decision
    told = signals.refusing.send_robust(sender=None, reader=identity.reader, now=now)
    return replace(decision, is_in_doubt=any(answer is True for _receiver, answer in told))
