"""How many SQL statements one access check costs, for each kind of reader."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from paywall.decision.article import Demand
from tests.factories.paywall import (
    DAY,
    NOON,
    article,
    entitle,
    failed,
    gift,
    grant,
    in_grace,
    live_rules,
    reader,
)
from tests.paywall.conftest import sign_in

pytestmark = pytest.mark.django_db

ACCESS = "/api/v1/articles/harbour-vote/access"


@pytest.fixture(autouse=True)
def _at_noon(settings: Any, tmp_path: Path) -> None:
    settings.CLOCK_FILE = tmp_path / "clock"
    settings.CLOCK_FILE.write_text(str(NOON.timestamp() - time.time()))


@pytest.fixture
def mara() -> User:
    return reader()


def statements(client: Client, method: str = "get", path: str = ACCESS, **options: Any) -> list[str]:
    """Return the SQL of one call; the call before it paid for what a session does once in a while."""
    getattr(client, method)(path, **options)
    with CaptureQueriesContext(connection) as captured:
        answer = getattr(client, method)(path, **options)
    assert answer.status_code in {200, 204, 401, 403}, answer.content
    return [query["sql"] for query in captured.captured_queries]


def test_a_stranger_costs_one() -> None:
    article()
    assert len(statements(Client())) == 1


def test_a_subscriber_costs_session_account_article_and_rights(mara: User) -> None:
    article()
    entitle(mara, grant())
    found = statements(sign_in(mara))
    assert len(found) == 4, found


def test_a_reader_in_grace_costs_no_more(mara: User) -> None:
    article()
    entitle(mara, in_grace())
    assert len(statements(sign_in(mara))) == 4


@pytest.mark.parametrize("held", [grant(ends_at=NOON - DAY), failed()], ids=["ended", "card failed"])
def test_a_lapsed_reader_also_costs_the_question_whether_stripe_knows_better(mara: User, held: Any) -> None:
    article()
    entitle(mara, held)
    assert len(statements(sign_in(mara))) == 5


def test_a_free_article_asks_for_no_rights(mara: User) -> None:
    article(demand=Demand.FREE)
    assert len(statements(sign_in(mara))) == 3


def test_an_article_that_is_free_by_rule_asks_for_no_rights_either(mara: User) -> None:
    live_rules({"sections": ["city"], "demand": Demand.FREE})
    article(demand="", section="city")
    assert len(statements(sign_in(mara))) == 3


def test_known_and_never_subscribed_also_costs_the_names_of_products(mara: User) -> None:
    article()
    assert len(statements(sign_in(mara))) == 6


def test_reading_and_the_check_cost_the_same(mara: User) -> None:
    article()
    entitle(mara, grant())
    client = sign_in(mara)
    assert len(statements(client, "post", "/api/v1/articles/harbour-vote/read")) == 4
    check = "/api/v1/access/check"
    assert len(statements(client, "get", check, headers={"X-Original-URI": "/harbour-vote"})) == 4


def test_where_an_article_was_given_away_a_refused_reader_costs_one_more_and_nobody_else(mara: User) -> None:
    """An article that nobody gives away costs nothing more; which one is, is told with the article itself."""
    story = article()
    subscriber, giver = reader("subscriber@readers.example"), reader("giver@readers.example")
    for each in (subscriber, giver):
        entitle(each, grant())
    gift(giver, article=story)
    assert len(statements(sign_in(subscriber))) == 4
    assert len(statements(Client())) == 2
    assert len(statements(sign_in(mara))) == 7
    with CaptureQueriesContext(connection) as captured:
        Client().get(ACCESS)
    assert len(captured) == 1, "a device that is new has accepted nothing"


@pytest.mark.parametrize("size", [1, 100])
def test_a_batch_costs_the_same_at_any_size(mara: User, size: int) -> None:
    ids = [f"a{number}" for number in range(size)]
    for each in ids:
        article(each)
    options: dict[str, Any] = {"data": {"articles": ids}, "content_type": "application/json"}
    assert len(statements(Client(), "post", "/api/v1/access", **options)) == 1
    assert len(statements(sign_in(mara), "post", "/api/v1/access", **options)) == 6


def test_no_check_fetches_a_body(mara: User) -> None:
    article()
    entitle(mara, grant())
    client = sign_in(mara)
    for path in (ACCESS, "/api/v1/articles/harbour-vote"):
        assert not any('"body"' in sql for sql in statements(client, path=path))
