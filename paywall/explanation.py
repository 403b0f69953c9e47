"""A decision told to staff: every step of the policy, and every fact with where we have it from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from accounts.models import User
from paywall import entitlements
from paywall.decision import policy
from paywall.decision.facts import Facts, Grant
from paywall.decision.policy import Decision
from paywall.decision.reasons import Reason
from paywall.models import Article, Entitlement, GiftOpening

# What can be asked about: nothing was before, and a month can be counted from any moment of it in any zone.
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ExplainedStep:
    """One step of the policy: what it is for, whether its turn came, and what it said."""

    step: str
    purpose: str
    was_asked: bool
    reason: Reason | None


@dataclass(frozen=True, slots=True)
class ExplainedFact:
    """Something the decision rests on, and where we have it from."""

    name: str
    value: str
    origin: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision with every step and fact behind it; `caveats` say what is no longer known."""

    article: Article
    reader: User | None
    at: datetime
    known_at: datetime
    decision: Decision
    steps: tuple[ExplainedStep, ...]
    facts: tuple[ExplainedFact, ...]
    caveats: tuple[str, ...]


def of(
    decision: Decision,
    *,
    facts: Facts,
    article: Article,
    reader: User | None,
    rows: Iterable[Entitlement],
    opening: GiftOpening | None,
    known_at: datetime,
    network: str | None,
) -> Explanation:
    """Return the decision with its steps and facts; `rows` and `opening` are what rights and gift were made from."""
    at = facts.now
    return Explanation(
        article=article,
        reader=reader,
        at=at,
        known_at=known_at,
        decision=decision,
        steps=_steps(decision),
        facts=(
            *_article_facts(article),
            *_rule_facts(facts),
            *_reader_facts(reader),
            *_right_facts(rows, at=at),
            *_gift_facts(opening),
            *_meter_facts(facts),
            *_place_facts(facts, network),
            *_crawler_facts(facts),
        ),
        caveats=_caveats(article, reader, known_at=known_at),
    )


def _steps(decision: Decision) -> tuple[ExplainedStep, ...]:
    answers: Mapping[str, Reason | None] = {answer.step: answer.reason for answer in decision.trace}
    return tuple(
        ExplainedStep(
            step=step.__name__,
            purpose=(step.__doc__ or "").strip(),
            was_asked=step.__name__ in answers,
            reason=answers.get(step.__name__),
        )
        for step in policy.STEPS
    )


def _article_facts(article: Article) -> tuple[ExplainedFact, ...]:
    origin = f"article {article.id}, as stated by the CMS at {_moment(article.stated_at)}"
    values = {
        "demand": article.demand or "left to the rules",
        "products": ", ".join(article.products),
        "published_at": _moment(article.published_at),
        "unpublished_at": _moment(article.unpublished_at),
        "embargo_until": _moment(article.embargo_until),
    }
    return tuple(ExplainedFact(f"article.{name}", value or "none", origin) for name, value in values.items())


def _rule_facts(facts: Facts) -> tuple[ExplainedFact, ...]:
    """Tell what the article asks then, and who says so."""
    asked = f"{facts.ask.demand}: {', '.join(facts.ask.products) or 'no product'}"
    if facts.article.stated is not None:
        return (ExplainedFact("asks", asked, "stated by the CMS for this article"),)
    rule = facts.rules.rule(facts.article, at=facts.now)
    said_by = f"rule “{rule.name}”" if rule is not None else "what holds otherwise"
    version = f"rules {facts.rules.key}" if facts.rules.key else "no rules were published"
    return (ExplainedFact("asks", asked, f"{said_by} ({version})"),)


def _meter_facts(facts: Facts) -> tuple[ExplainedFact, ...]:
    meter = facts.meter
    if meter is None:
        return ()
    origin = f"receipts of free reads, limit of rules {facts.rules.key}"
    told = f"{meter.used(at=facts.now)} of {meter.limit} used"
    this = "paid for" if meter.has_counted(at=facts.now) else "not read"
    back = _moment(meter.resets_at(at=facts.now))
    return (
        ExplainedFact("meter", f"{told}; next one back {back}" if back else told, origin),
        ExplainedFact("meter.this_article", this, origin),
    )


def _place_facts(facts: Facts, network: str | None) -> tuple[ExplainedFact, ...]:
    asked = (ExplainedFact("network", network, "as asked"),) if network is not None else ()
    place = facts.institution
    if place is None:
        return asked
    term = f"from {_moment(place.since) or 'ever'} until {_moment(place.until) or 'without end'}"
    opens = f"{place.name} opens {', '.join(place.products)}, {term}"
    return (*asked, ExplainedFact("institution", opens, f"{place.source}, as it is now"))


def _crawler_facts(facts: Facts) -> tuple[ExplainedFact, ...]:
    crawler = facts.crawler
    if crawler is None:
        return ()
    return (
        ExplainedFact(
            "crawler", f"{crawler.name} is shown {crawler.access}", f"{crawler.source}, as it is now"
        ),
    )


def _gift_facts(opening: GiftOpening | None) -> tuple[ExplainedFact, ...]:
    """Tell of a gift that was accepted; whose gift it is stands in the admin only."""
    if opening is None:
        return ()
    gift = opening.gift
    origin = f"gift {gift.key}, made {_moment(gift.made_at)}, accepted by this reader {_moment(opening.accepted_at)}"
    return (ExplainedFact("gift", f"opens until {_moment(gift.expires_at)}", origin),)


def _reader_facts(reader: User | None) -> tuple[ExplainedFact, ...]:
    if reader is None:
        return (ExplainedFact("reader", "not known", "no session and no token"),)
    origin = f"account {reader.public_id}, as it is now"
    return (
        ExplainedFact("reader", reader.public_id, origin),
        ExplainedFact("reader.is_staff", _yes_or_no(value=reader.is_staff), origin),
        ExplainedFact("reader.is_blocked", _yes_or_no(value=not reader.is_active), origin),
    )


def _right_facts(rows: Iterable[Entitlement], *, at: datetime) -> tuple[ExplainedFact, ...]:
    by_grant = {entitlements.grant_of(row): row for row in rows}
    if not by_grant:
        return (ExplainedFact("rights", "none", "entitlements known at that moment"),)
    ordered = policy.strongest_first(by_grant, at=at)
    return tuple(
        ExplainedFact(f"right.{grant.product}", _told(grant, at=at), _origin(by_grant[grant]))
        for grant in ordered
    )


def _told(grant: Grant, *, at: datetime) -> str:
    trouble = grant.trouble
    parts = {
        "from": _moment(grant.starts_at),
        "until": _moment(grant.ends_at) or "without end",
        "grace until": _moment(grant.grace_until),
        "suspended": grant.suspension or "",
        "resumes": _moment(grant.resumes_at),
        "card": trouble.card if trouble is not None else "",
        "cause": trouble.cause if trouble is not None else "",
        "next attempt": _moment(trouble.retry_at) if trouble is not None else "",
    }
    told = ", ".join(f"{name} {value}" for name, value in parts.items() if value)
    return f"{grant.standing(at=at)}: {told}"


def _origin(row: Entitlement) -> str:
    since = f"entitlement {row.pk} from {row.source}, recorded {_moment(row.recorded_at)}"
    return since if row.superseded_at is None else f"{since}, superseded {_moment(row.superseded_at)}"


def _caveats(article: Article, reader: User | None, *, known_at: datetime) -> tuple[str, ...]:
    caveats = []
    if known_at < article.stated_at:
        caveats.append("The CMS stated the article again since then; what it said before is not kept.")
    if reader is not None and known_at < reader.date_joined:
        caveats.append("The reader had no account then.")
    return tuple(caveats)


def _moment(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment is not None else ""


def _yes_or_no(*, value: bool) -> str:
    return "yes" if value else "no"
