"""A mailed code is tried three times and works once, also for requests that come at the same moment.

Such requests read the session before any of them has written. Putting a session back to what it was before a request
is what the slower of two does.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import pytest
from django.test import Client

from accounts.models import Session, User
from tests.accounts.mailbox import last_code
from tests.factories.accounts import a_reader

ADA = "ada@example.org"
NEW = "correct horse battery"
LOGIN, CODE = "/account/login/", "/account/login/code/confirm/"
RESET, CONFIRM = "/account/password/reset/", "/account/password/reset/confirm/"
SIGNUP, PROVE = "/account/signup/", "/account/confirm-email/"

pytestmark = pytest.mark.django_db


class Slow:
    """Somebody whose every request is the slower one: nothing it makes the session forget is forgotten."""

    def __init__(self, api: str = "") -> None:
        self.client, self.api, self.token = Client(), api, ""
        self.kept: dict[str, Any] = {}

    def asks(self, path: str, body: dict[str, str]) -> None:
        self._post(path, body)
        self.kept = Session.objects.values().get()

    def tries(self, path: str, body: dict[str, str]) -> Any:
        answer = self._post(path, body)
        Session.objects.update_or_create(session_key=self.kept["session_key"], defaults=self.kept)
        return answer

    def _post(self, path: str, body: dict[str, str]) -> Any:
        if not self.api:
            return self.client.post(path, body)
        headers = {"X-Session-Token": self.token} if self.token else {}
        address = f"/_allauth/{self.api}/v1/{path}"
        answer = self.client.post(address, body, content_type="application/json", headers=headers)
        self.token = self.token or answer.json().get("meta", {}).get("session_token", "")
        return answer


@pytest.mark.parametrize(
    ("ask", "asked", "path", "field"),
    [(LOGIN, "login", CODE, "code"), (SIGNUP, "email", PROVE, "code"), (RESET, "email", CONFIRM, "code")],
)
def test_on_pages_ends_after_three_tries(ask: str, asked: str, path: str, field: str) -> None:
    if ask != SIGNUP:
        a_reader(ADA)
    slow = Slow()
    slow.asks(ask, {asked: ADA})
    for _ in range(3):
        assert slow.tries(path, {field: "wrong1"}).status_code == HTTPStatus.OK
    assert slow.tries(path, {field: last_code(ADA)}).status_code == HTTPStatus.OK, "the page, with an error"


@pytest.mark.parametrize(
    ("ask", "path", "body"),
    [
        ("auth/code/request", "auth/code/confirm", {"code": "{}"}),
        ("auth/signup", "auth/email/verify", {"key": "{}"}),
        ("auth/password/request", "auth/password/reset", {"key": "{}", "password": NEW}),
    ],
)
class TestApi:
    def test_ends_after_three_tries(self, ask: str, path: str, body: dict[str, str]) -> None:
        slow = self._asked(ask)
        for _ in range(3):
            slow.tries(path, self._with("wrong1", body))
        answer = slow.tries(path, self._with(last_code(ADA), body))
        assert answer.status_code == HTTPStatus.BAD_REQUEST
        assert answer.json()["errors"][0]["code"] == "incorrect_code"

    def test_takes_a_right_one_once(self, ask: str, path: str, body: dict[str, str]) -> None:
        slow = self._asked(ask)
        right = self._with(last_code(ADA), body)
        first, second = slow.tries(path, right), slow.tries(path, right)
        assert first.status_code in {HTTPStatus.OK, HTTPStatus.UNAUTHORIZED}
        assert second.status_code == HTTPStatus.BAD_REQUEST

    @staticmethod
    def _asked(ask: str) -> Slow:
        if ask != "auth/signup":
            a_reader(ADA)
        slow = Slow("app")
        slow.asks(ask, {"email": ADA})
        return slow

    @staticmethod
    def _with(code: str, body: dict[str, str]) -> dict[str, str]:
        return {name: value.format(code) for name, value in body.items()}


class TestNewPassword:
    def test_that_is_weak_costs_no_try(self) -> None:
        reader, slow = a_reader(ADA), Slow("app")
        slow.asks("auth/password/request", {"email": ADA})
        code = last_code(ADA)
        for _ in range(4):
            answer = slow._post("auth/password/reset", {"key": code, "password": "short"})
            assert [error["param"] for error in answer.json()["errors"]] == ["password"]
        slow._post("auth/password/reset", {"key": code, "password": NEW})
        reader.refresh_from_db()
        assert reader.check_password(NEW)

    def test_is_not_judged_for_who_has_no_code(self) -> None:
        a_reader(ADA)
        slow = Slow("app")
        slow.asks("auth/password/request", {"email": ADA})
        answer = slow.tries("auth/password/reset", {"key": "wrong1", "password": ADA})
        assert [error["param"] for error in answer.json()["errors"]] == ["key"]

    @pytest.mark.parametrize("email", [ADA, "nobody@example.org"])
    def test_with_a_wrong_code_looked_at_first_is_refused_alike(self, email: str) -> None:
        a_reader(ADA)
        slow = Slow("app")
        slow.asks("auth/password/request", {"email": email})
        headers = {"X-Session-Token": slow.token, "X-Password-Reset-Key": "wrong1"}
        answer = Client().get("/_allauth/app/v1/auth/password/reset", headers=headers)
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "incorrect_code")


def test_a_sign_up_with_a_known_address_stores_nobody_else(client: Client) -> None:
    a_reader(ADA)
    client.post(SIGNUP, {"email": ADA})
    assert User.objects.count() == 1
