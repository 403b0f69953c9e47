"""The body reaches nobody who may not read it: every route of this app, every method, every kind of caller.

A scan that finds nothing proves nothing by itself, so the same scan must find the body where it belongs.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from paywall.urls import urlpatterns
from tests.architecture.routes import METHODS
from tests.factories.paywall import DAY, MARKER, NOON, article, entitle, failed, grant, reader
from tests.paywall.conftest import SITE, sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]

IDS = ("harbour-vote", "embargoed", "tomorrow", "withdrawn")
QUERIES = ("", "?format=html&fields=body&expand=body&include=body&cursor=")
BODY = json.dumps({"articles": list(IDS)})


@pytest.fixture(autouse=True)
def _articles() -> None:
    article()
    article("embargoed", embargo_until=NOON + DAY)
    article("tomorrow", published_at=NOON + DAY)
    article("withdrawn", unpublished_at=NOON - DAY / 2)


def paths() -> list[str]:
    found = []
    for pattern in urlpatterns:
        ids = IDS if "article_id" in str(pattern.pattern) else (None,)
        found += [
            reverse(f"paywall:{pattern.name}", kwargs={"article_id": each} if each else None) for each in ids
        ]
    return found


def scan(client: Client, *, query: str = "") -> set[tuple[str, str]]:
    """Return where the body comes out: (method, path) of every answer that holds it, headers included."""
    found = set()
    # What changes articles comes last, so that everything before it still finds them.
    for method in sorted(METHODS, key=lambda method: method in {"PUT", "DELETE"}):
        for path in paths():
            headers = {"X-Original-URI": "/harbour-vote", "Accept": "*/*"}
            options: dict[str, Any] = {} if method in {"GET", "HEAD"} else {"data": BODY}
            answer = client.generic(
                method, path + query, content_type="application/json", headers=headers, **options
            )
            if MARKER in answer.content.decode() or any(MARKER in value for value in answer.headers.values()):
                found.add((method, path))
    return found


def with_rights(email: str, **fields: Any) -> User:
    who = reader(email, **fields)
    entitle(who, grant(source=f"subscription:{email}"))
    return who


def lapsed() -> Client:
    who = reader("lapsed@readers.example")
    entitle(who, grant(ends_at=NOON))
    return sign_in(who)


def card_failed() -> Client:
    who = reader("failed@readers.example")
    entitle(who, failed())
    return sign_in(who)


def elsewhere() -> Client:
    who = reader("elsewhere@readers.example")
    entitle(who, grant(product="culture"))
    return sign_in(who)


CALLERS = {
    "a stranger": Client,
    "a reader": lambda: sign_in(reader("known@readers.example")),
    "a lapsed reader": lapsed,
    "a reader whose card failed": card_failed,
    "a subscriber of something else": elsewhere,
    "the site itself": lambda: Client(headers=SITE),
}


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("query", QUERIES)
def test_nobody_else_gets_the_body(caller: str, query: str) -> None:
    client: Client = CALLERS[caller]()
    client.raise_request_exception = False
    assert scan(client, query=query) == set()


def test_a_site_does_not_get_it_for_a_blocked_reader_or_one_without_rights() -> None:
    blocked = with_rights("blocked@readers.example", is_active=False)
    nobody = reader("nobody@readers.example")
    for who in (blocked, nobody):
        assert scan_reading(Client(headers=SITE), who) == set()


def scan_reading(client: Client, who: User) -> set[str]:
    answers = {each: client.post(f"/api/v1/articles/{each}/read?reader={who.public_id}") for each in IDS}
    return {each for each, answer in answers.items() if MARKER in answer.content.decode()}


@pytest.mark.parametrize("is_staff", [False, True], ids=["a subscriber", "staff"])
def test_the_scan_finds_it_where_it_belongs(*, is_staff: bool) -> None:
    who = with_rights("entitled@readers.example", is_staff=is_staff)
    assert scan(sign_in(who)) == {("POST", "/api/v1/articles/harbour-vote/read")}
    assert scan_reading(Client(headers=SITE), who) == {"harbour-vote"}
