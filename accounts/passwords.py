"""Password hashes cost a third of a second of processor time each, so only so many are made at once.

Without a cap a dozen clients that guess passwords take the time of everybody who reads; and if they held all threads of
a process, whoever reads would wait behind them. So few wait, and the others are told that we are busy; reading articles
never comes through here.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.contrib.auth.hashers import ScryptPasswordHasher

from accounts.errors import Busy


class Gate:
    """Let `at_once` through, `waiting` more queue, and nobody else."""

    def __init__(self, *, at_once: int, waiting: int) -> None:
        self._running = threading.BoundedSemaphore(at_once)
        self._places = threading.BoundedSemaphore(at_once + waiting)

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Hold one of the places while the body runs.

        :raises Busy: everybody who may wait is waiting already.
        """
        if not self._places.acquire(blocking=False):
            raise Busy("Too many passwords are being checked.")
        try:
            with self._running:
                yield
        finally:
            self._places.release()


GATE = Gate(at_once=settings.PASSWORD_CHECKS_AT_ONCE, waiting=settings.PASSWORD_CHECKS_WAITING)


class CappedScryptPasswordHasher(ScryptPasswordHasher):
    """Django's scrypt, a few at a time per process; the stored hashes are the same.

    :raises Busy: from whatever makes or checks a hash, when too many wait.
    """

    def encode(
        self, password: str, salt: str, n: int | None = None, r: int | None = None, p: int | None = None
    ) -> str:
        """Hash a password when its turn has come. Checking one comes through here too."""
        with GATE.enter():
            return super().encode(password, salt, n, r, p)
