"""The laws of the decision, for whatever facts there may be."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import assume, given
from hypothesis import strategies as st

from paywall.decision.article import ArticleFacts, Ask, Demand
from paywall.decision.facts import (
    CrawlerPass,
    Facts,
    GiftPass,
    Grant,
    InstitutionPass,
    ReaderFacts,
    Standing,
    Suspension,
    Trouble,
)
from paywall.decision.meter import CalendarMonth, MeterReading, MeterTerms, Rolling, reading
from paywall.decision.policy import decide, strongest_first
from paywall.decision.reasons import Access, Reason, Remedy
from paywall.decision.rules import NO_RULES, Condition, Offers, Rule, RuleBook

_BERLIN = ZoneInfo("Europe/Berlin")
_TICK = timedelta(microseconds=1)

# Around the nights on which clocks change, a leap day and a year's end, densely enough for ties to be common.
_SPECIAL = [
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
    datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
    datetime(2028, 2, 29, tzinfo=UTC),
    datetime(2028, 3, 1, tzinfo=UTC),
    datetime(2027, 1, 1, tzinfo=UTC),
]
moments = st.one_of(
    st.sampled_from(_SPECIAL),
    st.sampled_from(_SPECIAL).map(lambda moment: moment - _TICK),
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


windows = st.sampled_from([CalendarMonth(), CalendarMonth("Europe/Berlin"), Rolling(7), Rolling(30)])
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


def _width(access: Access) -> int:
    return [Access.NONE, Access.TEASER, Access.FULL].index(access)


@given(all_facts())
def test_every_set_of_facts_has_a_decision(facts: Facts) -> None:
    decision = decide(facts)
    assert decision.trace[-1].reason is decision.reason
    assert decision.access is decision.reason.access


@given(all_facts(), grants())
def test_more_grants_never_close_a_door(facts: Facts, extra: Grant) -> None:
    assume(facts.reader is not None)
    richer = replace(facts, grants=(*facts.grants, extra))
    assert _width(decide(richer).access) >= _width(decide(facts).access)


@given(all_facts(), institutions, gifts)
def test_no_other_way_in_closes_a_door_either(facts: Facts, place: InstitutionPass, gift: GiftPass) -> None:
    for richer in (replace(facts, institution=facts.institution or place), replace(facts, gift=gift)):
        # A longer gift only: one that has run out is not "more".
        assume(facts.gift is None or gift.until >= facts.gift.until)
        assert _width(decide(richer).access) >= _width(decide(facts).access)


@given(all_facts())
def test_each_free_read_left_keeps_the_door_open(facts: Facts) -> None:
    if facts.meter is None:
        return
    more = replace(facts, meter=replace(facts.meter, limit=facts.meter.limit + 1))
    assert _width(decide(more).access) >= _width(decide(facts).access)


@given(all_facts())
def test_an_entitled_reader_spends_nothing(facts: Facts) -> None:
    fitting = [grant for grant in facts.grants if grant.product in facts.ask.products]
    if any(grant.standing(at=facts.now).opens for grant in fitting):
        assert decide(facts).reason not in {Reason.METERED, Reason.METER_EXHAUSTED, Reason.GIFT_LINK}


@given(all_facts())
def test_only_a_metered_article_is_opened_by_a_free_read(facts: Facts) -> None:
    decision = decide(facts)
    if decision.reason is Reason.METERED:
        assert facts.ask.demand is Demand.METERED
        assert facts.meter is not None
        assert facts.meter.opens(at=facts.now)
        assert facts.crawler is None
    assert (decision.meter is not None) is (decision.reason in {Reason.METERED, Reason.METER_EXHAUSTED})


@given(all_facts())
def test_what_no_rule_speaks_of_opens_to_nobody_but_staff(facts: Facts) -> None:
    silent = replace(facts, article=replace(facts.article, demand=None, products=()), rules=NO_RULES)
    silent = replace(silent, crawler=None, gift=None)
    assert decide(silent).access is not Access.FULL or decide(silent).reason is Reason.STAFF


@given(all_facts(), st.randoms())
def test_the_order_of_grants_does_not_matter(facts: Facts, random: object) -> None:
    shuffled = list(facts.grants)
    random.shuffle(shuffled)
    assert decide(replace(facts, grants=tuple(shuffled))) == decide(facts)
    assert strongest_first(shuffled, at=facts.now) == strongest_first(facts.grants, at=facts.now)


@given(all_facts(), moments)
def test_nothing_changes_before_until(facts: Facts, later: datetime) -> None:
    decision = decide(facts)
    assume(later > facts.now)
    if decision.until is None or later < decision.until:
        then = decide(replace(facts, now=later))
        assert (then.reason, then.remedies, then.until) == (
            decision.reason,
            decision.remedies,
            decision.until,
        )


@given(all_facts())
def test_the_answer_does_change_at_until(facts: Facts) -> None:
    decision = decide(facts)
    assume(decision.until is not None)
    assert decision.until is not None
    assert decision.until > facts.now
    last = decide(replace(facts, now=max(facts.now, decision.until - _TICK)))
    then = decide(replace(facts, now=decision.until))
    assert (last.reason, last.remedies) == (decision.reason, decision.remedies)
    assert (then.reason, then.remedies) != (decision.reason, decision.remedies)


@given(grants(), moments)
def test_a_term_is_half_open(grant: Grant, at: datetime) -> None:
    plain = replace(grant, suspension=None, grace_until=None)
    within = plain.starts_at <= at and (plain.ends_at is None or at < plain.ends_at)
    assert (plain.standing(at=at) is Standing.HELD) is within


@given(grants(), moments)
def test_two_terms_that_touch_leave_no_gap_and_no_overlap(grant: Grant, at: datetime) -> None:
    assume(grant.ends_at is not None)
    assert grant.ends_at is not None
    first = replace(grant, suspension=None, grace_until=None)
    second = replace(first, starts_at=grant.ends_at, ends_at=None)
    held = [each for each in (first, second) if each.standing(at=at) is Standing.HELD]
    assert len(held) == (1 if at >= first.starts_at else 0)


@given(all_facts())
def test_a_failed_card_is_fixed_and_never_sold_a_second_subscription(facts: Facts) -> None:
    decision = decide(facts)
    if decision.reason is Reason.PAYMENT_FAILED:
        assert decision.remedies[0] is Remedy.FIX_CARD
        assert Remedy.SUBSCRIBE not in decision.remedies
    if decision.reason is Reason.PAYMENT_ACTION_REQUIRED:
        assert decision.remedies[0] is Remedy.CONFIRM_PAYMENT
        assert Remedy.SUBSCRIBE not in decision.remedies


@given(all_facts())
def test_nobody_but_their_own_rights_open_a_paid_article(facts: Facts) -> None:
    facts = replace(facts, article=replace(facts.article, demand=Demand.SUBSCRIBER, products=("premium",)))
    decision = decide(facts)
    fitting = [grant for grant in facts.grants if grant.product in facts.ask.products]
    opens = any(grant.standing(at=facts.now).opens for grant in fitting)
    is_staff = facts.reader is not None and facts.reader.is_staff
    let_in = decision.reason in {Reason.INSTITUTION, Reason.VERIFIED_CRAWLER, Reason.GIFT_LINK}
    assert decision.access is not Access.FULL or opens or is_staff or let_in
    if decision.reason in {Reason.ENTITLED, Reason.GRACE_PERIOD}:
        assert decision.grant in fitting


def test_the_hour_that_happens_twice_is_two_hours() -> None:
    ends = datetime(2026, 10, 25, 2, 30, fold=0, tzinfo=_BERLIN).astimezone(UTC)
    grant = Grant(product="premium", source="x", starts_at=ends - timedelta(days=1), ends_at=ends)
    second_half_past_two = datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=_BERLIN).astimezone(UTC)
    assert grant.standing(at=ends - _TICK) is Standing.HELD
    assert grant.standing(at=second_half_past_two - timedelta(hours=1)) is Standing.ENDED
    assert second_half_past_two - ends == timedelta(hours=1)
