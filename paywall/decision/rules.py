"""A publisher's rules as values: the first that fits an article says what it asks, else what holds otherwise."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from paywall.decision.article import CLOSED, ArticleFacts, Ask
from paywall.decision.meter import MeterTerms

_LAST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Condition:
    """Which articles a rule is about. All that is given must fit; of several names in one field any one.

    Names are compared without regard to case. An article's age counts from its publication; it fits from
    `older_than` on and until before `younger_than`.
    """

    articles: frozenset[str] = frozenset()
    sections: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    authors: frozenset[str] = frozenset()
    older_than: timedelta | None = None
    younger_than: timedelta | None = None

    def fits(self, article: ArticleFacts, *, at: datetime) -> bool:
        """Whether the article is one of those meant, at `at`."""
        return self._fits_names(article) and self._fits_age(at - article.published_at)

    def boundaries(self, article: ArticleFacts) -> tuple[datetime, ...]:
        """The moments at which it may begin or cease to fit."""
        ages = (self.older_than, self.younger_than)
        # What lies beyond the last day that there is in Python is never reached.
        left = _LAST - article.published_at
        return tuple(article.published_at + age for age in ages if age is not None and age <= left)

    @property
    def is_empty(self) -> bool:
        """Whether every article fits: then it is no condition."""
        return self == Condition()

    def covers(self, other: Condition) -> bool:
        """Whether whatever fits `other` is certain to fit this one too."""
        pairs = (
            (self.articles, other.articles),
            (self.sections, other.sections),
            (self.kinds, other.kinds),
            (self.tags, other.tags),
            (self.authors, other.authors),
        )
        if not all(not mine or (theirs and theirs <= mine) for mine, theirs in pairs):
            return False
        starts = self.older_than is None or (
            other.older_than is not None and other.older_than >= self.older_than
        )
        ends = self.younger_than is None or (
            other.younger_than is not None and other.younger_than <= self.younger_than
        )
        return starts and ends

    def _fits_names(self, article: ArticleFacts) -> bool:
        return (
            _any(self.articles, (article.id,))
            and _any(self.sections, (article.section,))
            and _any(self.kinds, (article.kind,))
            and _any(self.tags, article.tags)
            and _any(self.authors, article.authors)
        )

    def _fits_age(self, age: timedelta) -> bool:
        return (self.older_than is None or age >= self.older_than) and (
            self.younger_than is None or age < self.younger_than
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """What articles of one kind ask; `name` is the publisher's."""

    name: str
    condition: Condition
    ask: Ask


@dataclass(frozen=True, slots=True)
class Offers:
    """Which product is offered first to whom, where it opens the article; empty for the first that does."""

    stranger: str = ""
    reader: str = ""
    lapsed: str = ""


@dataclass(frozen=True, slots=True)
class RuleBook:
    """All rules of one published version, in order. `key` names the version."""

    key: str = ""
    rules: tuple[Rule, ...] = ()
    otherwise: Ask = CLOSED
    meter: MeterTerms | None = None
    offers: Offers = field(default_factory=Offers)

    def ask(self, article: ArticleFacts, *, at: datetime) -> Ask:
        """Return what an article asks at `at`: as stated for it, else by the first rule that fits."""
        if article.stated is not None:
            return article.stated
        rule = self.rule(article, at=at)
        return rule.ask if rule is not None else self.otherwise

    def rule(self, article: ArticleFacts, *, at: datetime) -> Rule | None:
        """Return the first rule that fits."""
        return next((rule for rule in self.rules if rule.condition.fits(article, at=at)), None)

    def boundaries(self, article: ArticleFacts) -> tuple[datetime, ...]:
        """The moments at which what an article asks may change by itself."""
        if article.stated is not None:
            return ()
        return tuple(moment for rule in self.rules for moment in rule.condition.boundaries(article))


NO_RULES = RuleBook()


def named(names: list[str]) -> frozenset[str]:
    """Return names in the form in which conditions compare them."""
    return frozenset(name.strip().casefold() for name in names if name.strip())


def _any(wanted: frozenset[str], given: tuple[str, ...]) -> bool:
    return not wanted or any(name.strip().casefold() in wanted for name in given)
