"""Workers keep database connections over many tasks, and notice when one no longer works."""

from __future__ import annotations

import pytest
from django.db import connection

from accounts.tasks import deliver_mails


@pytest.mark.django_db(transaction=True)
def test_each_task_asks_whether_its_connection_still_works() -> None:
    connection.ensure_connection()
    connection.health_check_done = True  # as a task before leaves it
    deliver_mails.apply(kwargs={"ids": []})
    assert connection.health_check_done is False
