"""The embedded database keeps what it was told is committed, and never loses a lock half-way; migrations are whole."""

from __future__ import annotations

import threading

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from accounts.models import User

_WRITERS, _TRANSACTIONS = 8, 25


@pytest.mark.django_db
def test_sqlite_runs_in_wal_with_full_synchronisation() -> None:
    if connection.vendor != "sqlite":
        assert connection.settings_dict["CONN_HEALTH_CHECKS"]
        return
    with connection.cursor() as cursor:
        found = {
            name: cursor.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2}
    assert connection.settings_dict["OPTIONS"]["transaction_mode"] == "IMMEDIATE"


@pytest.mark.django_db(transaction=True)
def test_writers_that_read_first_are_never_told_that_the_database_is_locked() -> None:
    User.objects.create_user("counter@readers.example", language="0")
    failures: list[Exception] = []

    def write() -> None:
        try:
            for _ in range(_TRANSACTIONS):
                with transaction.atomic():
                    row = User.objects.select_for_update().get(email="counter@readers.example")
                    row.language = str(int(row.language) + 1)
                    row.save(update_fields=["language"])
        except Exception as error:  # noqa: BLE001  whatever it is, the test shall say so
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=write) for _ in range(_WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert User.objects.get(email="counter@readers.example").language == str(_WRITERS * _TRANSACTIONS)


@pytest.mark.django_db
def test_the_models_have_no_change_without_a_migration() -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


def test_no_request_runs_in_one_transaction() -> None:
    assert connection.settings_dict["ATOMIC_REQUESTS"] is False
