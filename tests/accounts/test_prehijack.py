"""An account prepared by somebody else never becomes a way into the owner's account."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client

from accounts.models import User
from tests.accounts.mailbox import last_code
from tests.factories.accounts import a_reader

LOGIN, CODE = "/account/login/", "/account/login/code/confirm/"
SIGNUP, PROVE = "/account/signup/", "/account/confirm-email/"
VICTIM, KNOWN = "victim@example.org", "known to the attacker"

pytestmark = pytest.mark.django_db


@pytest.fixture
def attacker() -> Client:
    return Client()


def signs_in_by_code(client: Client, email: str = VICTIM) -> None:
    client.post(LOGIN, {"login": email})
    client.post(CODE, {"code": last_code(email)})
    assert who(client) == email


def who(client: Client) -> str | None:
    reader = client.get("/api/v1/session").json()["reader"]
    return reader["email"] if reader else None


def try_password(client: Client) -> None:
    client.post(LOGIN, {"login": VICTIM, "password": KNOWN})


def test_a_password_given_at_sign_up_is_not_kept(client: Client, attacker: Client) -> None:
    attacker.post(SIGNUP, {"email": VICTIM, "password1": KNOWN, "password2": KNOWN, "password": KNOWN})
    body = {"email": VICTIM, "password": KNOWN}
    Client().post("/_allauth/app/v1/auth/signup", body, content_type="application/json")
    signs_in_by_code(client)
    try_password(attacker)
    assert who(attacker) is None


def test_a_password_from_before_the_first_proof_is_taken_away(client: Client, attacker: Client) -> None:
    a_reader(VICTIM, password=KNOWN, proven=False)
    signs_in_by_code(client)
    try_password(attacker)
    assert who(attacker) is None


def test_a_session_from_before_the_first_proof_is_ended(client: Client, attacker: Client) -> None:
    reader = a_reader(VICTIM, proven=False)
    attacker.force_login(reader)
    assert who(attacker) == VICTIM
    signs_in_by_code(client)
    assert who(attacker) is None
    assert who(client) == VICTIM


def test_a_second_factor_from_before_the_first_proof_is_removed(client: Client) -> None:
    reader = a_reader(VICTIM, proven=False)
    Authenticator.objects.create(user=reader, type=Authenticator.Type.WEBAUTHN, data={})
    signs_in_by_code(client)
    assert not Authenticator.objects.exists()


def test_a_pending_sign_up_does_not_come_alive_when_the_owner_proves_the_address(
    client: Client, attacker: Client
) -> None:
    attacker.post(SIGNUP, {"email": VICTIM})
    attackers_code = last_code(VICTIM)
    client.post(SIGNUP, {"email": VICTIM})
    client.post(PROVE, {"code": last_code(VICTIM)})
    assert who(client) == VICTIM
    for page in (PROVE, LOGIN, SIGNUP, "/account/", CODE):
        attacker.get(page)
    attacker.post(PROVE, {"action": "resend"})
    assert who(attacker) is None
    del attackers_code  # mailed to the owner; nobody else has it


def test_an_address_that_somebody_else_wants_to_change_to_stays_free(
    client: Client, attacker: Client
) -> None:
    mine = a_reader("attacker@example.org")
    attacker.force_login(mine)
    attacker.post("/account/email/", {"email": VICTIM, "action_add": ""})
    client.post(SIGNUP, {"email": VICTIM})
    client.post(PROVE, {"code": last_code(VICTIM)})
    assert who(client) == VICTIM
    assert who(attacker) == "attacker@example.org"
    assert User.objects.get(email=VICTIM) != mine


def test_a_sign_up_for_a_known_address_gives_nothing(attacker: Client, client: Client) -> None:
    a_reader(VICTIM)
    attacker.post(SIGNUP, {"email": VICTIM})
    assert attacker.post(PROVE, {"code": ""}).status_code == HTTPStatus.OK
    signs_in_by_code(client)
    attacker.get(PROVE)
    assert who(attacker) is None
