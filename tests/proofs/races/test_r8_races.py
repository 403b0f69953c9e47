"""The proof that races about one contract end in one state, Stripe's and ours, and that nothing is charged twice."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.test import Client

from accounts.models import User
from billing import comparison, inbox, leftovers, reconciliation, sync
from billing.gateway import StripeGateway
from billing.models import CheckoutAttempt, Customer, StripeEvent
from tests.billing.market import BACK, FAILING_CARD, Market
from tests.factories import paywall
from tests.factories.accounts import a_reader
from tests.proofs.conftest import Figure
from tests.proofs.extent import extent
from tests.proofs.ledger import till
from tests.proofs.processes.services import wait_until
from tests.proofs.races.races import at_once, post, tabs
from tests.sandbox.in_process import InProcessClient

# In full each runs on either database, which makes two hundred of either.
CANCELS = extent(ordinary=4, full=100)
AT_A_TIME = extent(ordinary=2, full=8)
FORMS = extent(ordinary=2, full=100)
ARRIVALS = extent(ordinary=2, full=20)
CHANGES_OF_MIND = extent(ordinary=2, full=20)
CLOSINGS = extent(ordinary=3, full=20)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _with_time(settings: Any) -> None:
    """Judge by what comes of it, not by how busy the machine is (R5 judges how long it takes)."""
    settings.SECONDS_FOR_STRIPE = settings.CHECKOUT_SECONDS_TO_WAIT = 60.0


@pytest.fixture
def seed() -> int:
    """What the dice began with; printed where a proof fails."""
    chosen = random.SystemRandom().randrange(10**6)
    print(f"seed {chosen}")  # noqa: T201
    return chosen


@pytest.fixture
def quick(market: Market) -> Market:
    """A market whose preparations skip the wire; what races still goes over it."""
    market.gateway = StripeGateway(
        secret_key="sk_test_1",
        api_base="http://localhost:8002",
        http_client=InProcessClient(market.sandbox),
    )
    paywall.article("harbour-vote", published_at=market.now - timedelta(days=9))
    return market


def buyers(market: Market, count: int) -> list[User]:
    """Return so many readers who subscribe by the month."""
    readers = [a_reader() for _ in range(count)]
    for reader in readers:
        market.buy(reader)
    return readers


def catch_up(market: Market) -> None:
    """Hear of everything, and do what is due."""
    reconciliation.replay(gateway=market.gateway, now=market.now)
    while True:
        events, customers = (
            inbox.due_ids(now=market.now, limit=500),
            sync.waiting_ids(now=market.now, limit=500),
        )
        for event in events:
            inbox.process(event, gateway=market.gateway, now=market.now)
        for customer in customers:
            leftovers.look(customer, gateway=market.gateway, now=market.now)
        if not events and not customers:
            return


def look_at(market: Market, readers: list[User]) -> None:
    """Sync these readers, as a sweep does."""
    customers = Customer.objects.filter(reader__in=readers).values_list("pk", flat=True)
    sync.request(customers, now=market.now)
    for customer in customers:
        leftovers.look(customer, gateway=market.gateway, now=market.now)


def unequal(market: Market) -> list[str]:
    """Return what differs from Stripe."""
    found = comparison.look_through(gateway=market.gateway, now=market.now)
    return [str(one) for one in found if one.difference]


def reads(reader: User) -> bool:
    """Tell whether the article opens."""
    (tab,) = tabs(reader, 1)
    return bool(tab.get("/api/v1/articles/harbour-vote/access").json()["access"] == "full")


def batches(count: int) -> Iterator[int]:
    """Yield how many race together, until there were `count`."""
    for done in range(0, count, AT_A_TIME):
        yield min(AT_A_TIME, count - done)


def test_r8_a_cancellation_meets_the_renewal(quick: Market, seed: int, figure: Figure) -> None:
    dice, outcomes, statuses, wrong = random.Random(seed), Counter[str](), Counter[int](), list[str]()
    for number, size in enumerate(batches(CANCELS)):
        readers = buyers(quick, size)
        ends = max(one["items"]["data"][0]["current_period_end"] for one in quick.objects("subscription"))
        # Every second time the race is for the period's end, otherwise for the charge an hour later.
        moment = ends if number % 2 else ends + 3600
        quick.sandbox.advance(to=moment - 30)
        done: list[int] = []
        clicks = [partial(cancel, reader, done) for reader in readers]
        turn = partial(pass_time, quick, to=moment + 30, when_done=dice.randrange(size), done=done)
        answers = at_once(*dice.sample([*clicks, turn], size + 1))
        statuses.update(int(answer.status_code) for answer in answers if answer is not None)
        quick.sandbox.advance(to=ends + 7200)
        look_at(quick, readers)
        for reader in readers:
            outcomes[outcome(quick, reader, wrong)] += 1
        quick.sandbox.advance(months=1)
        catch_up(quick)
        wrong += [
            f"{one['id']} goes on" for one in quick.objects("subscription") if one["status"] != "canceled"
        ]
        wrong += unequal(quick)
    charged = till.charged_twice(quick)
    figure(
        "R8",
        f"{connection.vendor}: {CANCELS} cancellations while the period turns or is charged: "
        f"{dict(sorted(outcomes.items()))}, {len(charged)} double charges, {len(wrong)} inconsistent, "
        f"{dict(sorted(statuses.items()))}",
        target="0, 0, 0 x 5xx",
    )
    assert not wrong, f"seed {seed}: {wrong[:5]}"
    assert not charged, f"seed {seed}"
    assert max(statuses) < 500
    assert sum(outcomes.values()) == CANCELS


def cancel(reader: User, done: list[int]) -> Any:
    """Click, and note that it is done."""
    (tab,) = tabs(reader, 1)
    answer = post(tab, "/api/v1/subscription/cancel")()
    done.append(reader.pk)
    return answer


def pass_time(market: Market, *, to: int, when_done: int, done: list[int]) -> None:
    """Move time while the first clicks are answered and the others on their way."""
    wait_until(lambda: len(done) >= when_done, what="clicks")
    market.sandbox.advance(to=to)


def outcome(market: Market, reader: User, wrong: list[str]) -> str:
    """Say how a race ended: with the old period, or with the next one, which then was paid for once."""
    customer = market.customer(reader).stripe_id
    (theirs,) = [one for one in market.objects("subscription") if one["customer"] == customer]
    paid = [
        one["id"]
        for one in market.objects("invoice")
        if one["customer"] == customer and one["status"] == "paid"
    ]
    has_ended = theirs["status"] == "canceled"
    is_right = (len(paid), reads(reader)) == ((1, False) if has_ended else (2, True)) and (
        has_ended or theirs["cancel_at_period_end"]
    )
    if not is_right:
        wrong.append(
            f"{theirs['id']} {theirs['status']} {theirs['cancel_at_period_end']} {paid} {reads(reader)}"
        )
    return "ended" if has_ended else "renewed"


def test_r8_cancel_resume_and_cancel_at_once(quick: Market, seed: int, figure: Figure) -> None:
    dice, statuses, ends = random.Random(seed), Counter[int](), Counter[bool]()
    for reader in buyers(quick, CHANGES_OF_MIND):
        wishes = dice.choices(["cancel", "resume"], k=4)
        clicks = [
            post(tab, f"/api/v1/subscription/{wish}")
            for tab, wish in zip(tabs(reader, 4), wishes, strict=True)
        ]
        statuses.update(int(answer.status_code) for answer in at_once(*clicks))
        for again in ("cancel", "resume"):
            (tab,) = tabs(reader, 1)
            assert post(tab, f"/api/v1/subscription/{again}")().status_code == 200
            (state,) = tab.get("/api/v1/subscription").json()["subscriptions"]
            ends[state["cancel_scheduled"]] += 1
            assert state["cancel_scheduled"] is (again == "cancel")
    catch_up(quick)
    differing = unequal(quick)
    figure(
        "R8",
        f"{connection.vendor}: {CHANGES_OF_MIND} readers cancel and resume four times at once, then once in peace: "
        f"{len(differing)} unequal to Stripe, {dict(sorted(statuses.items()))}",
        target="0, 0 x 5xx",
    )
    assert not differing, f"seed {seed}: {differing}"
    assert max(statuses) < 500, f"seed {seed}"
    assert ends == {True: CHANGES_OF_MIND, False: CHANGES_OF_MIND}


def test_r8_one_card_form_is_finished_by_page_and_worker(quick: Market, figure: Figure) -> None:
    readers = buyers(quick, FORMS)
    for reader in readers:
        quick.sandbox.swap_card(quick.customer(reader).stripe_id, card=FAILING_CARD)
    quick.sandbox.advance(months=1)
    for reader in readers:
        quick.look(reader)
    forms = {reader: quick.card_form(reader) for reader in readers}
    reconciliation.replay(gateway=quick.gateway, now=quick.now)
    statuses = Counter[int]()
    for reader, form in forms.items():
        finished = StripeEvent.objects.get(object_id=form, type="checkout.session.completed")
        back = f"/account/return/?form=card&return_url={BACK}&session_id={form}"
        acts = [partial(tab.get, back) for tab in tabs(reader, 2)]
        worker = partial(work_through, quick, finished.pk)
        statuses.update(int(answer.status_code) for answer in at_once(*acts, worker) if answer is not None)
    charged, owed = (
        till.charged_twice(quick),
        [one for one in quick.objects("invoice") if one["status"] == "open"],
    )
    catch_up(quick)
    readable = sum(reads(reader) for reader in readers)
    figure(
        "R8",
        f"{connection.vendor}: {FORMS} card forms finished by two tabs and a worker at once: {len(charged)} double "
        f"charges, {len(owed)} still owed, {readable} read, {dict(sorted(statuses.items()))}",
        target=f"0, 0, {FORMS}, 0 x 5xx",
    )
    assert not charged
    assert not owed
    assert readable == FORMS
    assert unequal(quick) == []
    assert max(statuses) < 500


def work_through(market: Market, event: int) -> None:
    """Do what a worker does who was rung for an event."""
    customer = inbox.process(event, gateway=market.gateway, now=market.now)
    if customer is not None:
        leftovers.look(customer, gateway=market.gateway, now=market.now)


def test_r8_one_purchase_is_learnt_of_by_page_and_worker(quick: Market, figure: Figure) -> None:
    statuses, readers = Counter[int](), [a_reader() for _ in range(ARRIVALS)]
    for reader in readers:
        both = tabs(reader, 2)
        wish = {"price": "premium_monthly", "return_url": BACK}
        post(both[0], "/api/v1/checkout", wish)()
        session = CheckoutAttempt.objects.get(reader=reader).session_id
        quick.sandbox.complete_checkout(session)
        reconciliation.replay(gateway=quick.gateway, now=quick.now)
        acts = [partial(tab.get, back_from(quick, session)) for tab in both]
        workers = [partial(work_through, quick, event) for event in inbox.due_ids(now=quick.now, limit=9)]
        answers = at_once(*acts, *workers)
        statuses.update(int(answer.status_code) for answer in answers if answer is not None)
    catch_up(quick)
    done = CheckoutAttempt.objects.filter(state=CheckoutAttempt.State.DONE).count()
    readable, twice = sum(reads(reader) for reader in readers), till.subscribed_twice(quick)
    figure(
        "R8",
        f"{connection.vendor}: {ARRIVALS} purchases learnt of by two tabs and all workers at once: {done} done, "
        f"{readable} read, {len(twice)} subscribe twice, {dict(sorted(statuses.items()))}",
        target=f"{ARRIVALS}, {ARRIVALS}, 0, 0 x 5xx",
    )
    assert (done, readable, twice, unequal(quick)) == (ARRIVALS, ARRIVALS, [], [])
    assert max(statuses) < 500


def back_from(market: Market, session: str) -> str:
    """Return where Stripe sends the reader of a session."""
    found = next(one for one in market.objects("checkout.session") if one["id"] == session)
    back = urlsplit(found["success_url"].replace("{CHECKOUT_SESSION_ID}", session))
    return f"{back.path}?{back.query}"


def test_r8_an_account_is_closed_while_its_reader_buys(quick: Market, seed: int, figure: Figure) -> None:
    dice, statuses = random.Random(seed), Counter[int]()
    # Letting go takes Stripe a while, so that clicks fall before, into and after each step of the closing.
    quick.fault(target="api", kind="slow", match="DELETE /v1/customers/*", seconds=0.4, left=10**6)
    for number in range(CLOSINGS):
        reader = a_reader()
        if number % 3:
            quick.buy(reader)
        leaving, *clicking = tabs(reader, 4)
        acts = [partial(leaving.delete, "/api/v1/me"), *(partial(go_on_clicking, tab) for tab in clicking)]
        answers = at_once(*dice.sample(acts, len(acts)))
        for answer in answers:
            statuses.update(answer if isinstance(answer, list) else [int(answer.status_code)])
    # Nothing may be payable from that moment on, whereas a customer whom the last click made may wait for a worker.
    payable = [one for one in quick.objects("checkout.session") if one["status"] == "open"]
    catch_up(quick)
    closed = User.objects.closed().count()
    living = [one for one in quick.objects("customer") if not one.get("_deleted")]
    known = Customer.objects.filter(reader__in=User.objects.closed(), deleted_at=None).count()
    figure(
        "R8",
        f"{connection.vendor}: {CLOSINGS} accounts closed while three tabs buy: {closed} closed, {len(living)} "
        f"customers left at Stripe, {known} here, {len(payable)} sessions still payable, "
        f"{dict(sorted(statuses.items()))}",
        target=f"{CLOSINGS}, 0, 0, 0, 0 x 5xx",
    )
    assert (closed, living, known, payable) == (CLOSINGS, [], 0, []), f"seed {seed}"
    assert max(statuses) < 500, f"seed {seed}"


def go_on_clicking(tab: Client) -> list[int]:
    """Buy again and again, until one is a stranger; return the answers."""
    answers: list[int] = []
    while not answers or (answers[-1] < 400 and len(answers) < 30):
        answers.append(
            int(post(tab, "/api/v1/checkout", {"price": "culture_monthly", "return_url": BACK})().status_code)
        )
    return answers
