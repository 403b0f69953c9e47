"""A sandbox in this process for each test, a client for it, and a small catalogue."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
import stripe

from billing.sandbox.sandbox import Sandbox

from .in_process import client_for

URL = "http://localhost:8000/stripe/webhook/"
SECRET = "whsec_test"


@dataclass
class Receiver:
    """Takes deliveries, as a list; answers `status`."""

    status: int = 200
    calls: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def __call__(self, _: str, headers: dict[str, str], body: bytes) -> int:
        self.calls.append((headers, body))
        return self.status


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def sandbox(receiver: Receiver) -> Sandbox:
    return Sandbox(
        seed="test", webhook_url=URL, webhook_secret=SECRET, deliver=receiver, check_responses=True
    )


@pytest.fixture
def client(sandbox: Sandbox) -> stripe.StripeClient:
    return client_for(sandbox)


@pytest.fixture
def price(client: stripe.StripeClient) -> stripe.Price:
    product = client.v1.products.create({"name": "Premium", "metadata": {"unlocks": "premium"}})
    return client.v1.prices.create(
        {
            "product": product.id,
            "currency": "eur",
            "unit_amount": 990,
            "lookup_key": "premium_monthly",
            "recurring": {"interval": "month"},
        }
    )


@pytest.fixture
def customer(client: stripe.StripeClient) -> stripe.Customer:
    return client.v1.customers.create({"email": "ann@example.com", "metadata": {"reader_id": "7"}})


@pytest.fixture
def subscription(
    sandbox: Sandbox, client: stripe.StripeClient, price: stripe.Price, customer: stripe.Customer
) -> stripe.Subscription:
    """An active subscription, bought through Checkout with 4242…"""
    session = client.v1.checkout.sessions.create(
        {
            "mode": "subscription",
            "customer": customer.id,
            "line_items": [{"price": price.id, "quantity": 1}],
            "success_url": "http://localhost:8000/return?session={CHECKOUT_SESSION_ID}",
        }
    )
    sandbox.complete_checkout(session.id)
    done = client.v1.checkout.sessions.retrieve(session.id)
    return client.v1.subscriptions.retrieve(str(done.subscription))
