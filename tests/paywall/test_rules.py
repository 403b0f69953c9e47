"""Drafts, versions, and what articles ask by them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from paywall import articles, rules
from paywall.decision.article import ArticleFacts, Ask, Demand
from paywall.errors import RulesRefused
from paywall.models import RuleSet
from tests.factories.paywall import DAY, NOON, article, draft, live_rules, product

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]

FREE = {"demand": Demand.FREE}


def asked(made: RuleSet, *, age: int = 1, **fields: Any) -> Ask:
    """Return what a published article of this kind asks by a rule set."""
    facts = ArticleFacts(id="harbour-vote", published_at=NOON - age * DAY, **fields)
    return rules.book(made).ask(facts, at=NOON)


class TestRules:
    def test_the_first_that_fits_counts(self) -> None:
        made = draft(
            {"sections": ["opinion"], **FREE},
            {"tags": ["harbour"], "demand": Demand.REGISTERED},
        )
        assert asked(made, section="Opinion", tags=("harbour",)).demand is Demand.FREE
        assert asked(made, section="city", tags=("sea", "Harbour")).demand is Demand.REGISTERED
        assert asked(made, section="city") == Ask(Demand.SUBSCRIBER, ("premium",))

    def test_all_fields_of_one_must_fit(self) -> None:
        made = draft({"sections": ["opinion"], "authors": ["Ines Holt"], "kinds": ["column"], **FREE})
        fits = {"section": "opinion", "authors": ("Ines Holt",), "kind": "Column"}
        assert asked(made, **fits).demand is Demand.FREE
        for name in fits:
            assert asked(made, **{**fits, name: () if name == "authors" else ""}).demand is Demand.SUBSCRIBER

    def test_ages_are_half_open(self) -> None:
        made = draft({"older_than_days": 2, "younger_than_days": 30, **FREE})
        assert [asked(made, age=age).demand is Demand.FREE for age in (1, 2, 29, 30)] == [
            False, True, True, False,
        ]  # fmt: skip

    def test_one_article_can_be_an_exception(self) -> None:
        assert asked(draft({"articles": ["harbour-vote"], **FREE})).demand is Demand.FREE

    def test_what_the_cms_states_counts_more(self) -> None:
        made = draft({"sections": ["city"], **FREE})
        assert asked(made, section="city", demand=Demand.REGISTERED).demand is Demand.REGISTERED


class TestPublishing:
    def test_makes_the_draft_live_and_retires_the_one_before(self) -> None:
        first = live_rules(now=NOON - 3 * DAY)
        second = draft({"sections": ["city"], **FREE})
        rules.publish(second, by=None, now=NOON - DAY, reason="Local news is free.")
        assert rules.live() == second
        first.refresh_from_db()
        assert (first.state, first.retired_at) == (RuleSet.State.RETIRED, NOON - DAY)
        assert rules.as_of(NOON - 2 * DAY).key == first.key
        assert rules.as_of(NOON - DAY).key == second.key
        assert rules.as_of(NOON - 4 * DAY).key == ""

    def test_is_done_once(self) -> None:
        made = live_rules()
        with pytest.raises(RulesRefused):
            rules.publish(made, by=None, now=NOON)

    def test_never_lets_a_version_end_before_it_began(self) -> None:
        first = live_rules(now=NOON)
        rules.publish(draft(), by=None, now=NOON - DAY)
        first.refresh_from_db()
        assert first.retired_at == NOON + timedelta(microseconds=1)

    def test_is_not_undone_by_who_throws_the_draft_away(self) -> None:
        seen, thrown = draft(), draft()
        rules.publish(RuleSet.objects.get(pk=seen.pk), by=None, now=NOON)
        with pytest.raises(RulesRefused, match="published already"):
            rules.discard(seen)
        rules.discard(thrown)
        assert set(RuleSet.objects.values_list("pk", flat=True)) == {seen.pk}

    def test_two_live_versions_are_impossible(self) -> None:
        live_rules()
        with pytest.raises(IntegrityError), transaction.atomic():
            draft(state=RuleSet.State.LIVE, published_at=NOON)

    @pytest.mark.parametrize(
        ("rule", "told"),
        [
            ({**FREE}, "names no articles"),
            ({"sections": [" "], **FREE}, "names no articles"),
            ({"sections": ["city"], "demand": Demand.SUBSCRIBER}, "open to nobody"),
            ({"sections": ["city"], "demand": Demand.METERED}, "open to nobody"),
            ({"sections": ["city"], "products": ["premium"], **FREE}, "do nothing"),
            ({"sections": ["city"], "products": ["opera"], "demand": Demand.SUBSCRIBER}, "no product opera"),
            ({"older_than_days": 3, "younger_than_days": 3, **FREE}, "No article is"),
            ({"older_than_days": 999_999_999, **FREE}, "No article is older"),
        ],
    )
    def test_of_what_cannot_be_meant_is_refused_with_the_mistake(
        self, rule: dict[str, Any], told: str
    ) -> None:
        made = draft(rule)
        assert any(told in each for each in rules.mistakes(made))
        with pytest.raises(RulesRefused, match=told):
            rules.publish(made, by=None, now=NOON)
        assert rules.live() is None

    @pytest.mark.parametrize(
        ("fields", "told"),
        [
            ({"otherwise_products": []}, "open to nobody"),
            ({"otherwise_demand": Demand.FREE}, "do nothing"),
            ({"lapsed_offer": "opera"}, "no product opera"),
            ({"meter_zone": "Europe/Atlantis"}, "no time zone"),
            ({"meter_zone": "../etc"}, "no time zone"),
            ({"meter_window": "days", "meter_days": 0}, "never run out"),
            ({"meter_window": "days", "meter_days": 367}, "at most 366 days"),
        ],
    )
    def test_of_a_whole_that_cannot_be_meant_is_refused(self, fields: dict[str, Any], told: str) -> None:
        assert any(told in each for each in rules.mistakes(draft(**fields)))

    def test_of_a_rule_that_is_never_reached_is_refused(self) -> None:
        made = draft(
            {"sections": ["city", "sport"], **FREE},
            {"sections": ["City"], "tags": ["harbour"], "demand": Demand.REGISTERED},
        )
        assert any("its turn never comes" in each for each in rules.mistakes(made))
        assert rules.mistakes(draft({"tags": ["harbour"], **FREE}, {"sections": ["city"], **FREE})) == ()


class TestDrafts:
    def test_the_first_closes_everything(self) -> None:
        made = rules.draft(name="First", now=NOON)
        assert asked(made) == Ask(Demand.SUBSCRIBER)
        assert any("open to nobody" in each for each in rules.mistakes(made))

    def test_begin_as_what_is_live(self) -> None:
        was = live_rules({"sections": ["city"], **FREE}, stranger_reads=3)
        made = rules.draft(name="Next", now=NOON)
        assert (made.state, made.stranger_reads, made.key != was.key) == (RuleSet.State.DRAFT, 3, True)
        assert asked(made, section="city").demand is Demand.FREE
        assert rules.live() == was
        assert was.rules.count() == made.rules.count() == 1


class TestArticlesByRule:
    def test_ask_what_the_live_rules_say(self, stranger: Client) -> None:
        live_rules({"sections": ["opinion"], **FREE})
        article(demand="", section="opinion")
        article("b", demand="", section="city")
        assert stranger.get("/api/v1/articles/harbour-vote/access").json()["reason"] == "free"
        found = stranger.get("/api/v1/articles/b/access").json()
        assert (found["reason"], found["products"]) == ("subscription_required", ["premium"])

    def test_follow_a_new_version_at_once(self, stranger: Client) -> None:
        live_rules()
        article(demand="")
        assert stranger.post("/api/v1/articles/harbour-vote/read").json()["access"] == "teaser"
        rules.publish(draft({"sections": ["city"], **FREE}), by=None, now=NOON)
        assert stranger.post("/api/v1/articles/harbour-vote/read").json()["access"] == "full"

    def test_without_rules_stay_closed(self, stranger: Client) -> None:
        article(demand="")
        found = stranger.get("/api/v1/articles/harbour-vote/access").json()
        assert (found["access"], found["products"]) == ("teaser", [])

    def test_tell_when_age_changes_the_answer(self, stranger: Client) -> None:
        live_rules({"older_than_days": 30, **FREE})
        article(demand="")
        found = stranger.get("/api/v1/articles/harbour-vote/access").json()
        assert found["until"] == "2026-12-24T12:00:00Z"

    def test_are_refused_while_there_are_no_rules(self, site: Client) -> None:
        said = {
            "url": "http://localhost:8001/harbour-vote",
            "title": "The harbour votes",
            "published_at": "2026-11-24T12:00:00Z",
            "body": "<p>…</p>",
        }
        answer = site.put("/api/v1/articles/a", said, content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == (400, "rules_missing")
        live_rules()
        assert site.put("/api/v1/articles/a", said, content_type="application/json").status_code == 201
        assert articles.for_decision("a").demand == ""
        (listed,) = site.get("/api/v1/articles").json()["articles"]
        assert listed["demand"] is None

    def test_cost_no_statement_more(self, stranger: Client, django_assert_num_queries: Any) -> None:
        live_rules()
        article(demand="")
        stranger.get("/api/v1/articles/harbour-vote/access")
        with django_assert_num_queries(1):
            stranger.get("/api/v1/articles/harbour-vote/access")


def test_the_product_offered_to_this_kind_of_reader_comes_first(stranger: Client, signed_in: Client) -> None:
    for slug in ("culture", "trial"):
        product(slug)
    live_rules(
        otherwise_products=["premium", "culture", "trial"], stranger_offer="trial", reader_offer="culture"
    )
    article(demand="")
    url = "/api/v1/articles/harbour-vote/access"
    assert stranger.get(url).json()["products"] == ["trial", "premium", "culture"]
    assert signed_in.get(url).json()["products"][0] == "culture"
    assert "product=culture" in signed_in.get(url).json()["remedies"][0]["url"]
