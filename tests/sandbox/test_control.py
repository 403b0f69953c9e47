"""The controls: over JSON, on the page for people, on the clock's file, and over real HTTP."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import stripe
from werkzeug.serving import make_server
from werkzeug.test import Client

from billing.sandbox.sandbox import Sandbox

from .conftest import SECRET
from .in_process import client_for


@pytest.fixture
def http(sandbox: Sandbox) -> Client:
    return Client(sandbox.app)


class TestJson:
    def test_the_clock_moves_by_seconds_months_and_to_a_moment(self, http) -> None:
        before = http.get("/_control/clock").json["now"]
        assert http.post("/_control/advance", json={"seconds": 90}).json["now"] - before in (90, 91)
        assert http.post("/_control/advance", json={"to": before + 500}).json["now"] == before + 500
        assert http.post("/_control/advance", json={"to": before}).json["now"] - before in (500, 501)
        assert http.post("/_control/advance", json={"months": 1}).json["now"] > before + 28 * 86400
        assert http.post("/_control/advance", json={"weeks": 1}).status_code == 400

    def test_a_card_is_swapped_everywhere_and_the_old_one_detached(
        self, http, client, subscription, customer
    ) -> None:
        card = http.post("/_control/card", json={"customer": customer.id, "card": "0341"}).json[
            "payment_method"
        ]
        assert client.v1.customers.retrieve(customer.id).invoice_settings.default_payment_method == card
        assert client.v1.subscriptions.retrieve(subscription.id).default_payment_method == card
        assert [row.id for row in client.v1.customers.payment_methods.list(customer.id).data] == [card]
        assert client.v1.payment_methods.retrieve(subscription.default_payment_method).customer is None

    @pytest.mark.parametrize(
        ("body", "status"),
        [({"customer": "cus_none", "card": "0341"}, 404), ({"customer": "?", "card": "0002"}, 409)],
    )
    def test_a_swap_that_cannot_be(self, http, customer, body, status) -> None:
        body["customer"] = customer.id if body["customer"] == "?" else body["customer"]
        assert http.post("/_control/card", json=body).status_code == status

    def test_a_checkout_is_completed_without_a_browser(self, http, client, price, customer) -> None:
        session = client.v1.checkout.sessions.create(
            {
                "mode": "subscription",
                "customer": customer.id,
                "line_items": [{"price": price.id, "quantity": 1}],
                "success_url": "http://x",
            }
        )
        where = f"/_control/checkout/{session.id}/complete"
        refused = http.post(where, json={"card": "4000000000000002"}).json
        assert refused == {"completed": False, "code": "card_declined", "decline_code": "generic_decline"}
        assert http.post(where, json={"card": "3184", "authenticate": False}).json == {"completed": False}
        assert http.post(where, json={"card": "4242424242424242"}).json == {"completed": True}
        assert http.post(where, json={"card": "4242424242424242"}).status_code == 409

    def test_faults_are_added_listed_and_cleared(self, http, client) -> None:
        rule = {"target": "api", "match": "POST /v1/customers", "kind": "status", "status": 429, "count": 1}
        assert http.post("/_control/faults", json=rule).json["faults"][0]["left"] == 1
        with pytest.raises(stripe.RateLimitError):
            client.v1.customers.create()
        assert http.get("/_control/faults").json["faults"] == []
        assert http.post("/_control/faults", json={"target": "api", "kind": "explode"}).status_code == 400
        assert http.delete("/_control/faults").status_code == 200

    def test_state_deliveries_resend_and_reset(self, http, client, subscription, sandbox, receiver) -> None:
        assert http.get("/_control/state").json["subscriptions"][0]["id"] == subscription.id
        assert http.get("/_control/deliveries").json["pending"] > 10
        sandbox.webhooks.drain()
        assert http.get("/_control/deliveries").json["pending"] == 0
        event = client.v1.events.list().data[0].id
        assert http.post(f"/_control/events/{event}/resend").json == {"endpoints": 1}
        http.post("/_control/reset")
        assert http.get("/_control/state").json["customers"] == []
        client.v1.customers.create()
        sandbox.webhooks.drain()
        assert json.loads(receiver.calls[-1][1])["type"] == "customer.created", "the endpoint is still there"

    @pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Host": "evil.example"}])
    def test_a_foreign_page_controls_nothing(self, http, headers) -> None:
        assert http.post("/_control/advance", json={"seconds": 9}, headers=headers).status_code == 403
        assert http.post("/do/advance", data={"span": "day"}, headers=headers).status_code == 403


class TestPage:
    @pytest.mark.usefixtures("subscription")
    def test_the_buttons_work_without_a_script(self, http, customer, sandbox) -> None:
        before = sandbox.now()
        http.post("/do/card", data={"customer": customer.id, "card": "4000000000000341"})
        assert http.post("/do/advance", data={"span": "month"}).status_code == 303
        assert sandbox.now() > before + 28 * 86400
        page = http.get("/").text
        for part in (
            "Advanced by a month",
            "past_due",
            "visa 0341",
            "premium_monthly",
            "invoice.payment_failed",
        ):
            assert part in page
        http.post("/do/resend", data={})
        assert "Sent evt_" in http.get("/").text
        http.post("/do/decline", data={})
        assert "next charge will be declined" in http.get("/").text

    def test_what_customers_are_called_is_escaped(self, http, client) -> None:
        client.v1.customers.create({"email": "<b>@example.com"})
        assert "<b>@" not in http.get("/").text

    def test_unknown_pages_are_404(self, http) -> None:
        assert http.get("/nothing").status_code == 404


def test_the_clock_file_holds_the_offset_before_any_webhook_leaves(tmp_path: Path) -> None:
    file = tmp_path / "var" / "clock"
    seen = []

    def deliver(_: str, __: dict[str, str], ___: bytes) -> int:
        seen.append(float(file.read_text()))
        return 200

    sandbox = Sandbox(clock_file=file, webhook_url="http://x/", webhook_secret=SECRET, deliver=deliver)
    assert float(file.read_text()) == 0
    client_for(sandbox).v1.customers.create()
    sandbox.advance(seconds=3600)
    sandbox.webhooks.drain()
    assert seen == [3600.0]


def test_a_snapshot_brings_everything_back(tmp_path: Path, sandbox, client, subscription, customer) -> None:
    sandbox.advance(months=1)
    sandbox.save(tmp_path / "state.json")
    restored = Sandbox(check_responses=True)
    restored.load(tmp_path / "state.json")
    again = client_for(restored)
    assert again.v1.subscriptions.retrieve(subscription.id).to_dict() == (
        client.v1.subscriptions.retrieve(subscription.id).to_dict()
    )
    assert abs(restored.now() - sandbox.now()) <= 1
    restored.advance(months=1)
    assert len(again.v1.invoices.list({"customer": customer.id}).data) == 3
    assert again.v1.customers.create().id != customer.id


class TestOverRealHttp:
    @pytest.fixture
    def received(self):
        calls: list[tuple[str, bytes]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                calls.append((self.headers["Stripe-Signature"], body))
                self.send_response(200 if len(calls) > 1 else 503)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port, calls
        server.shutdown()

    @pytest.fixture
    def served(self, received):
        sandbox = Sandbox(
            webhook_url=f"http://127.0.0.1:{received[0]}/", webhook_secret=SECRET, check_responses=True
        )
        sandbox.webhooks.start()
        server = make_server("127.0.0.1", 0, sandbox.app, threaded=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield sandbox, f"http://127.0.0.1:{server.server_port}"
        sandbox.webhooks.stop()
        server.shutdown()

    def test_a_real_client_and_real_deliveries_with_a_retry(self, served, received) -> None:
        sandbox, address = served
        client = stripe.StripeClient("sk_test_http", base_addresses={"api": address})
        made = client.v1.customers.create({"email": "a@b.c"})
        assert sandbox.webhooks.wait_idle(timeout=10)
        signatures, bodies = zip(*received[1], strict=True)
        assert bodies[0] == bodies[1]
        event = client.construct_event(bodies[1], signatures[1], SECRET)
        assert event.data.object["id"] == made.id

    def test_a_dropped_response_is_a_connection_error_and_the_key_tells_what_happened(self, served) -> None:
        sandbox, address = served
        rule = {"target": "api", "match": "POST /v1/customers", "kind": "drop_response"}
        Client(sandbox.app).post("/_control/faults", json=rule)
        client = stripe.StripeClient("sk_test_http", base_addresses={"api": address})
        with pytest.raises(stripe.APIConnectionError):
            client.v1.customers.create({"email": "a@b.c"}, {"idempotency_key": "k"})
        made = client.v1.customers.create({"email": "a@b.c"}, {"idempotency_key": "k"})
        assert [row.id for row in client.v1.customers.list().data] == [made.id]
