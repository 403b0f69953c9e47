"""The proof that nobody is sold a subscription twice, however many clicks, tabs, prices and faults at once."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from accounts.models import User
from billing import subscribing
from billing.models import CheckoutAttempt, OpenProduct, Subscription
from billing.sandbox.errors import ApiError
from tests.billing.market import BACK, Market
from tests.factories.accounts import a_reader
from tests.proofs.conftest import Figure
from tests.proofs.extent import extent

# In full on either database, which makes seventy.
READERS = extent(ordinary=2, full=35)
TROUBLES = 8
CLICKS, CLICKS_WHILE_PAYING = 20, 6
PRICES = ("premium_monthly", "premium_yearly")


@pytest.fixture(autouse=True)
def _with_time(settings: Any) -> None:
    """Judge by what comes of it, not by how busy the machine is (R5 judges how long it takes)."""
    settings.SECONDS_FOR_STRIPE = settings.CHECKOUT_SECONDS_TO_WAIT = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What one click got."""

    status: int
    url: str = ""


def click_at_once(
    reader: User, prices: list[str], *, meanwhile: Callable[[], None] | None = None
) -> list[Answer]:
    """Send one checkout per price at the same moment, each from a tab of its own."""
    home = Client()
    home.force_login(reader)
    session = home.cookies[settings.SESSION_COOKIE_NAME].value
    barrier = threading.Barrier(len(prices) + (meanwhile is not None))

    def click(price: str) -> Answer:
        tab = Client(raise_request_exception=False)
        tab.cookies[settings.SESSION_COOKIE_NAME] = session
        try:
            barrier.wait()
            body = {"price": price, "return_url": BACK}
            answer = tab.post("/api/v1/checkout", body, content_type="application/json")
            return Answer(answer.status_code, answer.json().get("url", ""))
        finally:
            connection.close()

    def other() -> None:
        assert meanwhile is not None
        barrier.wait()
        meanwhile()

    with ThreadPoolExecutor(len(prices) + 1) as pool:
        other_done = pool.submit(other) if meanwhile else None
        answers = list(pool.map(click, prices))
        if other_done:
            other_done.result()
    return answers


def pay_whatever_is_open(market: Market, *, after: float = 0) -> None:
    """Pay every session that can still be paid, as a reader with many tabs would."""
    time.sleep(after)
    for session in market.objects("checkout.session"):
        try:
            market.sandbox.complete_checkout(session["id"])
        except ApiError:
            continue  # expired or paid


def come_back(market: Market, reader: User) -> None:
    """Arrive from Stripe with whatever attempt is open."""
    for attempt in CheckoutAttempt.objects.filter(reader=reader, state=CheckoutAttempt.State.OPEN):
        subscribing.finish(attempt, session_id=attempt.session_id, gateway=market.gateway, now=market.now)


def live_at_stripe(market: Market) -> Counter[str]:
    """Count what Stripe would charge again, by customer."""
    return Counter(
        one["customer"]
        for one in market.objects("subscription")
        if one["status"] in {"active", "trialing", "past_due"}
    )


@pytest.mark.django_db(transaction=True)
def test_r8_readers_with_twenty_tabs_each_buy_exactly_once(market: Market, figure: Figure) -> None:
    seed = random.SystemRandom().randrange(10**6)
    answers, dice = Counter[int](), random.Random(seed)
    # Eight readers meet each kind of trouble once; fewer meet some of them, others in each run.
    first_trouble = dice.randrange(TROUBLES)
    readers = [a_reader() for _ in range(READERS)]
    for number, reader in enumerate(readers, start=first_trouble):
        _make_trouble(market, number)
        first = click_at_once(reader, [PRICES[0]] * CLICKS)
        assert {answer.status for answer in first} == {201}, Counter(answer.status for answer in first)
        assert len({answer.url for answer in first}) == 1
        # They pay in one tab while clicking on in all the others, for either price.
        _make_trouble(market, number)
        second = click_at_once(
            reader,
            [dice.choice(PRICES) for _ in range(CLICKS_WHILE_PAYING)],
            meanwhile=partial(pay_whatever_is_open, market, after=dice.uniform(0, 0.4)),
        )
        market.sandbox.world.faults.clear()
        pay_whatever_is_open(market)
        come_back(market, reader)
        answers.update(answer.status for answer in (*first, *second))
    figure(
        "R8",
        f"{connection.vendor}: {READERS} readers x {CLICKS} parallel clicks, {CLICKS_WHILE_PAYING} more while paying: "
        f"{len(live_at_stripe(market))} readers with {sum(live_at_stripe(market).values())} subscriptions, "
        f"{dict(sorted(answers.items()))}",
        target="one subscription each, 0 x 5xx",
    )
    assert set(answers) <= {201, 409}, f"seed {seed}: {answers}"
    assert sorted(live_at_stripe(market).values()) == [1] * READERS, f"seed {seed}"
    assert Subscription.objects.filter(status="active").count() == READERS
    assert OpenProduct.objects.filter(product="premium").count() == READERS
    assert not CheckoutAttempt.objects.filter(state=CheckoutAttempt.State.OPEN).exists()


def _make_trouble(market: Market, number: int) -> None:
    """Let Stripe be itself for most readers, and slow, busy, broken or deaf for the others."""
    market.sandbox.world.faults.clear()
    sessions = "POST /v1/checkout/sessions"
    match number % TROUBLES:
        case 1:
            market.fault(target="api", kind="slow", match=sessions, seconds=1.5, left=2)
        case 2:
            market.fault(target="api", kind="status", match=sessions, status=409, left=4)
        case 3:
            market.fault(target="api", kind="status", match=sessions, status=500, recorded=True, left=1)
        case 4:
            market.fault(target="api", kind="drop_response", match=sessions, left=1)
        case 5:
            market.fault(target="api", kind="status", match=sessions, status=429, left=2)
        case 6:
            market.fault(target="api", kind="status", match="POST /v1/customers", status=409, left=4)
