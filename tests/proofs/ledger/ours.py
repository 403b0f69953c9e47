"""Our side of a proof, in a process that the proof forks: the doors that readers and Stripe use, and the workers.

Everything goes through what production uses: requests through the whole stack of middleware, work through the tasks.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import stripe
from django.conf import settings
from django.db.models import F, Q
from django.test import Client

from accounts import clock, emails
from accounts.models import Mail, User
from accounts.tasks import deliver_mails
from billing import inbox, sync
from billing.models import CheckoutAttempt, Customer, StripeEvent
from billing.tasks import process_events, sync_customers
from tests.proofs.ledger.theirs import Obj, Theirs

BACK = "http://localhost:8001/harbour-vote"
_BATCH, _BATCHES = 50, 20
_PASSES = 8
_MESSAGE_ID = re.compile(rb"^Message-ID: <(\w+)@", re.MULTILINE)
_PAST_EVERY_LEASE = Customer.LEASE + timedelta(seconds=30)


# The service, loaded once as in production: who is at the door is told by the cookies.
_SERVICE = Client(SERVER_NAME="localhost", raise_request_exception=False)


class Reader:
    """A reader at a browser in which they are signed in."""

    def __init__(self, account: User) -> None:
        self.account = account
        _SERVICE.cookies = self._cookies = SimpleCookie()
        _SERVICE.force_login(account, backend=settings.AUTHENTICATION_BACKENDS[0])

    def tries(self, path: str, **body: str) -> int:
        """Send a form to the API; return the status of the answer."""
        return self._post(path, body).status_code

    def drop(self, path: str) -> int:
        """Give something up by the API; return the status of the answer."""
        _SERVICE.cookies = self._cookies
        return int(_SERVICE.delete(f"/api/v1/{path}").status_code)

    def click(self, path: str, **body: str | int | bool) -> Obj:
        """Send a form to the API; return what it answered."""
        answer = self._post(path, body)
        assert answer.status_code in {200, 201}, f"{path}: {answer.status_code} {answer.content!r}"
        document: Obj = answer.json()
        return document

    def checkout(self, price: str = "premium_monthly") -> str:
        """Click on subscribe; return the session that the address leads to."""
        return _session_of(self.click("checkout", price=price, return_url=BACK)["url"])

    def card_form(self) -> str:
        """Ask for a card form; return its session."""
        return _session_of(self.click("card", return_url=BACK)["url"])

    def come_back(self, address: str, session: str) -> str:
        """Arrive from Stripe at the address that it was given; return where that leads."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        _SERVICE.cookies = self._cookies
        answer = _SERVICE.get("/account/return/", query | {"session_id": session})
        assert answer.status_code in {302, 303}, f"{address}: {answer.status_code}"
        return str(answer.headers["Location"])

    def _post(self, path: str, body: Mapping[str, str | int | bool]) -> Any:
        _SERVICE.cookies = self._cookies
        return _SERVICE.post(f"/api/v1/{path}", body, content_type="application/json")


def _session_of(url: str) -> str:
    return urlsplit(url).path.rstrip("/").rsplit("/", 1)[-1]


def open_doors() -> None:
    """Load the service, as a server does before it takes requests."""
    assert _SERVICE.get("/health/live").status_code == 200


def new_account(name: str) -> User:
    """Store a reader whose address is proven."""
    reader = User.objects.create_user(f"{name}@readers.example")
    reader.vouch_for_email()
    return reader


def known_customer(reader: User, stripe_id: str) -> Customer:
    """Note who a reader is at Stripe, as their first checkout does."""
    return Customer.objects.create(
        reader=reader, stripe_id=stripe_id, email=reader.email, created_at=clock.now()
    )


def deliver(event: Obj) -> None:
    """Bring an event to the webhook, signed as Stripe signs; it has to be answered with 200."""
    body = json.dumps(event)
    signature = stripe.WebhookSignature.generate_signature_header(body, settings.STRIPE_WEBHOOK_SECRETS[0])
    _SERVICE.cookies = SimpleCookie()
    answer = _SERVICE.post(
        "/stripe/webhook/", body, content_type="application/json", headers={"Stripe-Signature": signature}
    )
    assert answer.status_code == 200, f"{event['type']}: {answer.status_code}"


def work(theirs: Theirs) -> None:
    """Let workers do all that waits, one look after the other; move time past leases and pauses in between.

    Rows say what is due. Nobody is given a hint of what was interrupted.
    """
    for _pass in range(_PASSES):
        _do_what_is_due()
        if not unfinished():
            return
        theirs.pass_time(seconds=_PAST_EVERY_LEASE.total_seconds())


def _do_what_is_due() -> None:
    _drain(inbox.due_ids, process_events)
    _drain(sync.waiting_ids, sync_customers)
    _drain(emails.due_ids, deliver_mails)


def _drain(due: Callable[..., list[int]], act: Callable[[list[int]], object]) -> None:
    """Act on what is due as long as there is any; no longer than a fault could make it endless."""
    for _batch in range(_BATCHES):
        rows = due(now=clock.now(), limit=_BATCH)
        if not rows:
            return
        act(rows)


def unfinished() -> list[str]:
    """Name what is held, waits or was given up."""
    done = (StripeEvent.State.DONE, StripeEvent.State.IGNORED)
    events = StripeEvent.objects.filter(~Q(state__in=done) | Q(leased_until__isnull=False))
    customers = Customer.objects.filter(Q(sync_requested__gt=F("sync_done")) | Q(leased_until__isnull=False))
    mails = Mail.objects.filter(~Q(state=Mail.State.SENT) | Q(leased_until__isnull=False))
    attempts = CheckoutAttempt.objects.filter(leased_until__gt=clock.now())
    return [
        *(f"event {row.event_id} ({row.type}) is {row.state}: {row.last_error}" for row in events),
        *(f"customer {row.stripe_id} waits: {row.sync_error}" for row in customers),
        *(f"mail {row.dedup_key} is {row.state}: {row.last_error}" for row in mails),
        *(f"attempt {row.key} is held" for row in attempts),
    ]


def sent_mails() -> Counter[str]:
    """Empty the mail server's folder; return how often each mail arrived in it, by its id."""
    arrived: Counter[str] = Counter()
    folder = Path(settings.EMAIL_FILE_PATH)
    for file in folder.iterdir() if folder.exists() else ():
        arrived.update(name.decode() for name in _MESSAGE_ID.findall(file.read_bytes()))
        file.unlink()
    return arrived
