"""Every page of the account can be opened, by whoever it is for."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from django.test import Client

from tests.factories.accounts import a_reader

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "path",
    [
        "/account/login/",
        "/account/signup/",
        "/account/password/reset/",
        "/account/login/code/",
        "/account/inactive/",
    ],
)
def test_for_a_stranger(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == HTTPStatus.OK
    assert answer["Cache-Control"].startswith(("private, no-store", "max-age=0, no-cache, no-store"))


@pytest.mark.parametrize(
    "path",
    [
        "/account/email/",
        "/account/sessions/",
        "/account/logout/",
        "/account/password/set/",
        "/account/mfa/",
        "/account/mfa/totp/activate/",
        "/account/mfa/webauthn/",
        "/account/mfa/webauthn/add/",
    ],
)
def test_for_a_reader(client: Client, path: str) -> None:
    client.force_login(a_reader())
    assert client.get(path).status_code == HTTPStatus.OK


def test_password_managers_find_the_page_to_change_it(client: Client) -> None:
    assert client.get("/.well-known/change-password")["Location"] == "/account/password/change/"


def test_the_login_field_invites_passkeys(client: Client) -> None:
    assert 'autocomplete="username webauthn"' in client.get("/account/login/").content.decode()
