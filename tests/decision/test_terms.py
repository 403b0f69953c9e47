"""Whatever has a term holds from its first moment until before its end, whatever the calendar does meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import assume, given
from hypothesis import strategies as st

from paywall.decision.article import ArticleFacts, Demand
from paywall.decision.facts import Facts, GiftPass, Grant, InstitutionPass, Standing, Suspension
from paywall.decision.meter import Rolling, Window, reading
from paywall.decision.policy import decide
from paywall.decision.reasons import Reason
from paywall.decision.rules import Condition
from tests.decision.strategies import TICK, gifts, grants, institutions, moments, windows

_BERLIN = ZoneInfo("Europe/Berlin")


def _within(at: datetime, since: datetime | None, until: datetime | None) -> bool:
    return (since is None or since <= at) and (until is None or at < until)


def _around(*edges: datetime | None) -> Iterator[datetime]:
    """Yield each edge and the last moment before it."""
    for edge in edges:
        if edge is not None:
            yield from (edge - TICK, edge)


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


@given(grants(), moments)
def test_a_grace_is_half_open(grant: Grant, any_moment: datetime) -> None:
    assume(grant.ends_at is not None)
    failed = replace(grant, suspension=Suspension.PAYMENT_FAILED)
    for at in (any_moment, *_around(failed.ends_at, failed.grace_until)):
        within = failed.grace_until is not None and _within(at, failed.ends_at, failed.grace_until)
        assert (failed.standing(at=at) is Standing.GRACE) is within


@given(grants(), moments)
def test_a_pause_is_half_open(grant: Grant, any_moment: datetime) -> None:
    paused = replace(grant, suspension=Suspension.PAUSED)
    for at in (any_moment, *_around(paused.starts_at, paused.resumes_at)):
        assert (paused.standing(at=at) is Standing.PAUSED) is _within(at, paused.starts_at, paused.resumes_at)


@given(moments, st.none() | moments, st.none() | moments, moments)
def test_what_is_published_is_half_open(
    since: datetime, until: datetime | None, embargo: datetime | None, any_moment: datetime
) -> None:
    article = ArticleFacts(
        id="a", demand=Demand.FREE, published_at=since, unpublished_at=until, embargo_until=embargo
    )
    for at in (any_moment, *_around(since, until, embargo)):
        said = decide(Facts(now=at, article=article)).reason
        assert (said is Reason.UNPUBLISHED) is not _within(at, since, until)
        assert (said is Reason.FREE) is (_within(at, since, until) and _within(at, embargo, None))


@given(institutions, gifts, moments)
def test_what_others_give_is_half_open(place: InstitutionPass, gift: GiftPass, any_moment: datetime) -> None:
    article = ArticleFacts(
        id="a", demand=Demand.SUBSCRIBER, products=("premium",), published_at=datetime(2020, 1, 1, tzinfo=UTC)
    )
    house = replace(place, products=article.products)
    for at in (any_moment, *_around(house.since, house.until, gift.until)):
        here = decide(Facts(now=at, article=article, institution=house)).reason
        given_away = decide(Facts(now=at, article=article, gift=gift)).reason
        assert (here is Reason.INSTITUTION) is _within(at, house.since, house.until)
        assert (given_away is Reason.GIFT_LINK) is _within(at, None, gift.until)


@given(moments, st.integers(0, 400), st.integers(0, 400), moments)
def test_an_age_is_half_open(published_at: datetime, older: int, younger: int, any_moment: datetime) -> None:
    article = ArticleFacts(id="a", published_at=published_at)
    condition = Condition(older_than=timedelta(days=older), younger_than=timedelta(days=younger))
    first, last = (published_at + timedelta(days=age) for age in (older, younger))
    for at in (any_moment, *_around(first, last)):
        assert condition.fits(article, at=at) is _within(at, first, last)


@given(moments, windows, moments)
def test_a_free_read_counts_until_before_it_comes_back(
    spent_at: datetime, window: Window, any_moment: datetime
) -> None:
    back = window.counts_until(spent_at)
    for at in (max(spent_at, any_moment), spent_at, *_around(back)):
        counts = _within(at, spent_at, back)
        for read_at in (spent_at, at):
            read = reading({"a": spent_at}, article="a", limit=1, window=window, at=read_at)
            told = read.used(at=at), read.remaining(at=at), read.has_counted(at=at)
            assert told == ((1, 0, True) if counts else (0, 1, False))
        # What the database is asked for misses none that counts.
        assert not counts or spent_at >= window.counts_since(at=at)


@given(moments, windows)
def test_a_free_read_comes_back_at_a_midnight_or_after_whole_days(spent_at: datetime, window: Window) -> None:
    back = window.counts_until(spent_at)
    if isinstance(window, Rolling):
        assert back - spent_at == timedelta(days=window.days)
        return
    zone = ZoneInfo(window.zone)
    spent, last, first = (moment.astimezone(zone) for moment in (spent_at, back - TICK, back))
    assert (first.day, first.hour, first.minute, first.second, first.microsecond) == (1, 0, 0, 0, 0)
    assert (spent.year, spent.month) == (last.year, last.month)


def test_the_hour_that_happens_twice_is_two_hours() -> None:
    ends = datetime(2026, 10, 25, 2, 30, fold=0, tzinfo=_BERLIN).astimezone(UTC)
    grant = Grant(product="premium", source="x", starts_at=ends - timedelta(days=1), ends_at=ends)
    second_half_past_two = datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=_BERLIN).astimezone(UTC)
    assert grant.standing(at=ends - TICK) is Standing.HELD
    assert grant.standing(at=second_half_past_two - timedelta(hours=1)) is Standing.ENDED
    assert second_half_past_two - ends == timedelta(hours=1)
