"""Groups by API: the same functions as the pages', and problems that say what is the matter."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from tests.billing.groups import a_family, seat_of, token_for
from tests.billing.market import Market
from tests.factories.accounts import a_reader

GROUP = "/api/v1/group"


@pytest.fixture
def owner(market: Market) -> User:
    owner, _nobody = a_family(market)
    return owner


def ask(reader: User, method: str, path: str = "", body: Any = None) -> Any:
    site = Client()
    site.force_login(reader)
    given = {} if body is None else {"data": body, "content_type": "application/json"}
    return getattr(site, method)(f"{GROUP}{path}", **given)


def test_invite_come_see_and_leave(owner: User) -> None:
    answer = ask(owner, "post", "/invitations", {"email": "friend@example.org"})
    assert answer.status_code == 201
    (group,) = answer.json()["groups"]
    assert (group["seats"], group["taken"], group["free"]) == (5, 2, 3)
    assert [(place["email"], place["state"]) for place in group["places"]] == [
        ("friend@example.org", "invited")
    ]
    friend = a_reader()
    answer = ask(friend, "post", "/memberships", {"token": token_for("friend@example.org")})
    assert answer.status_code == 201
    (membership,) = answer.json()["memberships"]
    assert (membership["group"], membership["standing"]) == (owner.email, "reads")
    site = Client()
    site.force_login(friend)
    answer = site.get(GROUP)
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.json() == {"groups": [], "memberships": [membership]}
    answer = ask(friend, "delete", f"/memberships/{membership['id']}")
    assert answer.json() == {"groups": [], "memberships": []}


def test_an_owner_removes(owner: User, market: Market) -> None:
    friend = a_reader()
    ask(owner, "post", "/invitations", {"email": friend.email})
    ask(friend, "post", "/memberships", {"token": token_for(friend.email)})
    answer = ask(owner, "delete", f"/places/{seat_of(friend).pk}")
    assert answer.json()["groups"][0]["places"] == []


def test_problems_have_names(owner: User) -> None:
    friend = a_reader()
    for number in range(4):
        ask(owner, "post", "/invitations", {"email": f"{number}@example.org"})
    for reader, method, path, body, expected in (
        (owner, "post", "/invitations", {"email": "x@example.org"}, (409, "group_full")),
        (owner, "post", "/invitations", {"email": owner.email}, (409, "group_refused")),
        (owner, "post", "/memberships", {"token": token_for("1@example.org")}, (409, "group_refused")),
        (friend, "post", "/invitations", {"email": "x@example.org"}, (409, "nothing_to_do")),
        (friend, "post", "/memberships", {"token": "x"}, (404, "invitation_gone")),
        (friend, "delete", "/places/1", None, (409, "nothing_to_do")),
        (friend, "delete", "/memberships/1", None, (409, "nothing_to_do")),
        (friend, "delete", "/memberships/x", None, (409, "nothing_to_do")),
        (owner, "post", "/invitations", {"email": "x"}, (400, "invalid")),
        (owner, "post", "/invitations", {}, (400, "invalid")),
        (owner, "post", "/invitations", {"email": "x@example.org", "seats": 9}, (400, "invalid")),
        (owner, "post", "/memberships", {"token": ["x"]}, (400, "invalid")),
    ):
        answer = ask(reader, method, path, body)
        assert (answer.status_code, answer.json()["code"]) == expected, (path, body)
