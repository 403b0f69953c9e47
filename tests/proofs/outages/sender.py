"""Stripe with a list: signed events, posted until each is acknowledged, and a note of which were."""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any

import requests
import stripe

from tests.factories.billing import signed
from tests.proofs.processes.stack import WEBHOOK_SECRET

_PAUSE = 0.05  # before what was not acknowledged is sent again


def an_event(about: dict[str, Any], *, kind: str) -> dict[str, Any]:
    """Return an event that nobody sent before."""
    return {
        "id": f"evt_{uuid.uuid4().hex}",
        "object": "event",
        "api_version": stripe.api_version,
        "created": int(time.time()),
        "livemode": False,
        "type": kind,
        "data": {"object": about},
    }


def news_of(customer: str) -> dict[str, Any]:
    """Return an event that asks for a look at a customer."""
    return an_event({"id": customer, "object": "customer"}, kind="customer.updated")


@dataclass(slots=True)
class Sender:
    """Posts events to a webhook; `acknowledged` holds the ids answered 2xx, `failed` why others were sent again."""

    address: str
    acknowledged: list[str] = field(default_factory=list)
    failed: Counter[str] = field(default_factory=Counter)

    def post(
        self, event: dict[str, Any], *, by: requests.Session, headers: Mapping[str, str] | None = None
    ) -> requests.Response:
        """Post an event once, signed."""
        body, signature = signed(event, secret=WEBHOOK_SECRET)
        told = {"Stripe-Signature": signature, "Content-Type": "application/json", **(headers or {})}
        return by.post(self.address, data=body, headers=told, timeout=10, allow_redirects=False)

    def send(self, event: dict[str, Any]) -> None:
        """Post one event until it is acknowledged."""
        with requests.Session() as session:
            self._post_until_kept(event, by=session)

    def _post_until_kept(self, event: dict[str, Any], *, by: requests.Session) -> None:
        while (trouble := self._trouble(event, by=by)) is not None:
            self.failed[trouble] += 1
            time.sleep(_PAUSE)
        self.acknowledged.append(event["id"])

    @contextmanager
    def sending(self, events: Sequence[dict[str, Any]], *, threads: int = 4) -> Iterator[None]:
        """Post all events from several threads at once; on leaving, all are acknowledged."""
        waiting: SimpleQueue[dict[str, Any]] = SimpleQueue()
        for event in events:
            waiting.put(event)
        workers = [threading.Thread(target=self._send, args=(waiting,)) for _ in range(threads)]
        for worker in workers:
            worker.start()
        try:
            yield
        finally:
            for worker in workers:
                worker.join()

    def _send(self, waiting: SimpleQueue[dict[str, Any]]) -> None:
        with requests.Session() as session:
            while True:
                try:
                    event = waiting.get_nowait()
                except Empty:
                    return
                self._post_until_kept(event, by=session)

    def _trouble(self, event: dict[str, Any], *, by: requests.Session) -> str | None:
        try:
            answer = self.post(event, by=by)
        except requests.ConnectionError as error:
            return "refused" if "refused" in str(error).lower() else "cut off"
        except requests.RequestException as error:
            return type(error).__name__
        return None if answer.ok else str(answer.status_code)
