"""Threads that start at the same moment, each on a database connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from django.conf import settings
from django.db import connections
from django.test import Client

from accounts.models import User


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """Run all acts at the same moment; return what they returned, or raise what one of them raised."""
    gate = threading.Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:
        try:
            gate.wait(60)
            return act()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as pool:
        return [done.result(120) for done in [pool.submit(run, act) for act in acts]]


def post(tab: Client, path: str, body: dict[str, Any] | None = None) -> Callable[[], Any]:
    """Return an act: ask the API for something."""
    return partial(tab.post, path, body or {}, content_type="application/json")


def tabs(reader: User, count: int) -> Sequence[Client]:
    """Return browser tabs of one signed-in reader."""
    home = Client()
    home.force_login(reader)
    session = home.cookies[settings.SESSION_COOKIE_NAME].value
    opened = [Client(raise_request_exception=False) for _ in range(count)]
    for tab in opened:
        tab.cookies[settings.SESSION_COOKIE_NAME] = session
    return opened
