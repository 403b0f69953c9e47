"""Changing the address: proven before it counts, told upwards, and told to the old address."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.db.models.signals import pre_save
from django.test import Client

from accounts.models import User
from accounts.signals import email_changed
from tests.accounts.mailbox import kinds, last_code
from tests.factories.accounts import a_reader

OLD, NEW = "old@example.org", "new@example.org"

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader(client: Client) -> User:
    reader = a_reader(OLD)
    client.post("/account/login/", {"login": OLD})
    client.post("/account/login/code/confirm/", {"code": last_code(OLD)})
    return reader


def test_counts_once_the_new_address_is_proven(client: Client, reader: User) -> None:
    told: list[str] = []

    def listen(reader: User, **_: Any) -> None:
        told.append(reader.email)

    email_changed.connect(listen)
    client.post("/account/email/", {"email": NEW, "action_add": ""})
    reader.refresh_from_db()
    assert (reader.email, told) == (OLD, [])
    client.post("/account/confirm-email/", {"code": last_code(NEW)})
    email_changed.disconnect(listen)
    reader.refresh_from_db()
    assert (reader.email, told) == (NEW, [NEW])
    assert reader.email_is_proven
    assert "email_changed" in kinds(OLD)
    assert client.get("/api/v1/session").json()["reader"]["email"] == NEW


def test_to_an_address_that_somebody_has_says_nothing_and_changes_nothing(
    client: Client, reader: User
) -> None:
    a_reader(NEW)
    client.post("/account/email/", {"email": NEW, "action_add": ""})
    client.post(
        "/account/confirm-email/", {"code": last_code(NEW) if "code" in str(kinds(NEW)) else "123456"}
    )
    reader.refresh_from_db()
    assert reader.email == OLD


def test_that_another_request_proves_in_the_same_moment_is_no_error(client: Client, reader: User) -> None:
    somebody = a_reader()
    client.post("/account/email/", {"email": NEW, "action_add": ""})

    def prove_first(instance: EmailAddress, **_: Any) -> None:
        if instance.email == NEW and instance.user_id == reader.pk:
            pre_save.disconnect(prove_first, sender=EmailAddress)
            EmailAddress.objects.create(user=somebody, email=NEW, verified=True)

    pre_save.connect(prove_first, sender=EmailAddress)
    answer = client.post("/account/confirm-email/", {"code": last_code(NEW)})
    assert answer.status_code == 302
    assert not pre_save.disconnect(prove_first, sender=EmailAddress)


def test_asks_for_the_password_again_where_there_is_one(client: Client) -> None:
    reader = a_reader(OLD, password="correct horse battery")
    client.force_login(reader)
    answer = client.post("/account/email/", {"email": NEW, "action_add": ""})
    assert answer["Location"].startswith("/account/reauthenticate/")
    assert kinds(NEW) == []
