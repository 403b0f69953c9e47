"""GET /api/v1/session: who am I, by every credential and by none."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from django.http import HttpResponse
from django.test import Client

from accounts import identity, sessions
from accounts.models import Session, User
from accounts.session_store import Door, SessionStore
from tests.factories.accounts import a_reader

SITE = {"HTTP_AUTHORIZATION": "Api-Key site-key-for-tests-only"}
URL = "/api/v1/session"

pytestmark = pytest.mark.django_db


def a_token(reader: User) -> str:
    """Sign `reader` in as an app and return its token."""
    client = Client()
    client.force_login(reader)
    store = SessionStore(client.cookies["session"].value)
    store.move_to(Door.HEADER)
    store.save()
    return str(store.session_key)


class TestStranger:
    def test_is_nobody_on_a_new_device(self, client: Client) -> None:
        answer = client.get(URL)
        assert answer.status_code == HTTPStatus.OK
        assert answer.json()["reader"] is None
        assert answer.json()["device"] == answer.cookies["device"].value
        assert answer.json()["csrf_token"]
        assert answer["Cache-Control"] == "private, no-store"

    def test_keeps_the_device_that_was_handed_out(self, client: Client) -> None:
        device = client.get(URL).json()["device"]
        again = client.get(URL)
        assert again.json()["device"] == device
        assert "device" not in again.cookies
        assert Client().get(URL, HTTP_X_DEVICE_ID=device).json()["device"] == device

    @pytest.mark.parametrize("forged", ["x", "someone:else", "a" * 22 + ":" + "b" * 43, "ü:ü", ":", "%00"])
    def test_cannot_make_a_device_up(self, forged: str) -> None:
        answer = Client().get(URL, HTTP_X_DEVICE_ID=forged)
        assert answer.status_code == HTTPStatus.OK
        assert answer.json()["device"] != forged
        assert "device" in answer.cookies

    def test_cannot_name_a_reader(self, client: Client) -> None:
        reader = a_reader()
        assert client.get(URL, {"reader": reader.public_id}).json()["reader"] is None


class TestReader:
    def test_is_known_by_the_cookie(self, client: Client) -> None:
        reader = a_reader("ada@example.org")
        client.force_login(reader)
        assert client.get(URL).json()["reader"] == {
            "id": reader.public_id,
            "email": "ada@example.org",
            "email_verified": True,
        }

    @pytest.mark.parametrize("header", ["HTTP_X_SESSION_TOKEN", "HTTP_AUTHORIZATION"])
    def test_is_known_by_the_token(self, header: str) -> None:
        reader = a_reader(proven=False)
        token = a_token(reader)
        value = f"Bearer {token}" if header == "HTTP_AUTHORIZATION" else token
        answer = Client().get(URL, **{header: value})
        assert answer.json()["reader"]["id"] == reader.public_id
        assert answer.json()["reader"]["email_verified"] is False
        assert answer.json()["csrf_token"] is None

    def test_is_nobody_once_blocked(self, client: Client) -> None:
        reader = a_reader()
        token = a_token(reader)
        client.force_login(reader)
        User.objects.filter(pk=reader.pk).update(is_active=False)
        assert client.get(URL).json()["reader"] is None
        assert Client().get(URL, HTTP_X_SESSION_TOKEN=token).status_code == HTTPStatus.UNAUTHORIZED


class TestCredentials:
    @pytest.mark.parametrize(
        "headers",
        [
            {"HTTP_X_SESSION_TOKEN": "nonsense"},
            {"HTTP_X_SESSION_TOKEN": "a" * 32},
            {"HTTP_X_SESSION_TOKEN": "ü" * 32},
            {"HTTP_AUTHORIZATION": "Bearer " + "a" * 32},
            {"HTTP_AUTHORIZATION": "Bearer"},
            {"HTTP_AUTHORIZATION": "Bearer a b"},
            {"HTTP_AUTHORIZATION": "Basic YTpi"},
            {"HTTP_AUTHORIZATION": "Api-Key wrong-wrong-wrong-wrong"},
            {"HTTP_AUTHORIZATION": "Api-Key"},
        ],
    )
    def test_that_are_wrong_are_never_anonymous(self, headers: dict[str, str]) -> None:
        answer = Client().get(URL, **headers)
        assert answer.status_code == HTTPStatus.UNAUTHORIZED
        assert answer["WWW-Authenticate"] == 'Bearer realm="paywall"'
        assert answer.json()["code"] == "invalid_token"

    def test_of_two_kinds_are_refused(self, client: Client) -> None:
        reader = a_reader()
        token = a_token(reader)
        client.force_login(reader)
        assert client.get(URL, HTTP_X_SESSION_TOKEN=token).status_code == HTTPStatus.BAD_REQUEST
        both = Client().get(URL, HTTP_X_SESSION_TOKEN=token, **SITE)
        assert both.status_code == HTTPStatus.BAD_REQUEST
        assert both.json()["code"] == "conflicting_credentials"

    def test_of_one_door_do_not_open_the_other(self, client: Client) -> None:
        reader = a_reader()
        client.force_login(reader)
        cookie = client.cookies["session"].value
        assert Client().get(URL, HTTP_X_SESSION_TOKEN=cookie).status_code == HTTPStatus.UNAUTHORIZED
        thief = Client()
        thief.cookies["session"] = a_token(reader)
        assert thief.get(URL).json()["reader"] is None

    def test_are_not_in_the_database(self, client: Client) -> None:
        reader = a_reader()
        client.force_login(reader)
        token = a_token(reader)
        for row in Session.objects.all():
            for secret in (client.cookies["session"].value, token):
                assert secret not in row.session_key + row.session_data
            thief = Client()
            thief.cookies["session"] = row.session_key
            assert thief.get(URL).json()["reader"] is None
            answer = Client().get(URL, HTTP_X_SESSION_TOKEN=row.session_key)
            assert answer.status_code == HTTPStatus.UNAUTHORIZED


class TestSite:
    def test_is_nobody_by_itself(self) -> None:
        answer = Client().get(URL, **SITE)
        assert answer.json() == {"reader": None, "device": None, "csrf_token": None}
        assert "device" not in answer.cookies

    def test_may_name_a_reader(self) -> None:
        reader = a_reader()
        answer = Client().get(URL, {"reader": reader.public_id}, **SITE)
        assert answer.json()["reader"]["id"] == reader.public_id

    def test_is_told_of_an_unknown_reader(self) -> None:
        answer = Client().get(URL, {"reader": "rdr_nobody"}, **SITE)
        assert answer.status_code == HTTPStatus.NOT_FOUND
        assert answer.json()["code"] == "reader_unknown"


def test_remember_leaves_a_known_device_alone() -> None:
    response = HttpResponse()
    identity.remember(response, identity.Identity(None, device="d", device_token="d:s"))
    assert not response.cookies


def test_a_session_in_use_lives_on(client: Client) -> None:
    client.force_login(a_reader())
    key = client.cookies["session"].value
    store = SessionStore(key)
    del store["seen"]
    store.save()
    assert "session" in client.get(URL).cookies
    assert "session" not in client.get(URL).cookies
    assert sessions.by_token(key) is None
