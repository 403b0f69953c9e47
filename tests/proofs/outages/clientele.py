"""Readers who buy, fix a card, cancel, resume and leave, through the pages and the API, and try again when it fails."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from django.test import Client

from accounts.models import User
from billing.sandbox.errors import ApiError
from tests.billing.market import BACK, GOOD_CARD, Market

_PATIENCE = 6  # tries


@dataclass(slots=True)
class Log:
    """How long requests took, and what they were answered."""

    slowest: float = 0.0
    slowest_was: str = ""
    answers: Counter[int] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, what: str, *, status: int, seconds: float) -> None:
        """Keep one."""
        with self._lock:
            self.answers[int(status)] += 1
            if seconds > self.slowest:
                self.slowest, self.slowest_was = seconds, what

    @property
    def failures(self) -> dict[int, int]:
        """Answers that say that we fell over; that Stripe cannot be reached, said as such, is none."""
        return {status: count for status, count in self.answers.items() if status >= 500 and status != 503}


@dataclass(slots=True)
class Visitor:
    """One reader with a browser."""

    reader: User
    market: Market
    log: Log
    dice: random.Random
    client: Client = field(default_factory=lambda: Client(raise_request_exception=False))

    def __post_init__(self) -> None:
        self.client.force_login(self.reader)

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Make one request; to the API in JSON."""
        kind = {"content_type": "application/json"} if path.startswith("/api/") else {}
        began = time.monotonic()
        answer = getattr(self.client, method)(path, body or {}, **kind)
        self.log.note(
            f"{method} {path.partition('?')[0]}",
            status=answer.status_code,
            seconds=time.monotonic() - began,
        )
        return answer

    def buy(self) -> None:
        """Subscribe, however often it takes; stop where we are told that we have it."""
        wish = {"price": self.dice.choice(["premium_monthly", "premium_yearly"]), "return_url": BACK}
        for _try in range(_PATIENCE):
            address = self._way_to_stripe("/account/subscribe/", "/api/v1/checkout", wish)
            if address and self._fill_in(address):
                return

    def fix_card(self) -> None:
        """Replace the card, however often it takes."""
        for _try in range(_PATIENCE):
            address = self._way_to_stripe("/account/card/", "/api/v1/card", {"return_url": BACK})
            if address and self._fill_in(address):
                return

    def cancel(self) -> None:
        """End it."""
        self._until_it_works("/account/cancel/", "/api/v1/subscription/cancel")

    def resume(self) -> None:
        """Keep it after all."""
        self._until_it_works("/account/resume/", "/api/v1/subscription/resume")

    def leave(self) -> None:
        """Close the account."""
        for _try in range(_PATIENCE):
            if self.ask("delete", "/api/v1/me").status_code != 503:
                return

    def look(self) -> None:
        """See how things stand."""
        self.ask("get", self.dice.choice(["/account/", "/api/v1/subscription", "/api/v1/invoices"]))

    def reads(self) -> bool:
        """Tell whether the article opens."""
        return bool(self.ask("get", "/api/v1/articles/harbour-vote/access").json()["access"] == "full")

    def _until_it_works(self, page: str, api: str) -> None:
        for _try in range(_PATIENCE):
            answer = self.ask("post", self.dice.choice([page, api]))
            if answer.status_code not in {303, 503}:
                return

    def _way_to_stripe(self, page: str, api: str, wish: dict[str, str]) -> str:
        """Ask by page or by API for a page at Stripe; empty where there is none now."""
        if self.dice.random() < 0.5:
            address = self.ask("post", page, wish).headers.get("Location", "")
        else:
            answer = self.ask("post", api, wish)
            address = answer.json().get("url", "") if answer.status_code == 201 else ""
        return address if "/c/pay/" in address else ""

    def _fill_in(self, address: str) -> bool:
        """Pay, or store a card, and come back: mostly, and reloading while we are told to wait."""
        session = address.rstrip("/").rsplit("/", 1)[-1]
        try:
            self.market.sandbox.complete_checkout(session, card=GOOD_CARD)
        except ApiError:
            return False  # closed meanwhile
        found = next(one for one in self.market.objects("checkout.session") if one["id"] == session)
        back = urlsplit(found["success_url"].replace("{CHECKOUT_SESSION_ID}", session))
        for _look in range(self.dice.choice([0, 1, 2, 4])):
            if self.ask("get", f"{back.path}?{back.query}").status_code != 202:
                break
        return True
