"""The second factor: asked for when a reader has set up an authenticator app, not for having a passkey."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.test import Client

from accounts.models import User
from tests.accounts.mailbox import last_code
from tests.factories.accounts import a_reader

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader() -> User:
    return a_reader("ada@example.org")


def gives_the_code(client: Client) -> str:
    client.post("/account/login/", {"login": "ada@example.org"})
    answer = client.post("/account/login/code/confirm/", {"code": last_code("ada@example.org")})
    return answer["Location"]


def current_code(secret: str) -> str:
    _, now, _ = yield_hotp_counters_from_time()
    return format_hotp_value(hotp_value(secret, now))


def test_is_asked_for_after_the_mailed_code(client: Client, reader: User) -> None:
    secret = generate_totp_secret()
    TOTP.activate(reader, secret)
    assert gives_the_code(client) == "/account/mfa/authenticate/"
    assert client.get("/api/v1/session").json()["reader"] is None
    assert client.get("/account/mfa/authenticate/").status_code == HTTPStatus.OK
    client.post("/account/mfa/authenticate/", {"code": "000000"})
    assert client.get("/api/v1/session").json()["reader"] is None
    code = current_code(secret)
    client.post("/account/mfa/authenticate/", {"code": code})
    assert client.get("/api/v1/session").json()["reader"]["email"] == "ada@example.org"
    again = Client()
    gives_the_code(again)
    again.post("/account/mfa/authenticate/", {"code": code})
    assert again.get("/api/v1/session").json()["reader"] is None, "a code works once"


def test_is_not_asked_for_because_of_a_passkey(client: Client, reader: User) -> None:
    Authenticator.objects.create(user=reader, type=Authenticator.Type.WEBAUTHN, data={})
    assert gives_the_code(client) == "/account/"


def test_can_be_set_up(client: Client, reader: User) -> None:
    gives_the_code(client)
    page = client.get("/account/mfa/totp/activate/")
    assert page.status_code == HTTPStatus.OK
    secret = client.session["mfa.totp.secret"]
    client.post("/account/mfa/totp/activate/", {"code": current_code(secret)})
    assert Authenticator.objects.filter(user=reader, type=Authenticator.Type.TOTP).exists()


def test_passkeys_can_be_signed_in_with(client: Client) -> None:
    options = client.get(
        "/account/mfa/webauthn/login/", HTTP_ACCEPT="application/json", HTTP_X_REQUESTED_WITH="XMLHttpRequest"
    )
    assert options.json()["request_options"]["publicKey"]["challenge"]


def test_passkeys_can_be_set_up(client: Client, reader: User) -> None:
    gives_the_code(client)
    page = client.get("/account/mfa/webauthn/add/")
    assert page.status_code == HTTPStatus.OK
    assert "challenge" in page.content.decode()
