"""Facts of every kind, for laws to be held against."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from paywall.decision.article import ArticleFacts, Ask, Demand
from paywall.decision.facts import (
    CrawlerPass,
    Facts,
    GiftPass,
    Grant,
    InstitutionPass,
    ReaderFacts,
    Suspension,
    Trouble,
)
from paywall.decision.meter import CalendarMonth, MeterReading, MeterTerms, Rolling, reading
from paywall.decision.reasons import Access
from paywall.decision.rules import Condition, Offers, Rule, RuleBook

TICK = timedelta(microseconds=1)

# Around the nights on which clocks change, a leap day and the ends of months and a year, densely enough for ties to be
# common.
_SPECIAL = [
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2026, 4, 30, 22, tzinfo=UTC),  # midnight in Berlin
    datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
    datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
    datetime(2026, 11, 1, 6, tzinfo=UTC),  # in New York the first of a month as well
    datetime(2028, 2, 29, tzinfo=UTC),
    datetime(2028, 3, 1, tzinfo=UTC),
    datetime(2027, 1, 1, tzinfo=UTC),
    datetime(2027, 2, 28, 23, tzinfo=UTC),
    datetime(2027, 3, 1, tzinfo=UTC),
]
moments = st.one_of(
    st.sampled_from(_SPECIAL),
    st.sampled_from(_SPECIAL).map(lambda moment: moment - TICK),
    st.datetimes(datetime(2026, 1, 1), datetime(2028, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001  the zone is given beside
)
products = st.sampled_from(["premium", "culture", "sport"])


@st.composite
def grants(draw: st.DrawFn) -> Grant:
    starts_at = draw(moments)
    ends_at = draw(st.none() | moments.filter(lambda moment: moment >= starts_at))
    suspension = draw(st.none() | st.sampled_from(Suspension))
    return Grant(
        product=draw(products),
        source=draw(st.text("abc", min_size=1, max_size=6)),
        starts_at=starts_at,
        ends_at=ends_at,
        grace_until=draw(st.none() | moments),
        suspension=suspension,
        resumes_at=draw(st.none() | moments),
        trouble=draw(st.none() | st.just(Trouble(card="Visa •••• 0341", cause="card_declined"))),
    )


asks = st.one_of(
    st.sampled_from([Demand.FREE, Demand.REGISTERED]).map(Ask),
    st.builds(
        Ask,
        st.sampled_from([Demand.METERED, Demand.SUBSCRIBER]),
        st.lists(products, min_size=1, unique=True).map(tuple),
    ),
)
ages = st.none() | st.integers(0, 400).map(lambda days: timedelta(days=days))
names = st.sets(st.sampled_from(["city", "opinion"]), max_size=1).map(frozenset)


@st.composite
def articles(draw: st.DrawFn) -> ArticleFacts:
    stated = draw(st.none() | asks)
    return ArticleFacts(
        id="harbour-vote",
        demand=stated.demand if stated else None,
        products=stated.products if stated else (),
        section=draw(st.sampled_from(["city", "Opinion", ""])),
        published_at=draw(moments),
        unpublished_at=draw(st.none() | moments),
        embargo_until=draw(st.none() | moments),
    )


windows = st.sampled_from(
    [
        CalendarMonth(), CalendarMonth("Europe/Berlin"), CalendarMonth("America/New_York"), Rolling(1), Rolling(7),
        Rolling(30),
    ]
)  # fmt: skip
meter_terms = st.builds(MeterTerms, st.integers(0, 3), st.integers(0, 5), windows)
rule_books = st.builds(
    RuleBook,
    rules=st.lists(
        st.builds(
            Rule,
            st.just("rule"),
            st.builds(Condition, sections=names, older_than=ages, younger_than=ages),
            asks,
        ),
        max_size=3,
    ).map(tuple),
    otherwise=asks,
    meter=st.none() | meter_terms,
    offers=st.builds(Offers, *[st.sampled_from(["", "premium", "sport"])] * 3),
)
readers = st.none() | st.builds(ReaderFacts, is_staff=st.booleans(), is_blocked=st.booleans())
institutions = st.builds(
    InstitutionPass,
    name=st.just("Campus"),
    products=st.lists(products, unique=True).map(tuple),
    since=st.none() | moments,
    until=st.none() | moments,
)
crawlers = st.builds(CrawlerPass, st.just("Searchbot"), st.sampled_from(Access))
gifts = st.builds(GiftPass, moments)


@st.composite
def readings(draw: st.DrawFn, rules: RuleBook, now: datetime) -> MeterReading | None:
    if rules.meter is None:
        return None
    spent = {
        name: now - timedelta(days=draw(st.integers(0, 40)))
        for name in draw(st.lists(st.sampled_from(["harbour-vote", "a", "b", "c"]), unique=True))
    }
    limit = rules.meter.limit(is_known=draw(st.booleans()))
    return reading(spent, article="harbour-vote", limit=limit, window=rules.meter.window, at=now)


@st.composite
def all_facts(draw: st.DrawFn) -> Facts:
    reader, now, rules = draw(readers), draw(moments), draw(rule_books)
    held = draw(st.lists(grants(), max_size=4, unique_by=lambda g: (g.product, g.source))) if reader else []
    return Facts(
        now=now,
        article=draw(articles()),
        rules=rules,
        reader=reader,
        grants=tuple(held),
        institution=draw(st.none() | institutions),
        crawler=draw(st.none() | crawlers),
        gift=draw(st.none() | gifts),
        meter=draw(readings(rules, now)),
    )
