"""Sending events to webhook endpoints: signed, tried again after a short pause, and spoilt where a fault says so.

A delivery never holds the store's lock. Either worker threads send (`start`), or a test calls `drain`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import requests

from .faults import Faults
from .store import Obj

Deliver = Callable[[str, dict[str, str], bytes], int]

_PAUSES = (0.5, 1, 2, 4, 8, 15, 30, 30)
_WORKERS = 4


@dataclass(slots=True, kw_only=True)
class Delivery:
    """One event on its way to one endpoint. `state` is pending, sending, delivered, failed or dropped."""

    number: int
    event: Obj
    url: str
    secret: str
    body: bytes
    due: float
    spoil: str | None = None
    state: str = "pending"
    attempts: int = 0
    answer: str = ""


@dataclass(slots=True)
class Webhooks:
    """All deliveries of one sandbox, with their own lock."""

    wall: Callable[[], float]
    faults: Faults
    deliver: Deliver
    deliveries: list[Delivery] = field(default_factory=list)
    _by_event: dict[str, list[Delivery]] = field(default_factory=dict)
    _ready: threading.Condition = field(default_factory=threading.Condition)
    _random: random.Random = field(default_factory=lambda: random.Random(7))
    _stopping: bool = False
    _pending: list[Delivery] = field(default_factory=list)

    def enqueue(self, event: Obj, *, url: str, secret: str, shown: Obj) -> None:
        """Take an event for an endpoint. `shown` is the event as the API shows it at this moment."""
        fault = self.faults.take("webhook", event["type"])
        kind = fault.kind if fault else ""
        pause = 0.0
        if fault and kind == "delay":
            pause = fault.seconds
        if fault and kind == "reorder":
            pause = self._random.uniform(0, fault.seconds)
        body = json.dumps(shown).encode()
        with self._ready:
            for _ in range(2 if kind == "duplicate" else 1):
                delivery = Delivery(
                    number=len(self.deliveries),
                    event=event,
                    url=url,
                    secret=secret,
                    body=body,
                    due=self.wall() + pause,
                    spoil=kind if kind.endswith("_signature") else None,
                    state="dropped" if kind == "drop" else "pending",
                )
                self.deliveries.append(delivery)
                self._by_event.setdefault(event["id"], []).append(delivery)
                if delivery.state == "pending":
                    self._pending.append(delivery)
            self._ready.notify_all()

    def start(self) -> None:
        """Send from background threads from now on."""
        for _ in range(_WORKERS):
            threading.Thread(target=self._work, name="sandbox-webhooks", daemon=True).start()

    def stop(self) -> None:
        with self._ready:
            self._stopping = True
            self._ready.notify_all()

    def drain(self) -> int:
        """Send everything that is pending, in the order it is due and without waiting; return how many calls."""
        calls = 0
        while (delivery := self._claim(waiting=False)) is not None:
            self._attempt(delivery)
            calls += 1
        return calls

    def pending(self) -> int:
        """Return how many deliveries are neither done nor given up."""
        with self._ready:
            return sum(delivery.state in {"pending", "sending"} for delivery in self._pending)

    def wait_idle(self, *, timeout: float) -> bool:
        """Wait until no delivery is pending; tell whether that came to pass in time."""
        with self._ready:
            return self._ready.wait_for(lambda: not self._pending, timeout=timeout)

    def forget(self) -> None:
        """Drop all deliveries, also those under way."""
        with self._ready:
            self.deliveries.clear()
            self._by_event.clear()
            self._pending.clear()
            self._ready.notify_all()

    def listed(self, *, last: int) -> list[dict[str, Any]]:
        """Return the latest deliveries as JSON, newest first."""
        with self._ready:
            found = self.deliveries[-last:][::-1]
            return [
                {
                    "event": entry.event["id"],
                    "type": entry.event["type"],
                    "url": entry.url,
                    "state": entry.state,
                    "attempts": entry.attempts,
                    "answer": entry.answer,
                }
                for entry in found
            ]

    def outcome(self, event_id: str) -> list[dict[str, Any]]:
        """Return what became of one event, one entry for each delivery."""
        with self._ready:
            found = list(self._by_event.get(event_id, ()))
        return [
            {"url": entry.url, "state": entry.state, "attempts": entry.attempts, "answer": entry.answer}
            for entry in found
        ]

    def _work(self) -> None:
        while (delivery := self._claim(waiting=True)) is not None:
            self._attempt(delivery)

    def _claim(self, *, waiting: bool) -> Delivery | None:
        with self._ready:
            while not self._stopping:
                free = [delivery for delivery in self._pending if delivery.state == "pending"]
                first = min(free, key=lambda entry: (entry.due, entry.number), default=None)
                if first is None and not waiting:
                    return None
                if first is not None and (not waiting or first.due <= self.wall()):
                    first.state = "sending"
                    return first
                self._ready.wait(timeout=0.5 if first is None else max(0.01, first.due - self.wall()))
        return None

    def _attempt(self, delivery: Delivery) -> None:
        spoil = delivery.spoil if delivery.attempts == 0 else None
        try:
            status = self.deliver(delivery.url, self._headers(delivery, spoil=spoil), delivery.body)
            answer = str(status)
        except requests.RequestException as error:
            status, answer = 0, type(error).__name__
        with self._ready:
            delivery.attempts += 1
            delivery.answer = answer
            if 200 <= status < 300:
                delivery.state = "delivered"
                delivery.event["pending_webhooks"] = max(0, delivery.event["pending_webhooks"] - 1)
            elif delivery.attempts > len(_PAUSES):
                delivery.state = "failed"
            else:
                delivery.state = "pending"
                delivery.due = self.wall() + _PAUSES[delivery.attempts - 1]
            if delivery.state != "pending" and delivery in self._pending:
                self._pending.remove(delivery)
            self._ready.notify_all()

    def _headers(self, delivery: Delivery, *, spoil: str | None) -> dict[str, str]:
        # A signature tells when the request was sent, so its time is wall time, whatever the simulated clock says.
        moment = int(self.wall()) - (3600 if spoil == "stale_signature" else 0)
        secret = "whsec_somebody_else" if spoil == "bad_signature" else delivery.secret
        return {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": f"t={moment},v1={signature(delivery.body, secret=secret, moment=moment)}",
        }


def signature(body: bytes, *, secret: str, moment: int) -> str:
    """Return the hex HMAC that Stripe puts behind `v1=`."""
    return hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()


def over_http(url: str, headers: dict[str, str], body: bytes) -> int:
    """Deliver by a real request, without following redirects, and return the status."""
    return requests.post(url, data=body, headers=headers, timeout=15, allow_redirects=False).status_code
