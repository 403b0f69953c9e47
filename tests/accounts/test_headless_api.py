"""allauth's API for apps and frontends: the same flows as the pages, and only the routes that are wanted."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import get_resolver

from accounts.models import Session, User
from tests.accounts.mailbox import kinds, last_code
from tests.factories.accounts import a_reader

pytestmark = pytest.mark.django_db


class App:
    """A phone app: no cookies, a token that the API hands out."""

    def __init__(self, kind: str = "app") -> None:
        self.kind = kind
        self.client = Client()
        self.token = ""

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        headers = {"HTTP_X_SESSION_TOKEN": self.token} if self.token else {}
        answer: HttpResponse = self.client.generic(
            method,
            f"/_allauth/{self.kind}/v1/{path}",
            json.dumps(body or {}),
            content_type="application/json",
            **headers,
        )
        told = answer.json() if answer.content else {}
        self.token = told.get("meta", {}).get("session_token", self.token)
        return answer

    def is_signed_in(self) -> bool:
        answer = Client().get("/api/v1/session", HTTP_X_SESSION_TOKEN=self.token)
        return answer.status_code == HTTPStatus.OK and answer.json()["reader"] is not None


@pytest.fixture
def app() -> App:
    return App()


class TestApp:
    def test_signs_up_by_address_and_code(self, app: App) -> None:
        asked = app.call("POST", "auth/signup", {"email": "ada@example.org"})
        assert asked.status_code == HTTPStatus.UNAUTHORIZED
        assert not app.is_signed_in()
        done = app.call("POST", "auth/email/verify", {"key": last_code("ada@example.org")})
        assert done.status_code == HTTPStatus.OK
        assert done.json()["data"]["user"]["id"] == User.objects.get().public_id
        assert app.is_signed_in()

    def test_signs_in_by_code_under_a_new_token(self, app: App) -> None:
        a_reader("ada@example.org")
        app.call("POST", "auth/code/request", {"email": "ada@example.org"})
        before = app.token
        app.call("POST", "auth/code/confirm", {"code": last_code("ada@example.org")})
        assert app.is_signed_in()
        assert app.token != before
        again = App()
        again.token = before
        assert not again.is_signed_in()

    def test_signs_in_with_a_password(self, app: App) -> None:
        a_reader("ada@example.org", password="correct horse battery")
        done = app.call(
            "POST", "auth/login", {"email": "ada@example.org", "password": "correct horse battery"}
        )
        assert done.status_code == HTTPStatus.OK
        assert app.is_signed_in()

    def test_signs_out(self, app: App) -> None:
        a_reader("ada@example.org", password="correct horse battery")
        app.call("POST", "auth/login", {"email": "ada@example.org", "password": "correct horse battery"})
        app.call("DELETE", "auth/session")
        assert not app.is_signed_in()

    def test_with_a_dead_token_is_told_so(self, app: App) -> None:
        app.token = "a" * 32
        assert app.call("GET", "auth/session").status_code == HTTPStatus.GONE

    def test_lists_and_ends_sessions(self, app: App) -> None:
        reader = a_reader("ada@example.org", password="correct horse battery")
        other, stranger = Client(), Client()
        other.force_login(reader)
        stranger.force_login(a_reader())
        app.call("POST", "auth/login", {"email": "ada@example.org", "password": "correct horse battery"})
        listed = app.call("GET", "auth/sessions").json()["data"]
        assert [row["is_current"] for row in listed].count(True) == 1
        ids = [row["id"] for row in listed if not row["is_current"]]
        theirs = Session.objects.exclude(reader=reader).get().pk
        left = app.call("DELETE", "auth/sessions", {"sessions": [*ids, theirs]}).json()["data"]
        assert len(left) == 1
        assert app.is_signed_in()
        assert other.get("/api/v1/session").json()["reader"] is None
        assert stranger.get("/api/v1/session").json()["reader"] is not None
        here = [row["id"] for row in left]
        assert app.call("DELETE", "auth/sessions", {"sessions": here}).status_code == HTTPStatus.UNAUTHORIZED
        assert not app.is_signed_in()

    @pytest.mark.parametrize("name", [7, -7, 2**70, "x", None])
    def test_removes_no_passkey_that_is_not_there(self, app: App, name: Any) -> None:
        a_reader("ada@example.org", password="correct horse battery")
        app.call("POST", "auth/login", {"email": "ada@example.org", "password": "correct horse battery"})
        refused = app.call("DELETE", "account/authenticators/webauthn", {"authenticators": [name]})
        assert refused.status_code == HTTPStatus.BAD_REQUEST
        assert refused.json()["errors"][0]["param"] == "authenticators"

    def test_resets_a_password_and_can_use_it_though_the_address_was_not_proven(self, app: App) -> None:
        a_reader("ada@example.org", password="chosen by whoever came first", proven=False)
        app.call("POST", "auth/password/request", {"email": "ada@example.org"})
        code = last_code("ada@example.org")
        app.call("POST", "auth/password/reset", {"key": code, "password": "another horse battery"})
        done = App().call(
            "POST", "auth/login", {"email": "ada@example.org", "password": "another horse battery"}
        )
        assert done.status_code == HTTPStatus.OK


class TestSameAnswers:
    @pytest.mark.parametrize("kind", ["app", "browser"])
    @pytest.mark.parametrize("route", ["auth/signup", "auth/code/request", "auth/password/request"])
    def test_for_known_and_unknown_addresses(self, route: str, kind: str) -> None:
        a_reader("ada@example.org")
        known = App(kind).call("POST", route, {"email": "ada@example.org"})
        unknown = App(kind).call("POST", route, {"email": "eve@example.org"})
        assert known.status_code == unknown.status_code
        assert _anonymous(known.json()) == _anonymous(unknown.json())
        if route != "auth/signup":
            assert kinds("eve@example.org") == []

    def test_for_wrong_passwords(self) -> None:
        a_reader("ada@example.org", password="correct horse battery")
        known = App().call("POST", "auth/login", {"email": "ada@example.org", "password": "no"})
        unknown = App().call("POST", "auth/login", {"email": "eve@example.org", "password": "no"})
        assert (known.status_code, known.json()) == (unknown.status_code, unknown.json())


class TestBrowserClient:
    def test_needs_the_csrf_token(self) -> None:
        strict = Client(enforce_csrf_checks=True)
        answer = strict.post("/_allauth/browser/v1/auth/code/request", {}, content_type="application/json")
        assert answer.status_code == HTTPStatus.FORBIDDEN
        assert answer.json()["code"] == "csrf_failed"

    def test_signs_in_by_code(self) -> None:
        a_reader("ada@example.org")
        browser = App("browser")
        browser.call("POST", "auth/code/request", {"email": "ada@example.org"})
        browser.call("POST", "auth/code/confirm", {"code": last_code("ada@example.org")})
        assert browser.client.get("/api/v1/session").json()["reader"]["email"] == "ada@example.org"


class TestRoutes:
    @pytest.mark.parametrize(
        "route", ["account/phone", "auth/phone/verify", "auth/provider/signup", "tokens/refresh"]
    )
    def test_that_we_do_not_want_are_not_there(self, app: App, route: str) -> None:
        assert app.call("POST", route).status_code == HTTPStatus.NOT_FOUND

    def test_are_the_ones_in_the_specification(self) -> None:
        answer = Client().get("/_allauth/openapi.json")
        assert answer.status_code == HTTPStatus.OK
        told = {path for path in answer.json()["paths"] if "{client}" in path}
        assert "/_allauth/{client}/v1/auth/signup" in told
        assert not [path for path in told if "phone" in path or "provider" in path]
        served = {
            "/" + "".join(str(part) for part in pattern[0][0][0]).replace("browser", "{client}")
            for pattern in get_resolver().reverse_dict.items()
            if isinstance(pattern[0], str) and "_allauth/browser" in str(pattern)
        }
        assert served <= told

    @pytest.mark.parametrize(
        "body", [b"", b"[]", b"{", b"\xff", b'{"email": 1}', b'{"email": "\\u0000@x.org"}']
    )
    @pytest.mark.parametrize(
        "route", ["auth/signup", "auth/login", "auth/code/request", "auth/password/reset"]
    )
    def test_answer_nonsense_without_falling_over(self, route: str, body: bytes) -> None:
        answer = Client().post(f"/_allauth/app/v1/{route}", body, content_type="application/json")
        assert HTTPStatus.BAD_REQUEST <= answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR


def _anonymous(told: Any) -> str:
    text = json.dumps(told, sort_keys=True)
    for address in ("ada@example.org", "eve@example.org"):
        text = text.replace(address, "somebody")
    return json.dumps({key: value for key, value in json.loads(text).items() if key != "meta"})
