"""Sessions whose key the database does not know; they behave as Django's own do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.sessions.exceptions import SessionInterrupted
from django.core.management import call_command
from django.db import OperationalError, connection

from accounts.models import Session
from accounts.session_store import Door, SessionStore
from tests.factories.accounts import a_reader

pytestmark = pytest.mark.django_db


def a_session(**data: object) -> SessionStore:
    store = SessionStore()
    store.update(data)
    store.save()
    return store


def key_of(store: SessionStore) -> str:
    assert store.session_key is not None
    return store.session_key


def test_is_stored_under_a_hash() -> None:
    store = a_session(a=1)
    row = Session.objects.get()
    assert len(row.session_key) == 64
    assert key_of(store) not in row.session_key
    assert SessionStore(key_of(store))["a"] == 1
    assert SessionStore(row.session_key).get("a") is None
    assert store.exists(key_of(store))
    assert not store.exists(row.session_key)


def test_cycles_its_key_and_keeps_its_data() -> None:
    store = a_session(a=1)
    old = key_of(store)
    store.cycle_key()
    assert key_of(store) != old
    assert SessionStore(key_of(store))["a"] == 1
    assert not SessionStore().exists(old)


def test_is_gone_once_flushed() -> None:
    store = a_session(a=1)
    store.flush()
    assert not Session.objects.exists()
    assert store.session_key is None


def test_moves_to_the_other_door_under_a_new_key() -> None:
    store = a_session(a=1)
    old = key_of(store)
    store.move_to(Door.HEADER)
    store.save()
    assert Session.objects.count() == 1
    assert SessionStore(key_of(store), door=Door.HEADER)["a"] == 1
    assert SessionStore(key_of(store)).get("a") is None
    assert SessionStore(old).get("a") is None
    kept = key_of(store)
    store.move_to(Door.HEADER)
    assert key_of(store) == kept


def test_is_nothing_once_expired_and_cleared_by_clearsessions() -> None:
    store = a_session(a=1)
    Session.objects.update(expire_date=datetime.now(UTC) - timedelta(seconds=1))
    assert SessionStore(key_of(store)).get("a") is None
    call_command("clearsessions")
    assert not Session.objects.exists()


def test_reads_back_what_it_stored() -> None:
    a_session(a=1)
    assert Session.objects.get().get_decoded() == {"a": 1}


def test_shows_whose_it_is() -> None:
    reader = a_reader()
    a_session(
        _auth_user_id=str(reader.pk), signed_in={"at": 0.0, "ip": "203.0.113.9", "user_agent": "x"}, seen=60.0
    )
    row = Session.objects.get()
    assert (row.reader, row.ip, row.user_agent) == (reader, "203.0.113.9", "x")
    assert row.signed_in_at == datetime(1970, 1, 1, tzinfo=UTC)
    assert row.last_seen_at == datetime(1970, 1, 1, 0, 1, tzinfo=UTC)


@pytest.mark.parametrize("door", list(Door))
def test_a_session_that_another_request_ended_is_not_brought_back(door: Door) -> None:
    slow = SessionStore(door=door)
    slow.create()
    SessionStore(slow.session_key, door=door).flush()
    slow["late"] = True
    with pytest.raises(SessionInterrupted):
        slow.save()
    assert not Session.objects.exists()


def test_a_database_that_is_gone_is_not_taken_for_a_session_that_was_ended() -> None:
    store = a_session(a=1)
    store["b"] = 2

    def lose(_execute: object, sql: str, *_rest: object) -> object:
        raise OperationalError("server closed the connection unexpectedly")

    with connection.execute_wrapper(lose), pytest.raises(OperationalError):
        store.save()


def test_a_session_that_could_not_be_made_is_not_taken_for_one_that_was_ended() -> None:
    store = SessionStore()

    def lose(execute: Callable[..., object], sql: str, *rest: object) -> object:
        if sql.startswith("INSERT"):
            raise OperationalError("server closed the connection unexpectedly")
        return execute(sql, *rest)

    with connection.execute_wrapper(lose), pytest.raises(OperationalError):
        store.save(must_create=True)
    store["back"] = True
    with pytest.raises(OperationalError):  # by now the database is back, but no such row is there
        store.save()


def test_a_session_that_another_request_ended_is_told_from_one_that_was_never_made() -> None:
    for here in (a_session(a=1), SessionStore(key_of(a_session(a=1)))):
        here["b"] = here.get("a")
        SessionStore(here.session_key).flush()
        with pytest.raises(SessionInterrupted):
            here.save()
