"""Callers of the API, each with a credential, and what they find: articles, a subscription that was really paid for.

Stripe is whatever stand-in `STRIPE_API_BASE` leads to.
"""

from __future__ import annotations

import json
from datetime import timedelta
from urllib.request import Request, urlopen

from django.conf import settings
from django.test import Client

from accounts import clock
from accounts.models import User
from accounts.session_store import Door, SessionStore
from billing import gateway, subscribing
from paywall.decision.article import Demand
from tests.factories.accounts import a_member_of_staff, a_reader
from tests.factories.paywall import article, gift, meter

ARTICLES = ("harbour-vote", "quay-walk")
SUBSCRIBER = "subscriber"
_SUBSCRIBERS_ADDRESS = "subscriber@example.org"
_CARD = "4242424242424242"


def assemble(*, site_key: str) -> dict[str, dict[str, str]]:
    """Store the readers and articles; return the headers of each caller by name. Plans have to be on sale."""
    yesterday = clock.now() - timedelta(days=1)
    meter(now=yesterday)
    story = article(ARTICLES[0], published_at=yesterday, stated_at=yesterday)
    article("old-news", published_at=yesterday, stated_at=yesterday, demand="")
    article(ARTICLES[1], published_at=yesterday, stated_at=yesterday, demand=Demand.FREE)
    reader, subscriber, staff = a_reader(), a_reader(_SUBSCRIBERS_ADDRESS), a_member_of_staff()
    subscribe(subscriber, price="premium_monthly")
    gift(subscriber, article=story, now=clock.now())
    return {
        "stranger": {},
        "reader": {"X-Session-Token": token_of(reader)},
        SUBSCRIBER: {"Authorization": f"Bearer {token_of(subscriber)}"},
        "staff": {"X-Session-Token": token_of(staff)},
        "site": {"Authorization": f"Api-Key {site_key}"},
    }


def the_subscriber() -> User:
    """Return who subscribed."""
    return User.objects.get(email=_SUBSCRIBERS_ADDRESS)


def subscribe(reader: User, *, price: str) -> None:
    """Let a reader buy what is on sale under this name, with a card that pays."""
    stripe, now = gateway.default(), clock.now()
    back = f"{settings.SITE_URL}/account/"
    checkout = subscribing.start(reader, price=price, return_url=back, gateway=stripe, now=now)
    attempt = reader.checkout_attempts.get()
    pay(attempt.session_id)
    arrival = subscribing.finish(attempt, session_id=attempt.session_id, gateway=stripe, now=clock.now())
    assert arrival is subscribing.Arrival.DONE, checkout.url


def token_of(reader: User) -> str:
    """Sign a reader in as an app does; return the token."""
    browser = Client()
    browser.force_login(reader)
    session = SessionStore(browser.cookies[settings.SESSION_COOKIE_NAME].value)
    session.move_to(Door.HEADER)
    session.save()
    assert session.session_key
    return session.session_key


def pay(session: str) -> None:
    """Fill in a payment page, with a card that pays."""
    address = f"{settings.STRIPE_API_BASE}/_control/checkout/{session}/complete"
    body = json.dumps({"card": _CARD}).encode()
    with urlopen(Request(address, data=body), timeout=60) as answer:
        assert answer.status == 200
