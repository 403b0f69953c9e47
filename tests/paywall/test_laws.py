"""The laws of the decision where facts are gathered from the database, in towns made by chance.

Those of the decision alone are in tests/decision.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.identity import Identity
from accounts.models import User
from paywall import access, articles, rules, shadow, timeline
from paywall.decision.reasons import Reason
from paywall.entitlements import grant_of
from paywall.models import Article, Entitlement, FreeRead
from paywall.shadow import Audience
from tests.factories.paywall import DAY, NOON
from tests.paywall.towns import HOUR, Settled, Town, propose, settled, towns, towns_of_payers
from tests.paywall.towns import rules as any_rules

pytestmark = pytest.mark.django_db

_TICK = timedelta(microseconds=1)
_SINCE = NOON - 45 * DAY
# What each test stores is gone before the next example.
fifty = settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))


def _pairs(town: Settled) -> Iterator[tuple[Identity, Article]]:
    for who in town.everybody():
        for article in town.articles():
            yield who, article


@fifty
@given(towns)
def test_explained_now_is_what_is_decided_now(drawn: Town) -> None:
    with settled(drawn) as town:
        for who, article in _pairs(town):
            told = access.explain(who.reader, article, at=NOON, known_at=NOON, network=who.network)
            assert told.decision == access.peek(who, article, now=NOON)


@fifty
@given(towns)
def test_a_batch_decides_as_each_question_by_itself(drawn: Town) -> None:
    with settled(drawn) as town:
        for who in town.everybody():
            for article, decision in access.check_many(who, town.articles(), now=NOON):
                assert decision == access.peek(who, article, now=NOON)


@fifty
@given(towns)
def test_only_what_nothing_else_opens_is_spent_on_and_once(drawn: Town) -> None:
    with settled(drawn) as town:
        for who, article in _pairs(town):
            if who.reader is None:
                continue  # on a device that has no wallet yet
            before, decided = FreeRead.objects.count(), access.peek(who, article, now=NOON)
            is_new = decided.meter is not None and not decided.meter.has_counted(at=NOON)
            spent = [_spends(who, article), _spends(who, article)]
            assert spent == [decided.reason is Reason.METERED and is_new, False]
            assert FreeRead.objects.count() == before + sum(spent)


@fifty
@given(towns)
def test_an_entitled_reader_never_spends(drawn: Town) -> None:
    with settled(drawn) as town:
        for who, article in _pairs(town):
            if who.reader is not None and _is_entitled(who.reader, article):
                assert not _spends(who, article)


def _spends(who: Identity, article: Article) -> bool:
    before = FreeRead.objects.count()
    access.spend(who, article, now=NOON)
    return FreeRead.objects.count() > before


def _is_entitled(reader: User, article: Article) -> bool:
    asked = rules.of(article).ask(articles.facts_of(article), at=NOON)
    rights = (grant_of(row) for row in Entitlement.objects.current().filter(reader=reader))
    return any(right.product in asked.products and right.standing(at=NOON).opens for right in rights)


class TestTimeline:
    @fifty
    @given(towns)
    def test_ends_with_the_decision_of_now(self, drawn: Town) -> None:
        with settled(drawn) as town:
            for reader, article in _of_readers(town):
                last = timeline.of(reader, article, since=_SINCE, until=NOON)[-1]
                decided = access.peek(Identity(reader), article, now=NOON)
                source = decided.grant.source if decided.grant is not None else ""
                assert (last.reason, last.source, last.ends_at) == (decided.reason, source, None)

    @fifty
    @given(towns, st.lists(st.integers(0, 45 * 24), min_size=1, max_size=5))
    def test_misses_no_turn(self, drawn: Town, hours: list[int]) -> None:
        with settled(drawn) as town:
            for reader, article in _of_readers(town):
                spans = timeline.of(reader, article, since=_SINCE, until=NOON)
                for moment in (NOON - each * HOUR + step for each in hours for step in (-_TICK, timedelta())):
                    if moment >= _SINCE:
                        said = next(span for span in reversed(spans) if span.starts_at <= moment)
                        assert said.reason is access.as_of(reader, article, at=moment).reason


def _of_readers(town: Settled) -> Iterator[tuple[User, Article]]:
    for reader in town.readers:
        for article in town.articles():
            yield reader, article


class TestShadow:
    @fifty
    @given(towns)
    def test_of_a_draft_that_says_what_is_live_finds_that_nothing_changes(self, drawn: Town) -> None:
        with settled(drawn):
            report = shadow.run(rules.draft(name="The same", now=NOON), now=NOON, days=60)
            assert report.changes == ()
            assert report.payers_who_lose == 0
            assert report.replay == shadow.Replay(reads=FreeRead.objects.count(), refused=0)

    @fifty
    @given(towns_of_payers, any_rules())
    def test_tells_every_answer_that_changes_when_the_draft_is_live(
        self, drawn: Town, proposed: dict[str, Any]
    ) -> None:
        with settled(drawn) as town:
            draft = propose(proposed)
            before = _answers(town)
            report = shadow.run(draft, now=NOON)
            rules.publish(draft, by=None, now=NOON)
            for (reader, article_id), reason in _answers(town).items():
                was = before[reader, article_id]
                told = [
                    change
                    for change in report.changes
                    if (change.before, change.after) == (was, reason)
                    and _is_about(change.audience, reader)
                    and article_id in change.examples
                ]
                assert bool(told) or was is reason


def _answers(town: Settled) -> dict[tuple[User | None, str], Reason]:
    """Return what is decided now about everybody, by whoever they are and the article's id."""
    return {
        (who.reader, article.id): access.peek(who, article, now=NOON).reason for who, article in _pairs(town)
    }


def _is_about(audience: Audience, reader: User | None) -> bool:
    if reader is None:
        return audience.reader is None
    if not reader.entitlements.exists():
        return audience.reader is not None and not audience.grants
    return reader.public_id in audience.examples
