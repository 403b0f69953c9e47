"""All that a decision may know, as frozen values. Times are aware UTC; terms are half-open."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from paywall.decision.article import ArticleFacts, Ask, Demand
from paywall.decision.meter import MeterReading
from paywall.decision.reasons import Access
from paywall.decision.rules import NO_RULES, RuleBook


class Suspension(StrEnum):
    """Why a right that has not ended is not honoured; the paywall's words, not Stripe's."""

    PAYMENT_FAILED = "payment_failed"
    PAYMENT_ACTION_REQUIRED = "payment_action_required"
    PAUSED = "paused"


class Standing(StrEnum):
    """What a right is worth at one moment, best first: what opens, then what is nearest to opening."""

    HELD = "held"
    GRACE = "grace"
    PAYMENT_ACTION_REQUIRED = "payment_action_required"
    PAYMENT_FAILED = "payment_failed"
    PAUSED = "paused"
    ENDED = "ended"
    TO_COME = "to_come"

    @property
    def opens(self) -> bool:
        """Whether a right that stands so opens articles."""
        return self in _OPENING

    @property
    def is_open(self) -> bool:
        """Whether there is still a contract behind it: running, or waiting for a payment or for the reader."""
        return self not in {Standing.ENDED, Standing.TO_COME}


_OPENING = frozenset({Standing.HELD, Standing.GRACE})


@dataclass(frozen=True, slots=True)
class Trouble:
    """What the wall may tell a reader about a payment in trouble: never an id, never a full number."""

    card: str = ""  # as shown to the reader, for example "Visa •••• 0341"
    cause: str = (
        ""  # the failure's code: card_declined, insufficient_funds, expired_card, authentication_required …
    )
    retry_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """A right to a product for a term, and what becomes of it afterwards.

    `starts_at <= t < ends_at` is the term itself (`ends_at` None: no end). `ends_at <= t < grace_until` is the
    grace. After that the right is over: as `suspension` says where there is one, else it has simply ended.
    `Suspension.PAUSED` is honoured at once, until `resumes_at` where that is known.
    """

    product: str
    source: str  # who gives it, for example "subscription:sub_123" or "comp:7"
    starts_at: datetime
    ends_at: datetime | None
    grace_until: datetime | None = None
    suspension: Suspension | None = None
    resumes_at: datetime | None = None
    trouble: Trouble | None = None

    def standing(self, *, at: datetime) -> Standing:
        """Return what this right is worth at `at`; total, and constant between two of its `boundaries`."""
        if at < self.starts_at:
            return Standing.TO_COME
        if self.suspension is Suspension.PAUSED and (self.resumes_at is None or at < self.resumes_at):
            return Standing.PAUSED
        if self.ends_at is None or at < self.ends_at:
            return Standing.HELD
        if self.grace_until is not None and at < self.grace_until:
            return Standing.GRACE
        if self.suspension is Suspension.PAYMENT_FAILED:
            return Standing.PAYMENT_FAILED
        if self.suspension is Suspension.PAYMENT_ACTION_REQUIRED:
            return Standing.PAYMENT_ACTION_REQUIRED
        return Standing.ENDED

    @property
    def boundaries(self) -> tuple[datetime, ...]:
        """The moments at which the standing may change by itself."""
        moments = (self.starts_at, self.ends_at, self.grace_until, self.resumes_at)
        return tuple(moment for moment in moments if moment is not None)


@dataclass(frozen=True, slots=True)
class ReaderFacts:
    """What a decision may know of a known reader."""

    is_staff: bool = False
    is_blocked: bool = False


@dataclass(frozen=True, slots=True)
class GiftPass:
    """A gift that a subscriber made of this article, accepted on this device."""

    until: datetime


@dataclass(frozen=True, slots=True)
class InstitutionPass:
    """A right that whoever comes from a place has: a campus, a library, a company; `products` it opens.

    It holds at `since <= t < until`. `key` names the place to whoever counts; `source` says by what somebody is known
    to come from there, for example "network 192.0.2.0/24" or "domain uni.example".
    """

    name: str
    products: tuple[str, ...]
    until: datetime | None = None
    since: datetime | None = None
    key: str = ""
    source: str = ""

    def holds(self, *, at: datetime) -> bool:
        """Whether the right has begun and not ended at `at`."""
        return (self.since is None or self.since <= at) and (self.until is None or at < self.until)

    def opens(self, ask: Ask, *, at: datetime) -> bool:
        """Whether what asks this is open at `at` to whoever comes from there."""
        fits = ask.demand is Demand.REGISTERED or not set(self.products).isdisjoint(ask.products)
        return fits and self.holds(at=at)


@dataclass(frozen=True, slots=True)
class CrawlerPass:
    """A crawler that proved to be whose it says, by what, and how much its class is shown."""

    name: str
    access: Access
    source: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything one decision rests on. `ask` follows from it: what the article asks at `now`."""

    now: datetime
    article: ArticleFacts
    rules: RuleBook = NO_RULES
    reader: ReaderFacts | None = None
    grants: tuple[Grant, ...] = ()
    institution: InstitutionPass | None = None
    crawler: CrawlerPass | None = None
    gift: GiftPass | None = None
    meter: MeterReading | None = None
    ask: Ask = field(init=False)

    def __post_init__(self) -> None:
        """Let the rules say what is asked; `replace(facts, now=…)` asks them again."""
        object.__setattr__(self, "ask", self.rules.ask(self.article, at=self.now))

    @property
    def boundaries(self) -> tuple[datetime, ...]:
        """The moments at which any of it may change by itself."""
        turns = (
            self.gift.until if self.gift is not None else None,
            self.institution.since if self.institution is not None else None,
            self.institution.until if self.institution is not None else None,
        )
        return (
            *self.article.boundaries,
            *self.rules.boundaries(self.article),
            *(moment for grant in self.grants for moment in grant.boundaries),
            *(self.meter.boundaries if self.meter is not None else ()),
            *(moment for moment in turns if moment is not None),
        )
