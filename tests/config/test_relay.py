"""The relay rings once for what is due, again only after a while, and survives a broker that is gone."""

from __future__ import annotations

from datetime import datetime

import pytest
from celery import current_app
from django.conf import settings
from django.db import DatabaseError, InterfaceError
from kombu.exceptions import OperationalError

from config.management.commands.relay import Bell, Command, bells


def test_a_row_is_rung_for_once_while_it_is_worked_on(now: datetime) -> None:
    rung: list[list[int]] = []
    bell = Bell("rows", lambda _: [1, 2], rung.append)
    assert bell.look(now=now) == 2
    assert bell.look(now=now) == 0
    assert rung == [[1, 2]]


def test_a_new_row_is_rung_for_at_once(now: datetime) -> None:
    rows = [1]
    rung: list[list[int]] = []
    bell = Bell("rows", lambda _: rows, rung.append)
    bell.look(now=now)
    rows.append(2)
    bell.look(now=now)
    assert rung == [[1], [2]]


def test_a_ring_that_failed_is_rung_again(now: datetime) -> None:
    attempts: list[list[int]] = []

    def ring(rows: list[int]) -> None:
        attempts.append(rows)
        raise OperationalError

    bell = Bell("rows", lambda _: [1], ring)
    for _ in range(2):
        with pytest.raises(OperationalError):
            bell.look(now=now)
    assert attempts == [[1], [1]]


@pytest.mark.django_db
@pytest.mark.parametrize("trouble", [OperationalError, DatabaseError, InterfaceError, ConnectionResetError])
def test_a_broker_or_database_that_is_gone_is_a_pause_and_not_the_end(trouble: type[Exception]) -> None:
    def ring(_: list[int]) -> None:
        raise trouble

    command = Command()
    assert command._look((Bell("rows", lambda _: [1], ring),)) is False
    assert command._look((Bell("rows", lambda _: [], ring),)) is True


@pytest.mark.django_db
def test_every_kind_of_work_can_be_looked_for(now: datetime) -> None:
    assert [bell.look(now=now) for bell in bells()] == [0, 0, 0]


def test_every_scheduled_task_exists() -> None:
    current_app.loader.import_default_modules()
    scheduled = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert scheduled <= set(current_app.tasks)
