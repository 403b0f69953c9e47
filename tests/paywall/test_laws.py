"""The laws of the decision where its facts come from the database, each held against towns made by chance.

Those of the decision alone are in tests/decision. A town that breaks a law is named by its number.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from random import Random

import pytest

from accounts.identity import Identity
from accounts.models import User
from paywall import access, articles, rules, shadow, timeline
from paywall.decision.reasons import Reason
from paywall.entitlements import grant_of
from paywall.models import Article, Entitlement, FreeRead
from paywall.shadow import Audience
from tests.factories.paywall import DAY, NOON, draft
from tests.paywall.towns import HOUR, Town, a_town_of_payers, any_town, some_rules
from tests.proofs.extent import extent

pytestmark = pytest.mark.django_db

TOWNS = range(extent(ordinary=12, full=500))
_SINCE = NOON - 45 * DAY
_TICK = timedelta(microseconds=1)


@pytest.fixture(params=TOWNS)
def chance(request: pytest.FixtureRequest) -> Random:
    return Random(request.param)


@pytest.fixture
def town(chance: Random) -> Town:
    return any_town(chance)


def test_explained_now_is_what_is_decided_now(town: Town) -> None:
    for who, article in _pairs(town):
        told = access.explain(who.reader, article, at=NOON, known_at=NOON, network=who.network)
        assert told.decision == access.peek(who, article, now=NOON)


def test_a_batch_decides_as_each_question_by_itself(town: Town) -> None:
    for who in town.everybody():
        for article, decision in access.check_many(who, town.articles(), now=NOON):
            assert decision == access.peek(who, article, now=NOON)


def test_only_what_nothing_else_opens_is_spent_on_and_once(town: Town) -> None:
    for who, article in _of_readers(town):
        decided = access.peek(Identity(who), article, now=NOON)
        is_new = decided.meter is not None and not decided.meter.has_counted(at=NOON)
        assert _spends(who, article) is (decided.reason is Reason.METERED and is_new)
        assert not _spends(who, article)


def test_an_entitled_reader_never_spends(town: Town) -> None:
    for who, article in _of_readers(town):
        if _is_entitled(who, article):
            assert not _spends(who, article)


class TestTimeline:
    def test_ends_with_the_decision_of_now(self, town: Town) -> None:
        for who, article in _of_readers(town):
            last = timeline.of(who, article, since=_SINCE, until=NOON)[-1]
            decided = access.peek(Identity(who), article, now=NOON)
            source = decided.grant.source if decided.grant is not None else ""
            assert (last.reason, last.source, last.ends_at) == (decided.reason, source, None)

    def test_misses_no_turn(self, town: Town, chance: Random) -> None:
        who = town.readers[0]
        for article in town.articles():
            spans = timeline.of(who, article, since=_SINCE, until=NOON)
            for _ in range(10):
                moment = NOON - chance.randint(0, 44 * 24) * HOUR - chance.choice([_TICK, timedelta()])
                said = next(span for span in reversed(spans) if span.starts_at <= moment)
                assert said.reason is access.as_of(who, article, at=moment).reason


class TestShadow:
    @pytest.mark.usefixtures("town")
    def test_of_a_draft_that_says_what_is_live_finds_that_nothing_changes(self) -> None:
        report = shadow.run(rules.draft(name="The same", now=NOON), now=NOON, days=60)
        assert report.changes == ()
        assert report.payers_who_lose == 0
        assert report.replay == shadow.Replay(reads=FreeRead.objects.count(), refused=0)

    def test_tells_every_answer_that_changes_once_the_draft_is_live(self, chance: Random) -> None:
        town = a_town_of_payers(chance)
        given, otherwise = some_rules(chance)
        proposed = draft(*given, **otherwise)
        before = _answers(town)
        report = shadow.run(proposed, now=NOON)
        rules.publish(proposed, by=None, now=NOON)
        for (who, article_id), reason in _answers(town).items():
            was = before[who, article_id]
            assert was is reason or any(
                (change.before, change.after) == (was, reason)
                and article_id in change.examples
                and _is_about(change.audience, who)
                for change in report.changes
            )


def _pairs(town: Town) -> Iterator[tuple[Identity, Article]]:
    for who in town.everybody():
        for article in town.articles():
            yield who, article


def _of_readers(town: Town) -> Iterator[tuple[User, Article]]:
    for who in town.readers:
        for article in town.articles():
            yield who, article


def _spends(who: User, article: Article) -> bool:
    before = FreeRead.objects.count()
    access.spend(Identity(who), article, now=NOON)
    return FreeRead.objects.count() > before


def _is_entitled(who: User, article: Article) -> bool:
    asked = rules.of(article).ask(articles.facts_of(article), at=NOON)
    rights = (grant_of(row) for row in Entitlement.objects.current().filter(reader=who))
    return any(right.product in asked.products and right.standing(at=NOON).opens for right in rights)


def _answers(town: Town) -> dict[tuple[User | None, str], Reason]:
    """Return why everybody may read or not, by who they are and the article's id."""
    return {
        (who.reader, article.id): access.peek(who, article, now=NOON).reason for who, article in _pairs(town)
    }


def _is_about(audience: Audience, who: User | None) -> bool:
    if who is None:
        return audience.reader is None
    if not who.entitlements.exists():
        return audience.reader is not None and not audience.grants
    return who.public_id in audience.examples
