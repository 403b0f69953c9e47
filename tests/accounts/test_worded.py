"""A query that is worded once finds what the query itself finds, for every value and at any time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from accounts.worded import Worded
from paywall.models import Article
from tests.factories.paywall import NOON, article, entitle, gift, grant, reader

pytestmark = pytest.mark.django_db

BY_ADDRESS = Worded[User, str](lambda address: User.objects.filter(email=address), sample="a")


def test_finds_each_by_its_value() -> None:
    readers = [reader(f"{name}@readers.example") for name in ("mara", "jon")]
    for who in readers:
        (found,) = BY_ADDRESS.rows(who.email)
        assert {name: getattr(found, name) for name in vars(who) if name != "_state"} == {
            name: value for name, value in vars(who).items() if name != "_state"
        }
    assert BY_ADDRESS.rows("nobody@readers.example") == []


def test_costs_one_statement() -> None:
    with CaptureQueriesContext(connection) as captured:
        BY_ADDRESS.rows("nobody@readers.example")
    assert len(captured) == 1


@pytest.mark.parametrize("odd", ["'", '"; --', "%", "%s", "%(a)s", "\\", "a", "é", ""])
def test_a_value_is_never_part_of_the_statement(odd: str) -> None:
    who = reader(f"x{odd}@readers.example")
    assert BY_ADDRESS.rows(who.email) == [who]
    assert BY_ADDRESS.rows(odd) == []


def test_what_is_said_beside_a_row_is_what_the_query_says() -> None:
    story = article()
    query = Article.objects.for_decision()
    by_id = Worded[Article, str](lambda pk: query.filter(pk=pk), sample="a")
    assert by_id.rows(story.id)[0].given_until is None  # type: ignore[attr-defined]
    giver = reader()
    entitle(giver, grant())
    gift(giver, article=story, now=NOON - timedelta(days=1))
    (found,), asked = by_id.rows(story.id), query.get(pk=story.id)
    assert vars(found).keys() == vars(asked).keys()
    for name in vars(asked).keys() - {"_state"}:
        assert getattr(found, name) == getattr(asked, name), name
    assert found.get_deferred_fields() == asked.get_deferred_fields() >= {"body"}
