"""The Celery application: workers that are rung, never told. Started as `celery -A config.celery worker`."""

from __future__ import annotations

import os

from celery import Celery

from config import queue as _file_queue  # noqa: F401  registers spool://

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("paywall")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["accounts", "billing"])
