"""The Celery application: workers that are rung, never told. Started as `celery -A config.celery worker`."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery, signals
from django.db import close_old_connections

from config import broker as _redis  # noqa: F401  mends redis://
from config import queue as _file_queue  # noqa: F401  registers spool://

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("paywall")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["accounts", "billing", "paywall"])


@signals.task_prerun.connect
def look_after_connections(**_kwargs: Any) -> None:
    """Begin each task as a request begins: with a database connection that works, or none.

    Celery keeps connections over many tasks and never asks whether the server is still at the other end, so a restart
    of the database would otherwise fail every task from then on.
    """
    close_old_connections()
