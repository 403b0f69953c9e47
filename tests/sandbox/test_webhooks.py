"""Events and their delivery: signed, whole, tried again, and spoilt on demand."""

from __future__ import annotations

import json

import pytest
import stripe

from billing.sandbox.faults import Fault
from billing.sandbox.sandbox import Sandbox

from .conftest import SECRET, URL, Receiver


def types(receiver: Receiver) -> list[str]:
    return [json.loads(body)["type"] for _, body in receiver.calls]


def verified(client: stripe.StripeClient, call: tuple[dict[str, str], bytes]) -> stripe.Event:
    headers, body = call
    return client.construct_event(body, headers["Stripe-Signature"], SECRET)


def test_the_sdk_accepts_the_signature_also_when_time_was_advanced(
    sandbox, client, receiver, customer
) -> None:
    sandbox.advance(months=5)
    client.v1.customers.update(customer.id, {"email": "new@example.com"})
    sandbox.webhooks.drain()
    event = verified(client, receiver.calls[-1])
    assert (event.type, event.api_version, event.livemode) == ("customer.updated", stripe.api_version, False)
    assert event.created == sandbox.now()
    assert event.data.previous_attributes["email"] == "ann@example.com"
    assert event.data.object["email"] == "new@example.com"
    assert event.request.id.startswith("req_")


def test_an_event_shows_the_object_as_it_was_then(sandbox, client, receiver, customer) -> None:
    for name in ("one", "two"):
        client.v1.customers.update(customer.id, {"name": name})
    sandbox.webhooks.drain()
    assert [verified(client, call).data.object["name"] for call in receiver.calls] == [None, "one", "two"]


def test_a_checkout_tells_its_whole_story(sandbox, receiver, subscription) -> None:
    sandbox.webhooks.drain()
    told = types(receiver)
    for expected in (
        "payment_method.attached",
        "customer.subscription.created",
        "invoice.created",
        "invoice.finalized",
        "payment_intent.succeeded",
        "charge.succeeded",
        "invoice_payment.paid",
        "invoice.paid",
        "checkout.session.completed",
    ):
        assert told.count(expected) == 1, expected
    assert told[-1] == "checkout.session.completed"


def test_a_failed_renewal_tells_its_story(sandbox, client, receiver, subscription, customer) -> None:
    sandbox.swap_card(customer.id, card="0341")
    sandbox.webhooks.drain()
    receiver.calls.clear()
    sandbox.advance(months=1)
    sandbox.webhooks.drain()
    told = types(receiver)
    for expected in ("invoice.created", "invoice.finalized", "charge.failed", "invoice.payment_failed"):
        assert told.count(expected) == 1, expected
    updates = [verified(client, call) for call in receiver.calls]
    statuses = [
        event.data.previous_attributes["status"]
        for event in updates
        if event.type == "customer.subscription.updated" and "status" in event.data.previous_attributes
    ]
    assert statuses == ["active"]
    failed = next(event for event in updates if event.type == "invoice.payment_failed")
    assert failed.data.object["next_payment_attempt"]


def test_a_refused_delivery_is_tried_again_and_then_given_up(sandbox, client, receiver, customer) -> None:
    receiver.status = 500
    assert sandbox.webhooks.drain() == len(receiver.calls) > 5
    assert sandbox.webhooks.pending() == 0
    event = client.v1.events.list().data[0]
    assert event.pending_webhooks == 1
    assert [row.id for row in client.v1.events.list({"delivery_success": False}).data] == [event.id]
    receiver.status = 200
    sandbox.resend(event.id)
    sandbox.webhooks.drain()
    assert json.loads(receiver.calls[-1][1])["id"] == event.id


class TestFaults:
    def spoil(self, sandbox: Sandbox, kind: str, count: int = 1) -> None:
        sandbox.world.faults.add(Fault(target="webhook", kind=kind, match="customer.*", left=count))

    def test_duplicate(self, sandbox, client, receiver) -> None:
        self.spoil(sandbox, "duplicate")
        client.v1.customers.create()
        sandbox.webhooks.drain()
        assert types(receiver) == ["customer.created"] * 2
        assert receiver.calls[0][1] == receiver.calls[1][1]

    def test_drop(self, sandbox, client, receiver) -> None:
        self.spoil(sandbox, "drop")
        client.v1.customers.create()
        sandbox.webhooks.drain()
        assert receiver.calls == []
        assert len(client.v1.events.list().data) == 1

    def test_delay(self, sandbox, client, receiver) -> None:
        self.spoil(sandbox, "delay")
        client.v1.customers.create()
        client.v1.products.create({"name": "Premium"})
        sandbox.webhooks.drain()
        assert types(receiver) == ["product.created", "customer.created"]

    def test_reorder(self, sandbox, client, receiver) -> None:
        self.spoil(sandbox, "reorder", count=20)
        made = [client.v1.customers.create().id for _ in range(20)]
        sandbox.webhooks.drain()
        received = [json.loads(body)["data"]["object"]["id"] for _, body in receiver.calls]
        assert sorted(received) == sorted(made)
        assert received != made

    @pytest.mark.parametrize("kind", ["bad_signature", "stale_signature"])
    def test_spoilt_signatures_are_refused_by_the_sdk_and_sent_well_on_the_retry(
        self, sandbox, client, kind: str
    ) -> None:
        outcomes = []

        def deliver(_: str, headers: dict[str, str], body: bytes) -> int:
            try:
                client.construct_event(body, headers["Stripe-Signature"], SECRET)
            except stripe.SignatureVerificationError:
                outcomes.append(400)
            else:
                outcomes.append(200)
            return outcomes[-1]

        sandbox.webhooks.deliver = deliver
        self.spoil(sandbox, kind)
        client.v1.customers.create()
        sandbox.webhooks.drain()
        assert outcomes == [400, 200]


class TestEndpoints:
    def test_an_endpoint_gets_what_it_asked_for_and_shows_its_secret_once(
        self, sandbox, client, receiver
    ) -> None:
        made = client.v1.webhook_endpoints.create(
            {"url": "http://localhost:1/", "enabled_events": ["product.created"]}
        )
        assert made.secret.startswith("whsec_")
        assert "secret" not in client.v1.webhook_endpoints.retrieve(made.id)
        client.v1.products.create({"name": "Premium"})
        client.v1.customers.create()
        sandbox.webhooks.drain()
        assert types(receiver) == ["product.created", "product.created", "customer.created"]
        urls = [
            row["url"]
            for row in sandbox.webhooks.outcome(client.v1.events.list({"type": "product.created"}).data[0].id)
        ]
        assert urls == [URL, "http://localhost:1/"]

    @pytest.mark.usefixtures("subscription")
    def test_events_are_listed_by_type_and_time(self, sandbox, client) -> None:
        sandbox.advance(months=1)
        start = sandbox.now() - 86400
        found = client.v1.events.list(
            {"types": ["invoice.paid", "charge.succeeded"], "created": {"gt": start}}
        )
        assert sorted(event.type for event in found.data) == ["charge.succeeded", "invoice.paid"]
        with pytest.raises(stripe.InvalidRequestError, match="Maximum is 20"):
            client.v1.events.list({"types": [f"t{n}" for n in range(21)]})
