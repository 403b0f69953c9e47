"""The rules of the API itself: keys, versions, errors, parameters, expansion, pages, idempotency."""

from __future__ import annotations

import threading

import pytest
import stripe
from werkzeug.test import Client

from billing.sandbox.faults import Fault
from billing.sandbox.sandbox import Sandbox

from .in_process import client_for


class TestTheDoor:
    @pytest.mark.parametrize("key", ["sk_live_abc", "", "whatever"])
    def test_only_test_keys_are_taken(self, sandbox: Sandbox, key: str) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        answer = Client(sandbox.app).get("/v1/customers", headers=headers)
        assert answer.status_code == 401
        assert answer.json["error"]["type"] == "invalid_request_error"

    def test_another_api_version_is_refused(self, sandbox: Sandbox) -> None:
        headers = {"Authorization": "Bearer sk_test_a", "Stripe-Version": "2024-06-20"}
        assert Client(sandbox.app).get("/v1/customers", headers=headers).status_code == 400

    def test_a_real_route_that_is_missing_here_is_named(self, client: stripe.StripeClient) -> None:
        with pytest.raises(stripe.APIError, match="GET /v1/tax_rates") as caught:
            client.v1.tax_rates.list()
        assert caught.value.http_status == 501

    def test_a_route_that_does_not_exist_is_404(self, sandbox: Sandbox) -> None:
        headers = {"Authorization": "Bearer sk_test_a"}
        assert Client(sandbox.app).get("/v1/nonsense", headers=headers).status_code == 404


class TestParameters:
    @pytest.mark.parametrize(
        ("params", "param"),
        [
            pytest.param({"payment_method_types": ["card"]}, "payment_method_types", id="removed in endive"),
            pytest.param({"nonsense": 1}, "nonsense", id="never was"),
            pytest.param({"mode": "donation"}, "mode", id="no such word"),
            pytest.param({"ui_mode": "hosted"}, "ui_mode", id="renamed in dahlia"),
            pytest.param({"line_items": [{"prize": "x"}]}, "line_items[0][prize]", id="unknown inside"),
            pytest.param({"expires_at": "soon"}, "expires_at", id="not a number"),
            pytest.param({"success_url": ""}, "success_url", id="missing"),
        ],
    )
    def test_what_checkout_refuses(self, client, price, params, param) -> None:
        good = {
            "mode": "subscription",
            "line_items": [{"price": price.id, "quantity": 1}],
            "success_url": "http://x",
        }
        with pytest.raises(stripe.InvalidRequestError) as caught:
            client.v1.checkout.sessions.create({**good, **params})
        assert caught.value.param == param

    def test_a_known_parameter_that_is_not_acted_on_is_refused_by_name(self, client) -> None:
        with pytest.raises(stripe.APIError, match="phone_number_collection"):
            client.v1.checkout.sessions.create(
                {"mode": "subscription", "phone_number_collection": {"enabled": True}}
            )

    def test_a_setup_session_needs_a_currency(self, client, customer) -> None:
        with pytest.raises(stripe.InvalidRequestError, match="currency"):
            client.v1.checkout.sessions.create(
                {"mode": "setup", "customer": customer.id, "success_url": "http://x"}
            )

    def test_metadata_merges_and_an_empty_value_removes(self, client, customer) -> None:
        client.v1.customers.update(customer.id, {"metadata": {"a": "1", "reader_id": ""}})
        assert client.v1.customers.retrieve(customer.id).metadata.to_dict() == {"a": "1"}

    def test_a_missing_object_is_resource_missing(self, client) -> None:
        with pytest.raises(stripe.InvalidRequestError, match="No such customer: 'cus_none'") as caught:
            client.v1.customers.retrieve("cus_none")
        assert (caught.value.http_status, caught.value.code) == (404, "resource_missing")


class TestExpansion:
    @pytest.mark.usefixtures("price")
    def test_lists_expand_through_their_data(self, client) -> None:
        found = client.v1.prices.list({"lookup_keys": ["premium_monthly"], "expand": ["data.product"]})
        assert found.data[0].product.metadata["unlocks"] == "premium"

    def test_the_secret_and_the_payments_are_shown_only_when_asked_for(self, client, subscription) -> None:
        invoice = client.v1.invoices.retrieve(subscription.latest_invoice)
        assert "payments" not in invoice
        asked = client.v1.invoices.retrieve(invoice.id, {"expand": ["payments", "confirmation_secret"]})
        intent = asked.payments.data[0].payment.payment_intent
        assert asked.confirmation_secret.client_secret.startswith(f"{intent}_secret_")

    def test_four_levels_and_no_more(self, client, subscription) -> None:
        expand = ["latest_invoice.payments.data.payment"]
        client.v1.subscriptions.retrieve(subscription.id, {"expand": expand})
        with pytest.raises(stripe.InvalidRequestError, match="more than 4 levels"):
            client.v1.subscriptions.retrieve(subscription.id, {"expand": [f"{expand[0]}.payment_intent"]})

    def test_what_cannot_be_expanded_is_an_error(self, client, customer) -> None:
        with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
            client.v1.customers.retrieve(customer.id, {"expand": ["email"]})


class TestPages:
    def test_newest_first_and_cursors_in_both_directions(self, client) -> None:
        made = [client.v1.customers.create({"email": f"r{n}@example.com"}).id for n in range(5)][::-1]
        first = client.v1.customers.list({"limit": 2})
        assert ([row.id for row in first.data], first.has_more) == (made[:2], True)
        second = client.v1.customers.list({"limit": 2, "starting_after": made[1]})
        assert [row.id for row in second.data] == made[2:4]
        back = client.v1.customers.list({"limit": 2, "ending_before": made[3]})
        assert [row.id for row in back.data] == made[1:3]
        assert [row.id for row in first.auto_paging_iter()] == made

    @pytest.mark.parametrize("limit", [0, 101])
    def test_a_limit_beyond_a_hundred_is_refused(self, client, limit) -> None:
        with pytest.raises(stripe.InvalidRequestError):
            client.v1.customers.list({"limit": limit})

    def test_search_by_email(self, client, customer) -> None:
        found = client.v1.customers.search({"query": "email:'ann@example.com'"})
        assert [row.id for row in found.data] == [customer.id]


class TestIdempotency:
    def test_the_first_answer_is_replayed(self, client) -> None:
        made = [client.v1.customers.create({"email": "a@b.c"}, {"idempotency_key": "k"}) for _ in range(2)]
        assert made[0].id == made[1].id
        assert made[1].last_response.headers["Idempotent-Replayed"] == "true"
        assert len(client.v1.customers.list().data) == 1

    def test_other_parameters_under_the_same_key_are_an_error(self, client) -> None:
        client.v1.customers.create({"email": "a@b.c"}, {"idempotency_key": "k"})
        with pytest.raises(stripe.IdempotencyError):
            client.v1.customers.create({"email": "x@b.c"}, {"idempotency_key": "k"})

    def test_an_error_is_replayed_too(self, sandbox, client, subscription, customer) -> None:
        sandbox.swap_card(customer.id, card="0341")
        sandbox.advance(months=1)
        invoice = client.v1.subscriptions.retrieve(subscription.id).latest_invoice
        for _ in range(2):
            with pytest.raises(stripe.CardError):
                client.v1.invoices.pay(invoice, {}, {"idempotency_key": "p"})
        assert len(client.v1.charges.list({"customer": customer.id}).data) == 3

    def test_a_refusal_at_the_door_leaves_the_key_free(self, client) -> None:
        with pytest.raises(stripe.InvalidRequestError):
            client.v1.customers.create({"nonsense": "x"}, {"idempotency_key": "k"})
        assert client.v1.customers.create({"email": "a@b.c"}, {"idempotency_key": "k"}).id

    def test_a_second_request_while_the_first_is_under_way_is_a_conflict(self, sandbox) -> None:
        sandbox.world.faults.add(Fault(target="api", kind="slow", match="POST /v1/customers", seconds=0.4))
        slow = threading.Thread(
            target=client_for(sandbox).v1.customers.create,
            args=({"email": "a@b.c"}, {"idempotency_key": "k"}),
        )
        slow.start()
        while not sandbox.keys._answers:
            slow.join(0.01)
        with pytest.raises(stripe.APIError) as caught:
            client_for(sandbox).v1.customers.create({"email": "a@b.c"}, {"idempotency_key": "k"})
        slow.join()
        assert (caught.value.http_status, caught.value.error.code) == (409, "idempotency_key_in_use")


class TestFaults:
    @pytest.mark.parametrize(
        ("status", "error"),
        [(429, stripe.RateLimitError), (409, stripe.APIError), (500, stripe.APIError)],
    )
    def test_any_status_can_be_asked_for(self, sandbox, client, status, error) -> None:
        sandbox.world.faults.add(Fault(target="api", kind="status", match="* /v1/customers", status=status))
        with pytest.raises((error, stripe.InvalidRequestError)) as caught:
            client.v1.customers.create({"email": "a@b.c"})
        assert caught.value.http_status == status
        assert client.v1.customers.create({"email": "a@b.c"}).id, "it happens as often as was said"

    def test_a_recorded_500_is_replayed_for_its_key(self, sandbox, client) -> None:
        sandbox.world.faults.add(Fault(target="api", kind="status", status=500, recorded=True))
        for _ in range(2):
            with pytest.raises(stripe.APIError):
                client.v1.customers.create({"email": "a@b.c"}, {"idempotency_key": "k"})
        assert client.v1.customers.create({"email": "a@b.c"}, {"idempotency_key": "k2"}).id

    def test_a_dropped_response_is_done_once_and_told_on_the_retry(self, sandbox) -> None:
        sandbox.world.faults.add(Fault(target="api", kind="drop_response", match="POST /v1/customers"))
        made = client_for(sandbox, max_network_retries=1).v1.customers.create({"email": "a@b.c"})
        assert made.last_response.headers["Idempotent-Replayed"] == "true"
        assert [row.id for row in client_for(sandbox).v1.customers.list().data] == [made.id]

    def test_a_dropped_request_does_nothing_and_leaves_its_key_free(self, sandbox, client) -> None:
        sandbox.world.faults.add(Fault(target="api", kind="drop_request", match="POST /v1/customers"))
        with pytest.raises(stripe.APIConnectionError):
            client.v1.customers.create({"email": "a@b.c"}, {"idempotency_key": "k"})
        assert client.v1.customers.list().data == []
        made = client.v1.customers.create({"email": "a@b.c"}, {"idempotency_key": "k"})
        assert "Idempotent-Replayed" not in made.last_response.headers

    def test_a_slow_answer_waits_in_the_way_that_it_was_told(self) -> None:
        waited: list[float] = []
        sandbox = Sandbox(sleep=waited.append)
        sandbox.world.faults.add(Fault(target="api", kind="slow", seconds=3))
        assert client_for(sandbox).v1.customers.list().data == []
        assert waited == [3]


def test_the_same_seed_gives_the_same_ids() -> None:
    ids = [client_for(Sandbox(seed="7")).v1.customers.create({"email": "a@b.c"}).id for _ in range(2)]
    assert ids[0] == ids[1]
    assert client_for(Sandbox()).v1.customers.create({"email": "a@b.c"}).id not in ids
