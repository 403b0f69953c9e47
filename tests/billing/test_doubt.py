"""Before a reader with a history at Stripe is refused, somebody looks there again; nobody else is looked up."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from billing import sync
from billing.models import Customer
from tests.factories.billing import NOON, Shop
from tests.factories.paywall import article, reader
from tests.paywall.conftest import sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]

URL = "/api/v1/articles/harbour-vote/access"


def told(client: Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get(URL).json()
    return found


def looked_at(customer: Customer, *, ago: timedelta) -> None:
    Customer.objects.filter(pk=customer.pk).update(synced_at=NOON - ago)


@pytest.fixture
def customer(shop: Shop) -> Customer:
    """Somebody whose payment of a moment ago nobody has told us about."""
    article()
    made = shop.customer()
    shop.sync(made)
    looked_at(made, ago=timedelta(hours=1))
    assert shop.subscribe(made.stripe_id) is not None
    return made


def test_a_lost_payment_opens_the_article_at_the_second_try(shop: Shop, customer: Customer) -> None:
    assert customer.reader is not None
    client = sign_in(customer.reader)
    refused = told(client)
    assert (refused["reason"], refused["checking"]) == ("subscription_required", True)
    assert "asking once more" in refused["notice"]["text"]
    assert sync.waiting_ids(now=NOON + timedelta(minutes=1), limit=9) == [customer.pk]
    shop.sync(customer)
    opened = told(client)
    assert (opened["reason"], opened["checking"]) == ("entitled", False)


def test_reading_a_batch_and_the_check_ask_as_well(customer: Customer) -> None:
    assert customer.reader is not None
    client = sign_in(customer.reader)
    asked = {"articles": ["harbour-vote"]}
    for answer in (
        client.post("/api/v1/articles/harbour-vote/read"),
        client.post("/api/v1/access", asked, content_type="application/json"),
    ):
        assert '"checking":true' in answer.content.decode().replace(" ", "")
    before = Customer.objects.get().sync_requested
    assert client.get("/api/v1/access/check", HTTP_X_ORIGINAL_URI="/harbour-vote").status_code == 403
    assert Customer.objects.get().sync_requested == before


def test_a_hundred_refusals_ask_once(customer: Customer) -> None:
    assert customer.reader is not None
    client = sign_in(customer.reader)
    before = Customer.objects.get().sync_requested
    assert all(told(client)["checking"] for _ in range(10))
    assert Customer.objects.get().sync_requested == before + 1


def test_a_fresh_look_is_believed(shop: Shop, customer: Customer) -> None:
    assert customer.reader is not None
    looked_at(customer, ago=timedelta(seconds=30))
    assert told(sign_in(customer.reader))["checking"] is False
    assert sync.waiting_ids(now=NOON + timedelta(minutes=1), limit=9) == []


def test_whoever_reads_is_not_looked_up(shop: Shop, customer: Customer) -> None:
    assert customer.reader is not None
    shop.sync(customer)
    looked_at(customer, ago=timedelta(hours=1))
    assert told(sign_in(customer.reader))["access"] == "full"
    assert sync.waiting_ids(now=NOON + timedelta(minutes=1), limit=9) == []


def test_a_stranger_and_one_who_never_came_to_pay_are_told_nothing_of_it(customer: Customer) -> None:
    assert told(Client())["checking"] is False
    assert told(sign_in(reader()))["checking"] is False
    assert sync.waiting_ids(now=NOON + timedelta(minutes=1), limit=9) == []
