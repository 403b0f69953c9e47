"""The question of a reverse proxy: answered by the status, found by the address, closed where in doubt."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import User
from paywall import articles
from paywall.decision.article import Demand
from tests.factories.paywall import article, entitle, failed, grant

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]


def check(client: Client, uri: str = "/harbour-vote", **headers: str) -> tuple[int, str, str]:
    answer = client.get("/api/v1/access/check", headers={"X-Original-URI": uri, **headers})
    assert answer.content == b""
    return answer.status_code, answer.headers["X-Paywall-Reason"], answer.headers["X-Paywall-Access"]


def test_a_stranger_signs_in_first(stranger: Client) -> None:
    article()
    assert check(stranger) == (401, "subscription_required", "teaser")


def test_a_subscriber_passes(signed_in: Client, mara: User) -> None:
    article()
    entitle(mara, grant())
    assert check(signed_in) == (204, "entitled", "full")


def test_a_reader_whose_card_failed_does_not(signed_in: Client, mara: User) -> None:
    article()
    entitle(mara, failed())
    assert check(signed_in) == (403, "payment_failed", "teaser")


def test_the_other_header_does_as_well(stranger: Client) -> None:
    article(demand=Demand.FREE)
    answer = stranger.get("/api/v1/access/check", headers={"X-Forwarded-Uri": "/harbour-vote"})
    assert answer.status_code == 204


@pytest.mark.parametrize(
    "uri",
    [
        "/harbour-vote",
        "/harbour-vote/",
        "/harbour-vote?page=2",
        "/harbour-vote#more",
        "/harbour%2Dvote",
        "http://localhost:8001/harbour-vote",
    ],
)
def test_the_ways_to_write_one_address(stranger: Client, uri: str) -> None:
    article(demand=Demand.FREE)
    assert check(stranger, uri) == (204, "free", "full")


@pytest.mark.parametrize(
    "uri",
    [
        "/nobody-wrote-this",
        "//harbour-vote",
        "/x/../harbour-vote",
        "/x/%2e%2e/harbour-vote",
        "/harbour-vote/.",
        "/x%2f..%2fharbour-vote",
        "/harbour-vote;x",
        "\\harbour-vote",
        "/harbour-vote%00",
        "/harbour-vote%252f",
        "/harbour-vote%ff",
        "http://[",
        "",
    ],
)
def test_an_address_that_is_no_articles_or_can_be_read_in_two_ways_is_closed(
    stranger: Client, uri: str
) -> None:
    article(demand=Demand.FREE)
    assert check(stranger, uri) == (403, "unpublished", "none")


def test_headers_that_disagree_open_nothing(stranger: Client) -> None:
    article()
    article("tide-tables", demand=Demand.FREE)
    assert check(stranger, "/tide-tables", **{"X-Forwarded-Uri": "/tide-tables"})[0] == 204
    assert check(stranger, "/tide-tables", **{"X-Forwarded-Uri": "/harbour-vote"})[0] == 403


def test_an_address_of_two_articles_opens_neither(stranger: Client) -> None:
    article(demand=Demand.FREE)
    article("another", path="/harbour-vote", url="http://elsewhere.example/harbour-vote")
    assert check(stranger)[0] == 403


def test_letters_of_any_language_are_found_escaped_or_not() -> None:
    assert articles.path_of("/stra%C3%9Fe/") == articles.path_of("/straße") == "/straße"
