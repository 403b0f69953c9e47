"""The policy: steps that one can read aloud, and `decide`, which walks them in order.

Pure and total: every set of facts has exactly one decision. Its laws are property tests (tests/decision).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from paywall.decision.article import Demand
from paywall.decision.facts import Facts, Grant, Standing, Suspension
from paywall.decision.meter import MeterReading
from paywall.decision.reasons import Access, Reason, Remedy


@dataclass(frozen=True, slots=True)
class Answer:
    """What one step said; no reason means that it left the decision to the next."""

    step: str
    reason: Reason | None


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer, and all that it rests on.

    Any one of `products` opens the article. `grant` is the right that opened it, or else the one nearest to opening
    it. `meter` is the reading of free reads where they were what mattered. `until` is the first moment at which the
    same facts give another reason or other remedies, None where that never happens. `is_in_doubt` says that somebody is
    looking whether the facts are still true.
    """

    reason: Reason
    products: tuple[str, ...]
    remedies: tuple[Remedy, ...]
    grant: Grant | None
    until: datetime | None
    trace: tuple[Answer, ...]
    meter: MeterReading | None = None
    is_in_doubt: bool = False

    @property
    def access(self) -> Access:
        """How much may be seen: the reason fixes it."""
        return self.reason.access

    def is_paid_for(self, *, at: datetime) -> bool:
        """Whether a free read was spent on the article before, and still counts."""
        return self.meter is not None and self.meter.has_counted(at=at)


def unpublished(facts: Facts) -> Reason | None:
    """Refuse an article that is not yet, or no longer, published."""
    article = facts.article
    withdrawn = article.unpublished_at is not None and facts.now >= article.unpublished_at
    return Reason.UNPUBLISHED if withdrawn or facts.now < article.published_at else None


def embargoed(facts: Facts) -> Reason | None:
    """Refuse an article whose embargo has not ended."""
    embargo = facts.article.embargo_until
    return Reason.EMBARGOED if embargo is not None and facts.now < embargo else None


def free(facts: Facts) -> Reason | None:
    """Open an article that asks nothing of anybody."""
    return Reason.FREE if facts.ask.demand is Demand.FREE else None


def blocked(facts: Facts) -> Reason | None:
    """Refuse a reader whose account is blocked, whatever else they hold."""
    return Reason.ACCOUNT_BLOCKED if facts.reader is not None and facts.reader.is_blocked else None


def staff(facts: Facts) -> Reason | None:
    """Open everything that is published to staff."""
    return Reason.STAFF if facts.reader is not None and facts.reader.is_staff else None


def registered(facts: Facts) -> Reason | None:
    """Open an article that only asks for an account to whoever has one."""
    asked = facts.ask.demand is Demand.REGISTERED
    return Reason.REGISTERED if asked and facts.reader is not None else None


def entitled(facts: Facts) -> Reason | None:
    """Open the article to a reader within the term of a right to one of its products."""
    return Reason.ENTITLED if _standing(_best_fitting(facts), facts) is Standing.HELD else None


def in_grace(facts: Facts) -> Reason | None:
    """Open the article to a reader whose payment is being sorted out and whose grace has not run out."""
    return Reason.GRACE_PERIOD if _standing(_best_fitting(facts), facts) is Standing.GRACE else None


def institution(facts: Facts) -> Reason | None:
    """Open the article to whoever comes from a place that pays for it."""
    place = facts.institution
    return Reason.INSTITUTION if place is not None and place.opens(facts.ask, at=facts.now) else None


def verified_crawler(facts: Facts) -> Reason | None:
    """Show a crawler that proved whose it is what its class is shown; no crawler reads on from here."""
    match facts.crawler.access if facts.crawler is not None else None:
        case Access.FULL:
            return Reason.VERIFIED_CRAWLER
        case Access.NONE:
            return Reason.CRAWLER_REFUSED
    return None


def gift_link(facts: Facts) -> Reason | None:
    """Open the article where a subscriber made a gift of it and the gift has not run out."""
    return Reason.GIFT_LINK if facts.gift is not None and facts.now < facts.gift.until else None


def metered(facts: Facts) -> Reason | None:
    """Open the article with a free read, this one or one spent on it before."""
    if facts.ask.demand is not Demand.METERED or facts.meter is None or facts.crawler is not None:
        return None
    return Reason.METERED if facts.meter.opens(at=facts.now) else None


def nearest_way_in(facts: Facts) -> Reason:
    """Name what stands between this reader and the article. Always answers."""
    if facts.ask.demand is Demand.REGISTERED:
        return Reason.REGISTRATION_REQUIRED
    match _standing(_best_fitting(facts), facts):
        case Standing.PAYMENT_ACTION_REQUIRED:
            return Reason.PAYMENT_ACTION_REQUIRED
        case Standing.PAYMENT_FAILED:
            return Reason.PAYMENT_FAILED
        case Standing.PAUSED:
            return Reason.SUBSCRIPTION_PAUSED
        case _ if _best_open_elsewhere(facts) is not None:
            # What they have now says more about them than what they once had.
            return Reason.UPGRADE_REQUIRED
        case Standing.ENDED:
            return Reason.SUBSCRIPTION_ENDED
    return Reason.METER_EXHAUSTED if _has_spent_all(facts) else Reason.SUBSCRIPTION_REQUIRED


# Blocks first, then what opens to all, then what opens to this reader, from what is theirs to what costs them
# something: whoever is entitled spends no free read. A block on the account comes after `free`: nobody is kept from
# what a stranger may read.
STEPS = (
    unpublished, embargoed, free, blocked, staff, registered, entitled, in_grace,
    institution, verified_crawler, gift_link, metered, nearest_way_in,
)  # fmt: skip


def decide(facts: Facts) -> Decision:
    """Return the one decision that these facts allow."""
    trace = _walk(facts)
    reason = _last(trace)
    return Decision(
        reason=reason,
        # Nothing opens an article that may not be shown at all.
        products=_offered_first(facts) if reason.access is not Access.NONE else (),
        remedies=_remedies(reason, facts),
        grant=_grant_behind(reason, facts),
        until=_until(facts, _public_face(facts, reason)),
        trace=trace,
        meter=facts.meter if reason in _METERED else None,
    )


def reason(facts: Facts) -> Reason:
    """Return why `decide` would answer as it does, at less cost: without remedies, and without what comes later."""
    return _last(_walk(facts))


def strongest_first(grants: Iterable[Grant], *, at: datetime) -> tuple[Grant, ...]:
    """Return the grants in the order in which they count at `at`; the order given does not matter."""
    return tuple(sorted(grants, key=lambda grant: _strength(grant, at)))


def _walk(facts: Facts) -> tuple[Answer, ...]:
    trace: list[Answer] = []
    for step in STEPS:
        trace.append(Answer(step.__name__, step(facts)))
        if trace[-1].reason is not None:
            break
    return tuple(trace)


def _last(trace: tuple[Answer, ...]) -> Reason:
    reason = trace[-1].reason
    if reason is None:
        raise AssertionError("nearest_way_in always answers")
    return reason


def _public_face(facts: Facts, reason: Reason) -> tuple[Reason, tuple[Remedy, ...]]:
    return reason, _remedies(reason, facts)


def _until(facts: Facts, face: tuple[Reason, tuple[Remedy, ...]]) -> datetime | None:
    for moment in sorted({boundary for boundary in facts.boundaries if boundary > facts.now}):
        later = replace(facts, now=moment)
        if _public_face(later, _last(_walk(later))) != face:
            return moment
    return None


_METERED = frozenset({Reason.METERED, Reason.METER_EXHAUSTED})

# What helps everybody who meets the reason, nearest way in first; the rest depends on who it is.
_REMEDIES = {
    Reason.REGISTRATION_REQUIRED: (Remedy.LOG_IN, Remedy.REGISTER),
    Reason.UPGRADE_REQUIRED: (Remedy.UPGRADE,),
    Reason.SUBSCRIPTION_ENDED: (Remedy.SUBSCRIBE,),
    Reason.SUBSCRIPTION_PAUSED: (Remedy.RESUME,),
    Reason.PAYMENT_FAILED: (Remedy.FIX_CARD,),
    Reason.PAYMENT_ACTION_REQUIRED: (Remedy.CONFIRM_PAYMENT, Remedy.FIX_CARD),
    Reason.EMBARGOED: (Remedy.WAIT,),
}


def _remedies(reason: Reason, facts: Facts) -> tuple[Remedy, ...]:
    match reason:
        case Reason.SUBSCRIPTION_REQUIRED | Reason.METER_EXHAUSTED if facts.reader is None:
            free_reads = (Remedy.REGISTER,) if _gains_reads_by_registering(facts) else ()
            return (Remedy.LOG_IN, *free_reads, Remedy.SUBSCRIBE)
        case Reason.SUBSCRIPTION_REQUIRED | Reason.METER_EXHAUSTED:
            # Somebody known who never subscribed may have done so under another address.
            return (Remedy.SUBSCRIBE, Remedy.SWITCH_ACCOUNT)
        case Reason.GRACE_PERIOD:
            return _remedies_in_grace(_best_fitting(facts))
        case Reason.METERED:
            return _remedies_meanwhile(_best_fitting(facts), facts)
        case Reason.UNPUBLISHED:
            return (Remedy.WAIT,) if _is_to_come(facts) else ()
    return _REMEDIES.get(reason, ())


def _remedies_in_grace(grant: Grant | None) -> tuple[Remedy, ...]:
    match grant.suspension if grant is not None else None:
        case Suspension.PAYMENT_FAILED:
            return (Remedy.FIX_CARD,)
        case Suspension.PAYMENT_ACTION_REQUIRED:
            return (Remedy.CONFIRM_PAYMENT, Remedy.FIX_CARD)
    # The renewal is merely on its way: there is nothing for the reader to do.
    return ()


def _remedies_meanwhile(grant: Grant | None, facts: Facts) -> tuple[Remedy, ...]:
    """Name what ends the trouble of a reader who reads on for nothing; there is none for most."""
    match _standing(grant, facts):
        case Standing.PAYMENT_FAILED:
            return _REMEDIES[Reason.PAYMENT_FAILED]
        case Standing.PAYMENT_ACTION_REQUIRED:
            return _REMEDIES[Reason.PAYMENT_ACTION_REQUIRED]
    return ()


def _has_spent_all(facts: Facts) -> bool:
    return facts.ask.demand is Demand.METERED and facts.meter is not None and facts.meter.limit > 0


def _gains_reads_by_registering(facts: Facts) -> bool:
    meter = facts.rules.meter
    return facts.ask.demand is Demand.METERED and meter is not None and meter.rewards_registering


def _offered_first(facts: Facts) -> tuple[str, ...]:
    """Return the products that open the article; the one that this kind of reader is to be offered comes first."""
    offers = facts.rules.offers
    if facts.reader is None:
        offered = offers.stranger
    else:
        offered = offers.lapsed if _standing(_best_fitting(facts), facts) is Standing.ENDED else offers.reader
    products = facts.ask.products
    return (offered, *(each for each in products if each != offered)) if offered in products else products


def _is_to_come(facts: Facts) -> bool:
    article = facts.article
    stays = article.unpublished_at is None or article.unpublished_at > article.published_at
    return stays and facts.now < article.published_at


def _grant_behind(reason: Reason, facts: Facts) -> Grant | None:
    match reason:
        case Reason.UPGRADE_REQUIRED:
            return _best_open_elsewhere(facts)
        case (
            Reason.ENTITLED
            | Reason.GRACE_PERIOD
            | Reason.PAYMENT_FAILED
            | Reason.PAYMENT_ACTION_REQUIRED
            | Reason.SUBSCRIPTION_PAUSED
            | Reason.SUBSCRIPTION_ENDED
            | Reason.METERED
        ):
            return _best_fitting(facts)
    return None


def _best_fitting(facts: Facts) -> Grant | None:
    fitting = (grant for grant in facts.grants if grant.product in facts.ask.products)
    return min(fitting, key=lambda grant: _strength(grant, facts.now), default=None)


def _best_open_elsewhere(facts: Facts) -> Grant | None:
    elsewhere = (
        grant
        for grant in facts.grants
        if grant.product not in facts.ask.products and grant.standing(at=facts.now).is_open
    )
    return min(elsewhere, key=lambda grant: _strength(grant, facts.now), default=None)


def _standing(grant: Grant | None, facts: Facts) -> Standing | None:
    return grant.standing(at=facts.now) if grant is not None else None


_RANK = {standing: rank for rank, standing in enumerate(Standing)}
_ENDLESS = datetime.max.replace(tzinfo=UTC)


def _strength(grant: Grant, at: datetime) -> tuple[int, float, float, str, str]:
    """Sort key: the better standing, then the later end, then the names, so that ties have one winner."""
    standing = grant.standing(at=at)
    ends = grant.ends_at or _ENDLESS
    last = max(ends, grant.grace_until or ends)
    first, second = (last, ends) if standing is Standing.GRACE else (ends, last)
    return _RANK[standing], -first.timestamp(), -second.timestamp(), grant.product, grant.source
