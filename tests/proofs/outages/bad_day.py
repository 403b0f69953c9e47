"""A Stripe that has a bad day: every request is counted, and a share of them goes wrong in one of Stripe's ways."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.test import Client

from billing.sandbox.faults import Fault
from billing.sandbox.sandbox import Sandbox

WEBHOOK = "/stripe/webhook/"
# Longer than we wait for an answer, and about as long as a busy moment lasts.
_TOO_SLOW, _SLOW = 7.0, 0.2
_TROUBLES: dict[str, dict[str, Any]] = {
    "429": {"kind": "status", "status": 429},
    "409": {"kind": "status", "status": 409},
    "500": {"kind": "status", "status": 500},
    "500 kept under the key": {"kind": "status", "status": 500, "recorded": True},
    "cut before": {"kind": "drop_request"},
    "cut after": {"kind": "drop_response"},
    "slow": {"kind": "slow", "seconds": _SLOW},
}


class BadDay(Sandbox):
    """A stand-in that spoils `share` of the API's requests, `too_slow` of them beyond what we wait, by a seeded dice.

    It tells its news to our webhook in this process, some of it twice and some not at all.
    """

    def __init__(self, *, clock_file: Path, seed: int, share: float, too_slow: int) -> None:
        super().__init__(
            clock_file=clock_file,
            webhook_url=f"{settings.SITE_URL}{WEBHOOK}",
            webhook_secret=settings.STRIPE_WEBHOOK_SECRETS[0],
            deliver=_deliver,
        )
        self.asked, self.troubles = 0, Counter[str]()
        self.share, self._too_slow = share, too_slow
        self._dice, self._dice_lock = random.Random(seed), threading.Lock()

    def app(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        """Answer one request, if the day lets it."""
        if environ["PATH_INFO"].startswith("/v1/"):
            self._spoil(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
        return super().app(environ, start_response)

    def _spoil(self, request: str) -> None:
        with self._dice_lock:
            self.asked += 1
            if self._dice.random() >= self.share:
                return
            name = self._dice.choice(list(_TROUBLES))
            rule = _TROUBLES[name]
            if name == "slow" and self._too_slow > 0 and self._dice.random() < 0.3:
                self._too_slow -= 1
                name, rule = "too slow", {"kind": "slow", "seconds": _TOO_SLOW}
            self.troubles[name] += 1
            self.world.faults.add(Fault(target="api", match=request, **rule))
            if self._dice.random() < 0.2:
                kind = self._dice.choice(["duplicate", "drop"])
                self.world.faults.add(Fault(target="webhook", kind=kind))

    def clear_up(self) -> None:
        """Let the day be over."""
        with self._dice_lock:
            self.share = 0.0
        self.world.faults.clear()


def _deliver(url: str, headers: dict[str, str], body: bytes) -> int:
    del url
    try:
        door = Client(raise_request_exception=False, headers=headers)
        return door.post(WEBHOOK, body, content_type="application/json").status_code
    finally:
        connection.close()
