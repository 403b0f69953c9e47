"""Money that goes back at the sandbox, warnings of fraud, and taxes: in Stripe's shapes."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from billing.sandbox.faults import Fault


def charge_of(client: stripe.StripeClient, customer: str) -> str:
    return client.v1.charges.list({"customer": customer}).data[0].id


def heard(client: stripe.StripeClient) -> set[str]:
    return {event.type for event in client.v1.events.list({"limit": 100}).data}


@pytest.mark.usefixtures("subscription")
class TestWarnings:
    def test_one_can_be_acted_on_until_the_money_is_back(self, sandbox, client, customer) -> None:
        charge = charge_of(client, customer.id)
        warning = client.v1.radar.early_fraud_warnings.retrieve(sandbox.warn_of_fraud(charge))
        assert (warning.charge, warning.actionable) == (charge, True)
        assert "radar.early_fraud_warning.created" in heard(client)
        client.v1.refunds.create({"charge": charge})
        (listed,) = client.v1.radar.early_fraud_warnings.list({"charge": charge}).data
        assert not listed.actionable

    def test_nobody_warns_of_what_was_never_paid(self, sandbox) -> None:
        with pytest.raises(LookupError):
            sandbox.warn_of_fraud("ch_none")


@pytest.mark.usefixtures("subscription")
class TestDisputes:
    def test_a_charge_that_was_contested_is_not_refunded_as_well(self, sandbox, client, customer) -> None:
        charge = charge_of(client, customer.id)
        sandbox.dispute(charge)
        with pytest.raises(stripe.InvalidRequestError) as refused:
            client.v1.refunds.create({"charge": charge})
        assert refused.value.code == "charge_disputed"

    def test_what_was_only_asked_about_may_be(self, sandbox, client, customer) -> None:
        charge = charge_of(client, customer.id)
        sandbox.dispute(charge, inquiry=True)
        assert client.v1.refunds.create({"charge": charge}).status == "succeeded"

    def test_what_was_won_may_be(self, sandbox, client, customer) -> None:
        charge = charge_of(client, customer.id)
        dispute = sandbox.dispute(charge)
        client.v1.disputes.update(dispute, {"evidence": {"uncategorized_text": "winning_evidence"}})
        assert client.v1.refunds.create({"charge": charge}).amount == 990


def with_tax(client: Any, customer: Any, price: Any, **more: Any) -> Any:
    return client.v1.checkout.sessions.create(
        {
            "mode": "subscription",
            "customer": customer.id,
            "line_items": [{"price": price.id, "quantity": 1}],
            "success_url": "http://x",
            "automatic_tax": {"enabled": True},
            **more,
        }
    )


class TestTaxes:
    def test_on_top_it_grows_the_total_of_each_invoice(self, sandbox, client, customer, price) -> None:
        session = with_tax(client, customer, price, customer_update={"address": "auto"})
        assert (session.amount_subtotal, session.amount_total) == (990, 1178)
        sandbox.complete_checkout(session.id)
        sandbox.advance(months=1)
        for invoice in client.v1.invoices.list({"customer": customer.id}).data:
            assert (invoice.total, invoice.amount_paid, invoice.total_excluding_tax) == (1178, 1178, 990)
            (tax,) = invoice.total_taxes
            assert (tax.amount, tax.tax_behavior, tax.taxable_amount) == (188, "exclusive", 990)

    def test_within_a_price_it_is_only_told(self, sandbox, client, customer) -> None:
        product = client.v1.products.create({"name": "Gross"})
        price = client.v1.prices.create(
            {
                "product": product.id,
                "currency": "eur",
                "unit_amount": 1190,
                "tax_behavior": "inclusive",
                "recurring": {"interval": "month"},
            }
        )
        session = with_tax(client, customer, price, customer_update={"address": "auto"})
        sandbox.complete_checkout(session.id)
        (invoice,) = client.v1.invoices.list({"customer": customer.id}).data
        assert (invoice.total, invoice.total_excluding_tax, invoice.total_taxes[0].amount) == (
            1190,
            1000,
            190,
        )

    def test_a_known_customer_needs_leave_to_have_its_address_written(self, client, customer, price) -> None:
        with pytest.raises(stripe.InvalidRequestError, match="customer_update"):
            with_tax(client, customer, price)
        with pytest.raises(stripe.InvalidRequestError, match="name"):
            with_tax(
                client,
                customer,
                price,
                customer_update={"address": "auto"},
                tax_id_collection={"enabled": True},
            )

    @pytest.mark.usefixtures("subscription")
    def test_an_invoice_without_a_place_stays_a_draft_and_says_why(self, sandbox, client, customer) -> None:
        sandbox.world.faults.add(Fault(target="finalize", kind="tax_location"))
        sandbox.advance(months=1)
        stuck = client.v1.invoices.list({"customer": customer.id}).data[0]
        assert (stuck.status, stuck.last_finalization_error.code) == (
            "draft",
            "customer_tax_location_invalid",
        )
        assert "invoice.finalization_failed" in heard(client)
