"""Closing an account: billing lets go first, then nothing is left that says who it was."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from http import HTTPStatus
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client

from accounts import closing
from accounts.models import Session, User
from accounts.signals import reader_closing
from tests.accounts.mailbox import last_code
from tests.factories.accounts import a_member_of_staff, a_reader

MARKER = "marker-7f3a@example.org"

pytestmark = pytest.mark.django_db


class Refuses(Exception):
    """Stripe cannot be reached."""


@pytest.fixture
def refusing_receiver() -> Iterator[None]:
    def refuse(**_: Any) -> None:
        raise Refuses

    reader_closing.connect(refuse, weak=False)
    yield
    reader_closing.disconnect(refuse)


def everything_stored() -> str:
    """Return every text column of every table of the project and of what it is built on."""
    texts = []
    with connection.cursor() as cursor:
        for model in apps.get_models(include_auto_created=True):
            cursor.execute(f'SELECT * FROM "{model._meta.db_table}"')  # noqa: S608  names from our own models
            texts += [str(value) for row in cursor.fetchall() for value in row]
    return "\n".join(texts)


def test_leaves_no_trace_of_who_it_was(client: Client) -> None:
    client.post("/account/signup/", {"email": MARKER})
    client.post("/account/confirm-email/", {"code": last_code(MARKER)})
    client.post("/account/logout/")
    client.post("/account/login/", {"login": MARKER})
    client.post("/account/login/code/confirm/", {"code": last_code(MARKER)})
    assert MARKER in everything_stored(), "the control: the scan finds what is there"
    assert client.delete("/api/v1/me").status_code == HTTPStatus.NO_CONTENT
    assert MARKER not in everything_stored()
    assert client.get("/api/v1/session").json()["reader"] is None
    assert not User.objects.get().is_active


def test_ends_every_session_and_every_way_in(client: Client, now: datetime) -> None:
    reader = a_reader(MARKER, password="correct horse battery")
    client.force_login(reader)
    closing.close(reader, now=now)
    assert not Session.objects.filter(reader=reader).exists()
    client.post("/account/login/", {"login": MARKER, "password": "correct horse battery"})
    assert client.get("/api/v1/session").json()["reader"] is None


def test_frees_the_address(client: Client, now: datetime) -> None:
    closing.close(a_reader(MARKER), now=now)
    client.post("/account/signup/", {"email": MARKER})
    client.post("/account/confirm-email/", {"code": last_code(MARKER)})
    assert client.get("/api/v1/session").json()["reader"]["email"] == MARKER


@pytest.mark.usefixtures("refusing_receiver")
def test_stops_when_billing_cannot_let_go(now: datetime) -> None:
    reader = a_reader(MARKER)
    with pytest.raises(Refuses):
        closing.close(reader, now=now)
    reader.refresh_from_db()
    assert (reader.email, reader.is_active) == (MARKER, True)


def test_tells_before_anything_is_erased(now: datetime) -> None:
    told: list[tuple[str, datetime]] = []

    def listen(reader: User, now: datetime, **_: Any) -> None:
        told.append((User.objects.get(pk=reader.pk).email, now))

    reader_closing.connect(listen)
    closing.close(a_reader(MARKER), now=now)
    reader_closing.disconnect(listen)
    assert told == [(MARKER, now)]


def test_may_be_repeated(now: datetime) -> None:
    reader = a_reader(MARKER)
    closing.close(reader, now=now)
    reader.refresh_from_db()
    name = reader.email
    closing.close(reader, now=now)
    reader.refresh_from_db()
    assert (reader.email, reader.is_active) == (name, False)


def test_is_not_for_staff(client: Client) -> None:
    client.force_login(a_member_of_staff())
    assert client.delete("/api/v1/me").status_code == HTTPStatus.FORBIDDEN


def test_is_for_readers_and_needs_the_csrf_token() -> None:
    assert Client().delete("/api/v1/me").status_code == HTTPStatus.UNAUTHORIZED
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(a_reader())
    assert strict.delete("/api/v1/me").status_code == HTTPStatus.FORBIDDEN
