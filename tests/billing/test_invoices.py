"""A reader's invoices: paged, with documents of Stripe's only, with what went back and the taxes in it."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from billing import catalogue, invoices, links, outlook
from billing.models import Alert, Invoice, Price
from tests.billing.market import BACK, Market
from tests.factories.accounts import a_reader


@pytest.fixture
def reader(market: Market) -> User:
    reader = a_reader()
    market.buy(reader)
    return reader


@pytest.fixture
def visitor(client: Client, reader: User) -> Client:
    client.force_login(reader)
    return client


class TestAddress:
    @pytest.mark.parametrize(
        "url",
        [
            "https://invoice.stripe.com/i/acct_1/test_1",
            "https://pay.stripe.com/receipts/1",
            "https://stripe.com/x",
        ],
    )
    def test_stripes_own_are_given_on(self, url: str, settings: Any) -> None:
        settings.STRIPE_API_BASE = "https://api.stripe.com"
        assert links.to_stripe(url) == url

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "javascript:alert(1)",
            "http://invoice.stripe.com/i",
            "https://stripe.com.evil.example/i",
            "https://evilstripe.com/i",
            "https://invoice.stripe.com@evil.example/i",
            "//stripe.com",
            "https://[",
            "http://localhost:8002/i/in_1",
        ],
    )
    def test_no_other_is(self, url: str, settings: Any) -> None:
        settings.STRIPE_API_BASE = "https://api.stripe.com"
        assert links.to_stripe(url) == ""

    def test_a_stand_in_on_this_machine_plays_stripe(self, settings: Any) -> None:
        settings.STRIPE_API_BASE = "http://127.0.0.1:8002"
        assert links.to_stripe("http://localhost:8002/i/in_1") == "http://localhost:8002/i/in_1"


class TestPage:
    def test_it_says_what_went_back(self, visitor: Client, reader: User, market: Market) -> None:
        market.sdk.v1.refunds.create({"charge": Invoice.objects.get().charge, "amount": 400})
        market.look(reader)
        page = visitor.get(reverse("billing:invoices"))
        assert page.status_code == 200
        assert "private" in page.headers["Cache-Control"]
        text = page.content.decode()
        assert "€4.00 given back" in text
        assert "partly given back" in text

    def test_older_ones_are_a_page_further_without_any_script(
        self, visitor: Client, reader: User, market: Market
    ) -> None:
        Invoice.objects.update(number="THE-OLDEST")
        customer = market.customer(reader)
        for number in range(20):
            Invoice.objects.create(
                stripe_id=f"in_{number}",
                customer=customer,
                number=f"N-{number}",
                status="paid",
                currency="eur",
                amount_due=1,
                amount_paid=1,
                amount_remaining=0,
                total=1,
                created_at=market.now.replace(year=2030),
            )
        first = visitor.get(reverse("billing:invoices"))
        assert "THE-OLDEST" not in first.content.decode()
        cursor = first.context["next"]
        assert f"?cursor={cursor}" in first.content.decode()
        second = visitor.get(reverse("billing:invoices"), {"cursor": cursor}).content.decode()
        assert "THE-OLDEST" in second
        assert reverse("billing:invoices") in visitor.get(reverse("billing:subscription")).content.decode()

    @pytest.mark.parametrize("cursor", ["x", "%00", "MS4x" * 50, "é"])
    def test_a_place_that_we_never_named_is_a_400(self, visitor: Client, cursor: str) -> None:
        assert visitor.get(reverse("billing:invoices"), {"cursor": cursor}).status_code == 400

    def test_it_shows_nobody_elses(self, client: Client, reader: User) -> None:
        assert invoices.page(reader).lines
        client.force_login(a_reader("other@example.org"))
        assert "There are no invoices." in client.get(reverse("billing:invoices")).content.decode()
        client.logout()
        assert client.get(reverse("billing:invoices")).status_code == 302


class TestApi:
    def test_it_gained_what_went_back_and_lost_nothing(
        self, visitor: Client, reader: User, market: Market
    ) -> None:
        market.sdk.v1.refunds.create({"charge": Invoice.objects.get().charge})
        market.look(reader)
        (line,) = visitor.get("/api/v1/invoices").json()["invoices"]
        assert {
            "number",
            "date",
            "amount",
            "currency",
            "formatted",
            "status",
            "hosted_url",
            "pdf_url",
        } <= set(line)
        assert (line["refunded"], line["refunded_formatted"], line["tax"]) == (990, "€9.90", 0)

    def test_credit_is_told(self, visitor: Client, reader: User, market: Market) -> None:
        market.sdk.v1.customers.update(market.customer(reader).stripe_id, {"balance": -300})
        market.look(reader)
        told = visitor.get("/api/v1/subscription").json()["subscription"]
        assert (told["credit"], told["credit_formatted"]) == (300, "€3.00")
        assert "€3.00, used up before" in visitor.get(reverse("billing:subscription")).content.decode()


class TestTax:
    @pytest.fixture
    def taxed(self, market: Market, settings: Any) -> Market:
        settings.STRIPE_TAX = True
        market.gateway._with_tax = True
        market.sandbox.world.store.all("price")
        for price in market.objects("price"):
            kind = "exclusive" if price["lookup_key"] == "culture_monthly" else "inclusive"
            market.sandbox.world.store.get("price", price["id"])["tax_behavior"] = kind
        catalogue.refresh(gateway=market.gateway)
        return market

    def test_checkout_asks_for_address_and_tax_id(self, taxed: Market) -> None:
        taxed.buy(a_reader())
        (session,) = taxed.objects("checkout.session")
        assert session["automatic_tax"]["enabled"]
        assert session["tax_id_collection"]["enabled"]

    def test_without_the_setting_it_does_not(self, market: Market) -> None:
        market.buy(a_reader())
        (session,) = market.objects("checkout.session")
        assert not session["automatic_tax"]["enabled"]

    def test_tax_in_the_price_is_shown_and_not_added(self, taxed: Market) -> None:
        reader = a_reader()
        taxed.buy(reader)
        invoice = Invoice.objects.get()
        assert (invoice.total, invoice.tax, invoice.tax_is_included) == (990, 158, True)
        (line,) = invoices.page(reader).lines
        assert line.tax_text == "incl. €1.58 VAT"

    def test_tax_on_top_grows_the_total_and_can_be_given_back(self, taxed: Market) -> None:
        taxed.buy(a_reader(), "culture_monthly")
        invoice = Invoice.objects.get()
        assert (invoice.total, invoice.tax, invoice.tax_is_included) == (583, 93, False)
        assert invoice.amount_paid == 583

    @pytest.mark.usefixtures("taxed")
    def test_a_price_says_whether_it_is_in_it(self, client: Client) -> None:
        assert Price.objects.get(slug="culture_monthly").tax_behavior == "exclusive"
        page = client.get("/api/v1/plans").json()
        told = {price["price"]: price["tax_text"] for plan in page["plans"] for price in plan["prices"]}
        assert told == {
            "premium_monthly": "incl. VAT",
            "premium_yearly": "incl. VAT",
            "culture_monthly": "plus VAT",
        }

    def test_an_invoice_that_cannot_be_made_due_alerts_staff_until_it_is(self, taxed: Market) -> None:
        reader = a_reader()
        taxed.buy(reader)
        taxed.fault(target="finalize", kind="tax_location")
        taxed.pass_time(reader, months=1)
        alert = Alert.objects.get()
        assert (alert.kind, alert.text) == ("invoice_stuck", "customer_tax_location_invalid")
        assert outlook.of(reader, now=taxed.now) is not None
        taxed.sdk.v1.invoices.finalize_invoice(alert.about)
        taxed.look(reader)
        alert.refresh_from_db()
        assert alert.closed_at is not None


def test_a_checkout_with_tax_leads_to_stripe(market: Market, settings: Any) -> None:
    settings.STRIPE_TAX = True
    client = Client()
    client.force_login(a_reader())
    answer = client.post(
        "/api/v1/checkout", {"price": "premium_monthly", "return_url": BACK}, content_type="application/json"
    )
    assert answer.status_code == 201, answer.content
    (session,) = market.objects("checkout.session")
    assert session["automatic_tax"]["enabled"]
