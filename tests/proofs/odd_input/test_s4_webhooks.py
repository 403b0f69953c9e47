"""The proof that Stripe's door lets in what Stripe signed for us, each thing once, and nothing else."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from accounts import clock
from accounts.models import Mail
from billing import inbox, sync
from billing.gateway import Gateway
from billing.models import Customer, StripeEvent
from tests.billing.market import Market
from tests.factories.accounts import a_reader
from tests.factories.billing import Shop
from tests.proofs.conftest import Figure
from tests.proofs.odd_input.deliveries import Arrival, Fate, Sender, everything

URL = "/stripe/webhook/"
REPLAYS = 20
_STATES = {Fate.REFUSED: [], Fate.IGNORED: ["ignored"], Fate.TAKEN: ["received"]}


def send(arrival: Arrival) -> int:
    """Bring it to the door as a server would; return the status."""
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    headers = {f"HTTP_{name.upper().replace('-', '_')}": text for name, text in arrival.headers.items()}
    kind = headers.pop("HTTP_CONTENT_TYPE")
    if arrival.signatures:
        # A server joins repeated headers, and hands over as latin-1 whatever the bytes were.
        raw = b",".join(one if isinstance(one, bytes) else one.encode() for one in arrival.signatures)
        headers["HTTP_STRIPE_SIGNATURE"] = raw.decode("latin-1")
    return client.generic(arrival.method, URL, arrival.body, content_type=kind, **headers).status_code


def is_right(arrival: Arrival, status: int) -> bool:
    """Tell whether that is the answer to such a thing."""
    return 400 <= status < 500 if arrival.fate is Fate.REFUSED else status == 200


@pytest.mark.django_db
@pytest.mark.usefixtures("at_noon")
def test_s4_only_what_stripe_signed_for_us_has_an_effect(shop: Shop, figure: Figure) -> None:
    customer = shop.customer(a_reader())
    wrong, answers = list[str](), Counter[int]()
    arrivals = everything(Sender(customer.stripe_id, settings.STRIPE_WEBHOOK_SECRETS[0]))
    for arrival in arrivals:
        status = send(arrival)
        answers[status] += 1
        kept = list(StripeEvent.objects.values_list("state", flat=True))
        work(shop.gateway, now=clock.now())
        customer.refresh_from_db()
        # What is taken is the control: the same door, and somebody did look.
        looks = int(arrival.fate is Fate.TAKEN)
        if not is_right(arrival, status) or kept != _STATES[arrival.fate] or customer.sync_done != looks:
            wrong.append(f"{arrival.name}: {status}, {kept}, {customer.sync_done} looks")
        StripeEvent.objects.all().delete()
        Customer.objects.update(sync_requested=0, sync_done=0)
    taken = sum(arrival.fate is Fate.TAKEN for arrival in arrivals)
    figure(
        "S4",
        f"{connection.vendor}: {len(arrivals) - taken} deliveries forged, mangled, misdirected or unreadable, {taken} "
        f"odd but genuine: {len(wrong)} wrong, {sum(answers[status] for status in answers if status >= 500)} x 5xx, "
        f"answers {dict(sorted(answers.items()))}",
        target=">= 60 odd ones, 0 accepted, 0 x 5xx",
    )
    assert wrong == []
    assert len(arrivals) - taken >= 60


@pytest.mark.django_db(transaction=True)
def test_s4_a_genuine_delivery_repeated_at_will_has_one_effect(market: Market, figure: Figure) -> None:
    reader = a_reader()
    market.buy(reader)
    market.sandbox.swap_card(market.customer(reader).stripe_id, card="4000000000000341")
    before, since = market.customer(reader), market.now
    Mail.objects.all().delete()
    StripeEvent.objects.all().delete()
    market.sandbox.advance(months=1)
    (failure,) = [
        delivery
        for delivery in market.gateway.events(since=since, until=market.now)
        if delivery.event.type == "invoice.payment_failed"
    ]
    statuses = Counter[int]()
    for _round in ("nothing is done yet", "all is done"):
        statuses.update(_at_once(failure.payload))
        # Ours, not Stripe's whole second, which is before what came in within it.
        work(market.gateway, now=clock.now())
    after = market.customer(reader)
    effects = {
        "rows": StripeEvent.objects.count(),
        "syncs": after.sync_requested - before.sync_requested,
        "mails": Mail.objects.count(),
    }
    figure(
        "S4",
        f"{connection.vendor}: a payment that failed, told {sum(statuses.values())} times, half of it after the work: "
        f"{effects}, answers {dict(statuses)}",
        target="effects = 1, all 200",
    )
    assert set(statuses) == {200}
    assert set(effects.values()) == {1}, effects
    assert Mail.objects.get().kind == "payment_failed"


def _at_once(payload: dict[str, Any]) -> list[int]:
    """Deliver the same event many times at the same moment, each time signed anew as Stripe does."""
    sender = Sender(customer="", secret=settings.STRIPE_WEBHOOK_SECRETS[0])
    barrier = threading.Barrier(REPLAYS)

    def deliver(number: int) -> int:
        arrival = sender.genuine(f"replay {number}", sender.body(**_as_fields(payload)))
        try:
            barrier.wait()
            return send(arrival)
        finally:
            connection.close()

    with ThreadPoolExecutor(REPLAYS) as pool:
        return list(pool.map(deliver, range(REPLAYS)))


def _as_fields(payload: dict[str, Any]) -> dict[str, Any]:
    return {"kind": payload["type"], **{name: value for name, value in payload.items() if name != "type"}}


def work(gateway: Gateway, *, now: datetime) -> None:
    """Do all that is due, as the workers would."""
    for event in inbox.due_ids(now=now, limit=100):
        inbox.process(event, gateway=gateway, now=now)
    for customer in sync.waiting_ids(now=now, limit=100):
        sync.customer(customer, gateway=gateway, now=now)
