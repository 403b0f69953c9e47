"""The CMS states articles whole, as often as it likes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from paywall.models import Article
from tests.factories.paywall import MARKER, NOON, article, product
from tests.paywall.conftest import sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]

URL = "/api/v1/articles/harbour-vote"
STATEMENT: dict[str, Any] = {
    "url": "http://localhost:8001/city/harbour-vote/",
    "title": "The harbour votes",
    "section": "city",
    "tags": ["harbour"],
    "authors": ["Ines Holt"],
    "published_at": "2026-11-24T12:00:00Z",
    "teaser": "<p>On Sunday.</p>",
    "body": f"<p>On Sunday.</p><p>{MARKER} and four words more</p>",
    "demand": "subscriber",
    "products": ["premium"],
}


@pytest.fixture(autouse=True)
def _premium() -> None:
    product("premium")


def put(client: Client, *, leave_out: str = "", **changes: Any) -> Any:
    said = {name: value for name, value in {**STATEMENT, **changes}.items() if name != leave_out}
    return client.put(URL, said, content_type="application/json")


def test_new_then_known(site: Client) -> None:
    assert put(site).status_code == 201
    before = Article.objects.values().get()
    assert put(site).status_code == 200
    assert Article.objects.values().get() == before
    assert before["path"] == "/city/harbour-vote"
    assert before["words"] == 7


def test_a_change_is_a_change_of_the_whole(site: Client) -> None:
    put(site)
    assert put(site, leave_out="tags", title="The harbour has voted", words=12).status_code == 200
    row = Article.objects.get()
    assert (row.title, row.tags, row.words) == ("The harbour has voted", [], 12)
    assert row.stated_at > NOON - timedelta(minutes=1)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"leave_out": "body"}, "body"),
        ({"leave_out": "published_at"}, "published_at"),
        ({"published_at": "2026-11-24T12:00:00"}, "published_at"),
        ({"published_at": "yesterday"}, "published_at"),
        ({"demand": "premium"}, "demand"),
        ({"demand": "free"}, "products"),
        ({"products": []}, "products"),
        ({"url": "javascript:alert(1)"}, "url"),
        ({"url": "https://[x/a"}, "url"),
        ({"url": "https:///a"}, "url"),
        ({"paywalled": True}, "paywalled"),
        ({"title": "a\x00b"}, "title"),
        ({"words": -1}, "words"),
        ({"words": "12"}, "words"),
        ({"words": True}, "words"),
        ({"title": 7}, "title"),
        ({"tags": ["city", 7]}, "tags"),
        ({"published_at": 20261125}, "published_at"),
        ({"published_at": "1000-01-01T00:00:00+01:00"}, "published_at"),
    ],
    ids=str,
)
def test_a_statement_that_makes_no_sense_is_refused(
    site: Client, changes: dict[str, Any], field: str
) -> None:
    answer = put(site, **changes)
    assert answer.status_code == 400
    assert field in answer.json()["errors"]
    assert not Article.objects.exists()


def test_an_unknown_product_is_refused(site: Client) -> None:
    answer = put(site, products=["premium", "opera"])
    assert (answer.status_code, answer.json()["code"]) == (400, "product_unknown")
    assert not Article.objects.exists()


def test_an_id_that_is_too_long_is_refused(site: Client) -> None:
    answer = site.put(f"/api/v1/articles/{'x' * 121}", STATEMENT, content_type="application/json")
    assert answer.status_code == 400


def test_nobody_but_a_site_states_removes_or_lists(stranger: Client, signed_in: Client) -> None:
    article()
    for client, status in ((stranger, 401), (signed_in, 403)):
        assert put(client).status_code == status
        assert client.delete(URL).status_code == status
        assert client.get("/api/v1/articles").status_code == status
        assert client.get(f"{URL}/explain").status_code == status
    assert Article.objects.get().title == "The harbour votes"


def test_staff_are_no_site(mara: Any) -> None:
    mara.is_staff = mara.is_superuser = True
    mara.save()
    assert put(sign_in(mara)).status_code == 403


def test_removed_is_gone(site: Client) -> None:
    put(site)
    assert site.delete(URL).status_code == 204
    assert site.delete(URL).status_code == 404
    assert site.get(URL).status_code == 404


def test_the_list_is_walked_to_its_end_once_each(site: Client) -> None:
    for number in range(230):
        # Many at one moment: the cursor must not depend on moments being different.
        article(f"a{number:03}", published_at=NOON - timedelta(days=1 + number // 90))
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = site.get("/api/v1/articles", query_params={"cursor": cursor} if cursor else {})
        assert MARKER not in answer.content.decode()
        seen += [each["id"] for each in answer.json()["articles"]]
        cursor = answer.json()["next"]
    assert seen == [f"a{number:03}" for number in range(230)]


def test_the_list_tells_the_rule_of_each(site: Client) -> None:
    put(site)
    found = site.get("/api/v1/articles").json()["articles"][0]
    assert (found["demand"], found["products"], found["embargo_until"]) == ("subscriber", ["premium"], None)
    assert "body" not in found


@pytest.mark.parametrize("cursor", ["x", "////", "MjAyNi0xMS0yNHxh", "é", "fHw="])
def test_a_cursor_that_is_not_ours_is_refused(site: Client, cursor: str) -> None:
    assert site.get("/api/v1/articles", query_params={"cursor": cursor}).status_code == 400
