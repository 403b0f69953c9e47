"""A draft beside the live rules: who would gain and who would lose, over all readers and all articles.

Articles differ to a decision only by what they ask, and readers only by how their rights stand, so it is enough to
compare each change of what is asked, now or at a later age, with each kind of reader. Free reads are played again.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby

from django.utils.translation import gettext as _

from accounts.models import User
from paywall import articles, entitlements, rules
from paywall.decision.article import ArticleFacts, Ask, Demand
from paywall.decision.facts import Facts, Grant, InstitutionPass, ReaderFacts, Standing
from paywall.decision.meter import MeterReading
from paywall.decision.policy import Decision, decide
from paywall.decision.reasons import Access, Reason
from paywall.decision.rules import NO_RULES, RuleBook
from paywall.errors import RulesRefused
from paywall.models import Article, Entitlement, FreeRead, Institution, RuleSet

_EXAMPLES = 5
_OWN_RIGHTS = frozenset({Reason.ENTITLED, Reason.GRACE_PERIOD, Reason.INSTITUTION})
_NO_RIGHTS: frozenset[tuple[str, Standing]] = frozenset()


@dataclass(frozen=True, slots=True)
class Audience:
    """A kind of reader: whose rights stand alike, or who has none; or of institutions that open the same.

    `count` says how many readers, or institutions; nobody counts strangers, so theirs is None. Those of one `kind` are
    the same people, now and when a right that is to come or is paused is honoured.
    """

    name: str
    kind: str
    reader: ReaderFacts | None
    grants: tuple[Grant, ...] = ()
    institution: InstitutionPass | None = None
    count: int | None = None
    examples: tuple[str, ...] = ()  # public ids, or names of institutions


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of some articles for one audience."""

    audience: Audience
    before: Reason
    after: Reason
    articles: int
    examples: tuple[str, ...]

    @property
    def is_gain(self) -> bool:
        """Whether the article opens where it did not."""
        return self.after.access is Access.FULL and self.before.access is not Access.FULL

    @property
    def is_loss(self) -> bool:
        """Whether the article closes where it was open, or opens only while there are free reads."""
        closes = self.before.access is Access.FULL and self.after.access is not Access.FULL
        return closes or self.costs_a_right

    @property
    def costs_a_right(self) -> bool:
        """Whether somebody loses what a right of their own had opened: somebody who pays, as a rule."""
        keeps = self.after.access is Access.FULL and self.after is not Reason.METERED
        return self.before in _OWN_RIGHTS and not keeps


@dataclass(frozen=True, slots=True)
class Replay:
    """The free reads of the last days played again by the draft: how many there were, and how many met the wall.

    Each wallet begins as if nothing had been used before.
    """

    reads: int
    refused: int


@dataclass(frozen=True, slots=True)
class Report:
    """Who would gain and who would lose."""

    compared_with: str  # the key of the live version, empty before the first
    draft: RuleBook  # as it was when it was compared
    articles: int
    readers: int
    changes: tuple[Change, ...]
    replay: Replay

    @property
    def gains(self) -> tuple[Change, ...]:
        """The changes that open something."""
        return tuple(change for change in self.changes if change.is_gain)

    @property
    def losses(self) -> tuple[Change, ...]:
        """The changes that close something, the gravest first."""
        closing = (change for change in self.changes if change.is_loss)
        return tuple(sorted(closing, key=lambda change: not change.costs_a_right))

    @property
    def payers_who_lose(self) -> int:
        """How many readers and institutions would lose what their own rights open, now or once they are honoured."""
        losing = {
            change.audience.kind: change.audience.count or 0 for change in self.losses if change.costs_a_right
        }
        return sum(losing.values())


@dataclass(slots=True)
class _Moved:
    """Articles that would go from one demand to another."""

    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, article_id: str) -> None:
        self.count += 1
        if len(self.examples) < _EXAMPLES:
            self.examples.append(article_id)


def run(draft: RuleSet, *, now: datetime, days: int = 30) -> Report:
    """Hold a draft against the live rules; reads of the last `days` days are played again."""
    live = rules.live()
    before, after = rules.published(live.key) if live is not None else NO_RULES, rules.book(draft)
    audiences, readers = _audiences(now=now)
    moved, count = _moved(before, after, now=now)
    changes = (
        change
        for audience in audiences
        for asks, which in moved.items()
        if (change := _change(audience, asks, which, before=before, after=after, now=now)) is not None
    )
    return Report(before.key, after, count, readers, tuple(changes), _replay(after, now=now, days=days))


def publish(
    draft: RuleSet, *, by: User | None, now: datetime, reason: str = "", is_forced: bool = False
) -> Report:
    """Publish a draft by which no payer loses; return who gains and loses.

    :raises RulesRefused: it holds mistakes; or a payer would lose, and it is not forced with a reason.
    """
    if found := rules.mistakes(draft):
        raise RulesRefused("\n".join(found))
    report = run(draft, now=now)
    if report.payers_who_lose and not (is_forced and reason.strip()):
        raise RulesRefused(
            _(
                "%(count)d readers or institutions would lose what they have a right to. Force it with a "
                "reason, or change it."
            )
            % {"count": report.payers_who_lose}
        )
    rules.publish(
        draft, by=by, now=now, reason=reason, compared_with=report.compared_with, as_compared=report.draft
    )
    return report


def _change(
    audience: Audience,
    asks: tuple[Ask, Ask],
    which: _Moved,
    *,
    before: RuleBook,
    after: RuleBook,
    now: datetime,
) -> Change | None:
    was = _decided(audience, asks[0], before, now=now).reason
    would_be = _decided(audience, asks[1], after, now=now).reason
    if was is would_be:
        return None
    return Change(audience, was, would_be, which.count, tuple(which.examples))


def _decided(audience: Audience, ask: Ask, book: RuleBook, *, now: datetime) -> Decision:
    """Decide for an audience that has all its free reads left."""
    article = ArticleFacts(id="", published_at=now, demand=ask.demand, products=ask.products)
    terms = book.meter
    meter = MeterReading(terms.limit(is_known=audience.reader is not None)) if terms is not None else None
    return decide(
        Facts(
            now=now, article=article, rules=book, reader=audience.reader, grants=audience.grants,
            institution=audience.institution, meter=meter,
        )
    )  # fmt: skip


def _moved(before: RuleBook, after: RuleBook, *, now: datetime) -> tuple[dict[tuple[Ask, Ask], _Moved], int]:
    """Return what articles would go from asking to asking, now or at a later age, and how many were looked at.

    Also where both ask the same: the meter may be another.
    """
    found: dict[tuple[Ask, Ask], _Moved] = defaultdict(_Moved)
    count = 0
    for article in Article.objects.for_rules().iterator():
        facts = articles.facts_of(article)
        count += 1
        later = {moment for book in (before, after) for moment in book.boundaries(facts) if moment > now}
        pairs = {(before.ask(facts, at=at), after.ask(facts, at=at)) for at in {now, *later}}
        for pair in pairs:
            found[pair].add(article.id)
    return found, count


def _audiences(*, now: datetime) -> tuple[list[Audience], int]:
    """Return every kind of reader there is, strangers and those without rights included, and how many readers."""
    counts: Counter[frozenset[tuple[str, Standing]]] = Counter()
    examples: dict[frozenset[tuple[str, Standing]], list[str]] = defaultdict(list)
    alike: dict[frozenset[tuple[str, Standing]], tuple[Grant, ...]] = {}
    for public_id, grants in _readers_with_rights():
        kind = frozenset((grant.product, grant.standing(at=now)) for grant in grants)
        counts[kind] += 1
        alike.setdefault(kind, grants)
        if len(examples[kind]) < _EXAMPLES:
            examples[kind].append(public_id)
    readers = User.objects.filter(is_staff=False, is_active=True).count()
    counts[_NO_RIGHTS] = readers - counts.total()
    known = (
        audience
        for kind, count in counts.items()
        for audience in _of_kind(kind, alike.get(kind, ()), count, tuple(examples[kind]), now=now)
    )
    return [Audience(_("strangers"), "", None), *known, *_institutions()], readers


def _of_kind(
    kind: frozenset[tuple[str, Standing]],
    grants: tuple[Grant, ...],
    count: int,
    examples: tuple[str, ...],
    *,
    now: datetime,
) -> Iterator[Audience]:
    """Yield readers as they are, and as they will be: what begins tomorrow or is paused was paid for as well."""
    name = _name(kind)
    yield Audience(name, name, ReaderFacts(), grants, count=count, examples=examples)
    honoured = tuple(_honoured(grant, at=now) for grant in grants)
    if honoured != grants:
        later = _("%(who)s, once it is honoured") % {"who": name}
        yield Audience(later, name, ReaderFacts(), honoured, count=count, examples=examples)


def _honoured(grant: Grant, *, at: datetime) -> Grant:
    match grant.standing(at=at):
        case Standing.TO_COME:
            return replace(grant, starts_at=at)
        case Standing.PAUSED:
            return replace(grant, suspension=None, resumes_at=None)
    return grant


def _institutions() -> Iterator[Audience]:
    """Yield the readers of institutions, of all together that open the same."""
    rows = Institution.objects.filter(is_active=True).order_by("name")
    by_products: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name, products in rows.values_list("name", "products"):
        by_products[tuple(sorted(products))].append(name)
    for products, names in by_products.items():
        who = _("institutions (%(products)s)") % {"products": ", ".join(products)}
        right = InstitutionPass(who, products)
        yield Audience(who, who, None, institution=right, count=len(names), examples=tuple(names[:_EXAMPLES]))


def _readers_with_rights() -> Iterator[tuple[str, tuple[Grant, ...]]]:
    """Yield every reader who may be refused (no staff, nobody blocked) with all current rights."""
    rows = Entitlement.objects.current().filter(reader__is_staff=False, reader__is_active=True)
    ordered = rows.select_related("reader").order_by("reader_id").iterator()
    for reader, held in groupby(ordered, key=lambda row: row.reader):
        yield reader.public_id, tuple(entitlements.grant_of(row) for row in held)


def _name(kind: frozenset[tuple[str, Standing]]) -> str:
    if not kind:
        return _("registered, without rights")
    return ", ".join(f"{product} ({standing})" for product, standing in sorted(kind))


def _replay(book: RuleBook, *, now: datetime, days: int) -> Replay:
    """Play the free reads of the last days again, each wallet by itself."""
    since = now - timedelta(days=days)
    # What was counted for the reader as well is theirs, and is played with theirs.
    rows = FreeRead.objects.filter(spent_at__gte=since, merged_at=None).select_related("wallet")
    wanted = Article.objects.for_rules().filter(pk__in=rows.values("article"))
    facts = {article.id: articles.facts_of(article) for article in wanted.iterator()}
    reads = refused = 0
    for wallet, spent in groupby(
        rows.order_by("wallet_id", "spent_at").iterator(), key=lambda row: row.wallet
    ):
        known = [(facts[row.article], row.spent_at) for row in spent if row.article in facts]
        reads += len(known)
        refused += _refused(known, book, is_known=wallet.reader_id is not None)
    return Replay(reads, refused)


def _refused(spent: Iterable[tuple[ArticleFacts, datetime]], book: RuleBook, *, is_known: bool) -> int:
    refused, counting = 0, dict[str, datetime]()
    for article, at in spent:
        ask = book.ask(article, at=at)
        counting = {name: until for name, until in counting.items() if until > at}
        if ask.demand is Demand.METERED and book.meter is not None:
            if article.id in counting:
                continue
            if len(counting) < book.meter.limit(is_known=is_known):
                counting[article.id] = book.meter.window.counts_until(at)
                continue
        if ask.demand.is_for_products or (ask.demand is Demand.REGISTERED and not is_known):
            refused += 1
    return refused
