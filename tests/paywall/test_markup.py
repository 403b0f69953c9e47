"""What search engines are told of an article: true, the same for everybody, and never its text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from paywall.decision.article import Demand
from tests.factories.paywall import DAY, MARKER, NOON, article, entitle, grant, institution, live_rules
from tests.paywall.conftest import sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]

MARKUP = "/api/v1/articles/harbour-vote/markup"


def told(client: Client, **query: str) -> Any:
    answer = client.get(MARKUP, query)
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"].startswith("application/ld+json")
    return json.loads(answer.content)


def test_a_paid_article_says_so_and_what_opens_it(stranger: Client, settings: Any) -> None:
    settings.SITE_NAME = "The Harbour Courant"
    article(tags=["vote", "harbour"], url="https://news.example/harbour-vote")
    assert told(stranger) == {
        "@context": "https://schema.org",
        "@type": "NewsArticle",
        "headline": "The harbour votes",
        "datePublished": "2026-11-24T12:00:00+00:00",
        "author": [{"@type": "Person", "name": "Ines Holt"}],
        "articleSection": "city",
        "keywords": ["vote", "harbour"],
        "url": "https://news.example/harbour-vote",
        "mainEntityOfPage": "https://news.example/harbour-vote",
        "publisher": {"@type": "Organization", "name": "The Harbour Courant"},
        "isAccessibleForFree": False,
        "hasPart": {"@type": "WebPageElement", "isAccessibleForFree": False, "cssSelector": ".paywall"},
        "isPartOf": [
            {
                "@type": ["CreativeWork", "Product"],
                "name": "The Harbour Courant",
                "productID": "news.example:premium",
            }
        ],
    }


@pytest.mark.parametrize("demand", [Demand.REGISTERED, Demand.METERED, Demand.SUBSCRIBER])
def test_only_what_asks_nothing_is_free(stranger: Client, demand: Demand) -> None:
    article(demand=demand)
    assert told(stranger)["isAccessibleForFree"] is False


def test_a_free_one_withholds_nothing(stranger: Client) -> None:
    article(demand=Demand.FREE, authors=[], section="")
    known = told(stranger)
    assert known["isAccessibleForFree"] is True
    assert not {"hasPart", "isPartOf", "author", "articleSection", "keywords"} & known.keys()


def test_the_rules_say_where_the_article_does_not(stranger: Client) -> None:
    live_rules({"sections": ["city"], "demand": Demand.FREE})
    article(demand="")
    assert told(stranger)["isAccessibleForFree"] is True


def test_everybody_is_told_the_same(stranger: Client, mara: User) -> None:
    article()
    entitle(mara, grant())
    institution("192.0.2.0/24")
    answers = [
        stranger.get(MARKUP), sign_in(mara).get(MARKUP), stranger.get(MARKUP, REMOTE_ADDR="192.0.2.7"),
        stranger.get(MARKUP, headers={"User-Agent": "Googlebot/2.1"}),
    ]  # fmt: skip
    assert len({answer.content for answer in answers}) == 1
    assert {answer["Cache-Control"] for answer in answers} == {"private, no-store"}


@pytest.mark.parametrize(
    "state",
    [{"embargo_until": NOON + DAY}, {"published_at": NOON + DAY}, {"unpublished_at": NOON}],
    ids=["embargoed", "to come", "withdrawn"],
)
def test_of_what_nobody_may_know_nothing_is_told(stranger: Client, state: dict[str, Any]) -> None:
    article(**state)
    answer = stranger.get(MARKUP)
    assert (answer.status_code, answer.content) == (204, b"")


def test_no_text_of_it_is_in_there_and_none_is_fetched(stranger: Client) -> None:
    article()
    with CaptureQueriesContext(connection) as captured:
        answer = stranger.get(MARKUP)
    assert MARKER not in answer.content.decode()
    assert len(captured) == 1
    assert '"body"' not in captured.captured_queries[0]["sql"]


@pytest.mark.parametrize("accept", ["*/*", "application/ld+json", "application/json", "text/html, */*;q=0.1"])
def test_it_may_stand_in_a_script_element_whatever_it_holds(stranger: Client, accept: str) -> None:
    title = "</script><!--<script>& \u2028\u2029 ]]> “Ö”"
    article(title=title)
    answer = stranger.get(MARKUP, headers={"Accept": accept})
    text = answer.content.decode()
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text)["headline"] == title


@pytest.mark.parametrize("selector", [".lock", ".a-b_c", "._x"])
def test_the_page_names_its_own_class(stranger: Client, selector: str) -> None:
    article()
    assert told(stranger, selector=selector)["hasPart"]["cssSelector"] == selector


@pytest.mark.parametrize("selector", ["#lock", ".a .b", ".1", "div", ".a,.b", "." + "a" * 81, "</script>"])
def test_another_kind_of_selector_is_a_400(stranger: Client, selector: str) -> None:
    article()
    assert stranger.get(MARKUP, {"selector": selector}).status_code == 400


def test_an_article_nobody_stated_is_a_404(stranger: Client) -> None:
    assert stranger.get(MARKUP).status_code == 404
