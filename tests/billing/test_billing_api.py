"""The billing half of the API, as api.md has it: shapes, refusals, and nobody else's business."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from billing.models import CheckoutAttempt, Invoice, Subscription
from tests.billing.market import BACK, Market
from tests.factories.accounts import a_reader

WRITES = [
    ("/api/v1/checkout", {"price": "premium_monthly", "return_url": BACK}),
    ("/api/v1/subscription/cancel", {}),
    ("/api/v1/subscription/resume", {}),
    ("/api/v1/card", {"return_url": BACK}),
]
READS = ["/api/v1/subscription", "/api/v1/invoices"]


pytestmark = pytest.mark.usefixtures("market")


@pytest.fixture
def reader(market: Market) -> User:
    return a_reader()


@pytest.fixture
def api(client: Client, reader: User) -> Client:
    client.force_login(reader)
    return client


def post(client: Client, address: str, body: dict[str, Any] | None = None) -> Any:
    return client.post(address, body or {}, content_type="application/json")


class TestPlans:
    def test_anybody_sees_what_is_on_sale(self, client: Client) -> None:
        answer = client.get("/api/v1/plans", {"product": "culture"})
        assert answer.status_code == 200
        assert answer.json() == {
            "plans": [
                {
                    "name": "Culture",
                    "description": "",
                    "products": ["culture"],
                    "seats": 0,
                    "prices": [
                        {
                            "price": "culture_monthly",
                            "amount": 490,
                            "currency": "eur",
                            "formatted": "€4.90",
                            "interval": "month",
                            "interval_count": 1,
                            "trial_days": 0,
                            "trial_needs_card": True,
                            "text": "€4.90 a month",
                            "tax_text": "",
                            "introduction": None,
                        }
                    ],
                }
            ],
            "currency": "",
            "currencies": [],
            "passes": [],
            "gifts": [],
            "overlaps": [],
        }

    def test_no_id_of_stripe_is_told(self, client: Client) -> None:
        text = client.get("/api/v1/plans").content.decode()
        assert "price_" not in text.replace('"price_', "")
        assert "prod_" not in text


class TestWhoMayAsk:
    @pytest.mark.parametrize("address", READS)
    def test_reading_needs_a_reader(self, client: Client, address: str) -> None:
        assert client.get(address).status_code == 401

    @pytest.mark.parametrize(("address", "body"), WRITES)
    def test_writing_needs_a_reader(self, client: Client, address: str, body: dict[str, str]) -> None:
        assert post(client, address, body).status_code == 401
        assert not CheckoutAttempt.objects.exists()

    @pytest.mark.parametrize(("address", "body"), WRITES)
    def test_writing_by_cookie_needs_the_csrf_token(
        self, reader: User, address: str, body: dict[str, str]
    ) -> None:
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(reader)
        assert post(strict, address, body).status_code == 403

    @pytest.mark.parametrize(("address", "body"), WRITES)
    def test_a_site_key_buys_for_nobody(self, client: Client, address: str, body: dict[str, str]) -> None:
        answer = client.post(
            address,
            body,
            content_type="application/json",
            headers={"Authorization": "Api-Key site-key-for-tests-only"},
        )
        assert answer.status_code == 403

    @pytest.mark.parametrize("address", ["/api/v1/plans", *READS])
    def test_nothing_is_cached(self, api: Client, address: str) -> None:
        assert api.get(address)["Cache-Control"] == "private, no-store"


class TestCheckout:
    def test_it_answers_with_stripes_page(self, api: Client) -> None:
        answer = post(api, "/api/v1/checkout", {"price": "premium_monthly", "return_url": BACK})
        assert answer.status_code == 201
        assert answer.json()["url"].startswith("http")

    @pytest.mark.parametrize(
        "return_url",
        [
            "https://evil.example/",
            "http://localhost:8001.evil.example/",
            "http://localhost:8001@evil.example/",
            "//evil.example/",
            "javascript:alert(1)",
            "http:\\\\localhost:8001/",
            "/account/",
            "",
        ],
    )
    def test_a_return_address_elsewhere_is_refused(self, api: Client, return_url: str) -> None:
        for address, body in (("/api/v1/checkout", {"price": "premium_monthly"}), ("/api/v1/card", {})):
            answer = post(api, address, {**body, "return_url": return_url})
            assert answer.status_code == 400
            assert "return_url" in answer.json()["errors"]
        assert not CheckoutAttempt.objects.exists()

    def test_a_price_of_stripes_is_not_a_price_of_ours(self, api: Client, market: Market) -> None:
        theirs = market.objects("price")[0]["id"]
        answer = post(api, "/api/v1/checkout", {"price": theirs, "return_url": BACK})
        assert answer.status_code == 400
        assert answer.json()["code"] == "price_not_on_sale"

    def test_an_unknown_field_is_refused(self, api: Client) -> None:
        body = {"price": "premium_monthly", "return_url": BACK, "customer": "cus_1"}
        assert post(api, "/api/v1/checkout", body).status_code == 400

    def test_a_subscriber_gets_409(self, api: Client, reader: User, market: Market) -> None:
        market.buy(reader)
        answer = post(api, "/api/v1/checkout", {"price": "premium_yearly", "return_url": BACK})
        assert (answer.status_code, answer.json()["code"]) == (409, "already_subscribed")

    def test_whose_card_failed_gets_409_and_the_way_to_fix_it(
        self, api: Client, reader: User, market: Market
    ) -> None:
        market.buy(reader)
        market.fail_renewal(reader)
        answer = post(api, "/api/v1/checkout", {"price": "premium_monthly", "return_url": BACK})
        assert (answer.status_code, answer.json()["code"]) == (409, "payment_waiting")
        assert answer["Content-Type"] == "application/problem+json"
        (remedy,) = answer.json()["remedies"]
        assert remedy["kind"] == "fix_card"
        assert remedy["url"].startswith(
            "http://localhost:8000/account/card/?return_url=http%3A%2F%2Flocalhost%3A8001"
        )

    def test_stripe_down_is_503_and_comes_again(self, api: Client, market: Market, settings: Any) -> None:
        settings.CHECKOUT_SECONDS_TO_WAIT = 0.2
        market.fault(target="api", kind="status", match="*", status=503, left=100)
        answer = post(api, "/api/v1/checkout", {"price": "premium_monthly", "return_url": BACK})
        assert (answer.status_code, answer.json()["code"]) == (503, "stripe_unavailable")
        assert answer["Retry-After"]


class TestSubscription:
    def test_who_never_had_one_has_null(self, api: Client) -> None:
        assert api.get("/api/v1/subscription").json() == {
            "subscription": None,
            "subscriptions": [],
            "holdings": [],
        }

    def test_it_says_what_happens_next(self, api: Client, reader: User, market: Market) -> None:
        market.buy(reader)
        state = api.get("/api/v1/subscription").json()["subscription"]
        assert (state["plan"], state["status"], state["price"]) == ("Premium", "active", "premium_monthly")
        assert state["next_charge"]["formatted"] == "€9.90"
        assert state["next_charge"]["at"].endswith("Z")
        assert state["card"] == {
            "brand": "Visa",
            "last4": "4242",
            "exp_month": 12,
            "exp_year": state["card"]["exp_year"],
            "wallet": "",
        }
        assert state["can_cancel"] is True
        assert state["failure"] is None

    def test_a_failed_payment_says_why_and_until_when(
        self, api: Client, reader: User, market: Market
    ) -> None:
        market.buy(reader)
        market.fail_renewal(reader)
        state = api.get("/api/v1/subscription").json()["subscription"]
        assert (state["status"], state["in_grace"], state["needs_card"]) == ("past_due", True, True)
        assert state["failure"]["text"] == "The bank declined the card."
        assert (state["failure"]["advice"], state["step"]) == ("ask_bank", "fix_card")
        assert state["grace_until"] == state["access_ends_at"]
        assert state["next_charge"] is None
        assert state["retry_at"]

    def test_cancel_and_resume_answer_the_new_state_however_often(
        self, api: Client, reader: User, market: Market
    ) -> None:
        market.buy(reader)
        for _ in range(2):
            answer = post(api, "/api/v1/subscription/cancel")
            assert answer.status_code == 200
            assert answer.json()["subscription"]["cancel_scheduled"] is True
        for _ in range(2):
            answer = post(api, "/api/v1/subscription/resume")
            assert answer.json()["subscription"]["cancel_scheduled"] is False

    def test_with_nothing_to_cancel_it_is_409(self, api: Client) -> None:
        for action in ("cancel", "resume"):
            answer = post(api, f"/api/v1/subscription/{action}")
            assert (answer.status_code, answer.json()["code"]) == (409, "nothing_to_do")

    def test_somebody_elses_cannot_be_named(self, api: Client, market: Market) -> None:
        other = a_reader()
        market.buy(other)
        theirs = Subscription.objects.get(customer__reader=other)
        for name in (str(theirs.pk), theirs.stripe_id):
            for action in ("cancel", "resume"):
                assert post(api, f"/api/v1/subscription/{action}", {"subscription": name}).status_code == 409
        market.look(other)
        theirs.refresh_from_db()
        assert theirs.cancel_at is None
        assert not theirs.cancel_at_period_end


class TestCard:
    def test_it_answers_with_a_form(self, api: Client, reader: User, market: Market) -> None:
        market.buy(reader)
        answer = post(api, "/api/v1/card", {"return_url": BACK})
        assert answer.status_code == 201
        assert answer.json()["url"].startswith("http")

    def test_who_never_bought_has_none(self, api: Client) -> None:
        assert post(api, "/api/v1/card", {"return_url": BACK}).json()["code"] == "nothing_to_do"


class TestInvoices:
    @pytest.fixture
    def many(self, reader: User, market: Market) -> list[str]:
        market.buy(reader)
        customer, first = market.customer(reader), Invoice.objects.get()
        for number in range(1, 45):
            # Three of a moment, so that pages end inside a group.
            first.pk, first.stripe_id, first.number = None, f"in_{number}", f"N-{number:03}"
            first.created_at = first.finalized_at = market.now.replace(microsecond=number // 3)
            first.customer = customer
            first.save(force_insert=True)
        rows = Invoice.objects.filter(customer=customer).order_by("-created_at", "-pk")
        return list(rows.values_list("number", flat=True))

    def test_pages_bring_each_once_newest_first(self, api: Client, many: list[str]) -> None:
        found: list[str] = []
        cursor: str | None = ""
        pages = 0
        while cursor is not None:
            page = api.get("/api/v1/invoices", {"cursor": cursor}).json()
            found += [line["number"] for line in page["invoices"]]
            cursor = page["next"]
            pages += 1
        assert found == many
        assert pages == 3

    def test_an_invoice_says_what_it_is(self, api: Client, reader: User, market: Market) -> None:
        market.buy(reader)
        (line,) = api.get("/api/v1/invoices").json()["invoices"]
        assert (line["status"], line["formatted"], line["amount"]) == ("paid", "€9.90", 990)
        assert set(line) == {
            "number",
            "date",
            "amount",
            "currency",
            "formatted",
            "status",
            "hosted_url",
            "pdf_url",
            "receipt_url",
            "tax",
            "refunded",
            "refunded_formatted",
        }

    def test_nobody_sees_somebody_elses(self, api: Client, market: Market) -> None:
        market.buy(a_reader())
        assert api.get("/api/v1/invoices").json() == {"invoices": [], "next": None}

    def test_a_cursor_of_somebody_else_opens_nothing(self, api: Client, many: list[str]) -> None:
        cursor = api.get("/api/v1/invoices").json()["next"]
        other = Client()
        other.force_login(a_reader())
        assert other.get("/api/v1/invoices", {"cursor": cursor}).json()["invoices"] == []

    @pytest.mark.parametrize(
        "cursor",
        ["x", "é", "MTIz", "LTE.LTE", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OS4x", "MS45OTk5OTk5OTk5OTk5OTk5OTk5OTk5"],
    )
    def test_a_made_up_cursor_is_400(self, api: Client, cursor: str) -> None:
        answer = api.get("/api/v1/invoices", {"cursor": cursor})
        assert answer.status_code == 400
        assert "cursor" in answer.json()["errors"]
