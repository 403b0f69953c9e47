"""The sandbox and Stripe's test mode answer the same questions alike.

Always asked of the sandbox; of Stripe as well where `STRIPE_CONTRACT_KEY` holds a test key (`sk_test_…`) and the
network is allowed: `STRIPE_CONTRACT_KEY=sk_test_… python3 manage.py test tests/contracts`. What it makes there is named
"contract suite" and left inactive or deleted.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import stripe

from billing.errors import CardRefused, StripeGone, StripeRefused
from billing.gateway import StripeGateway
from billing.sandbox.sandbox import Sandbox
from billing.snapshots import Access, Status
from tests.sandbox.in_process import InProcessClient

_KEY = os.environ.get("STRIPE_CONTRACT_KEY", "")
_SUBJECTS = ["sandbox", *(["stripe"] if _KEY else [])]
_RETURN = "https://news.example/back"


@dataclass(frozen=True, slots=True)
class Account:
    """A Stripe account, real or not: our gateway to it, the bare SDK, and something to sell."""

    gateway: StripeGateway
    sdk: stripe.StripeClient
    price: str
    slug: str

    def key(self) -> str:
        """Return an idempotency key never used before."""
        return f"contract:{secrets.token_hex(12)}"

    def customer(self, *, card: str = "pm_card_visa") -> str:
        """Make a customer with this card as the default."""
        made = self.gateway.create_customer(
            email="contract@news.example", reader="rdr_contract", key=self.key()
        )
        attached = self.sdk.v1.payment_methods.attach(card, {"customer": made})
        self.sdk.v1.customers.update(made, {"invoice_settings": {"default_payment_method": attached.id}})
        return made

    def subscribe(self, customer: str) -> str:
        """Make a subscription, whatever becomes of its first payment."""
        made = self.sdk.v1.subscriptions.create({"customer": customer, "items": [{"price": self.price}]})
        return made.id


@pytest.fixture(scope="module", params=_SUBJECTS)
def account(request: pytest.FixtureRequest) -> Iterator[Account]:
    """An account with one price on sale; whatever was put on sale is taken off again."""
    if request.param == "stripe":
        assert _KEY.startswith("sk_test_"), "Only a test key may be used here."
        gateway = StripeGateway(secret_key=_KEY, api_base="https://api.stripe.com")
        sdk = stripe.StripeClient(_KEY, max_network_retries=2)
    else:
        http = InProcessClient(Sandbox(seed="contracts", check_responses=True))
        base = "http://localhost:8002"
        gateway = StripeGateway(secret_key="sk_test_contract", api_base=base, http_client=http)
        sdk = stripe.StripeClient("sk_test_contract", base_addresses={"api": base}, http_client=http)
    product = sdk.v1.products.create({"name": "Contract suite", "metadata": {"unlocks": "premium"}})
    slug = f"contract_{secrets.token_hex(6)}"
    price = sdk.v1.prices.create(
        {
            "product": product.id,
            "lookup_key": slug,
            "unit_amount": 990,
            "currency": "eur",
            "recurring": {"interval": "month"},
        }
    )
    yield Account(gateway=gateway, sdk=sdk, price=price.id, slug=slug)
    sdk.v1.prices.update(price.id, {"active": False})
    sdk.v1.products.update(product.id, {"active": False})


def test_a_price_is_told_with_its_product_and_what_it_unlocks(account: Account) -> None:
    found = next(price for price in account.gateway.prices() if price.id == account.price)
    assert (found.slug, found.unit_amount, found.currency, found.interval) == (
        account.slug,
        990,
        "eur",
        "month",
    )
    assert found.unlocks == ("premium",)


def test_a_customer_made_twice_with_one_key_is_one(account: Account) -> None:
    key = account.key()
    first = account.gateway.create_customer(email="twice@news.example", reader="rdr_twice", key=key)
    assert account.gateway.create_customer(email="twice@news.example", reader="rdr_twice", key=key) == first
    assert account.gateway.customer(first).reader == "rdr_twice"


def test_a_paid_subscription_is_active_with_a_period_and_a_paid_invoice(account: Account) -> None:
    customer = account.customer()
    account.subscribe(customer)
    picture = account.gateway.picture(customer)
    (subscription,), (invoice,), (card,) = picture.subscriptions, picture.invoices, picture.cards
    assert subscription.status is Status.ACTIVE
    assert subscription.period_ends_at is not None
    assert subscription.period_ends_at > subscription.starts_at
    assert (invoice.status, invoice.amount_paid, invoice.amount_remaining) == ("paid", 990, 0)
    assert (card.brand, card.last4) == ("visa", "4242")
    assert picture.customer.default_card == card.id


def test_a_refused_first_payment_leaves_an_incomplete_subscription_and_an_open_invoice(
    account: Account,
) -> None:
    customer = account.customer(card="pm_card_chargeCustomerFail")
    account.subscribe(customer)
    picture = account.gateway.picture(customer)
    assert [subscription.status for subscription in picture.subscriptions] == [Status.INCOMPLETE]
    (invoice,) = picture.invoices
    assert (invoice.status, invoice.amount_remaining) == ("open", 990)
    assert invoice.failure_code


def test_an_open_invoice_is_refused_to_a_failing_card_and_paid_by_a_working_one_once(
    account: Account,
) -> None:
    customer = account.customer(card="pm_card_chargeCustomerFail")
    account.subscribe(customer)
    before = account.gateway.picture(customer)
    invoice, failing = before.invoices[0].id, before.cards[0].id
    with pytest.raises(CardRefused):
        account.gateway.pay_invoice(invoice=invoice, card=failing, key=account.key())
    working = account.sdk.v1.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    paid = account.gateway.pay_invoice(invoice=invoice, card=working, key=account.key())
    again = account.gateway.pay_invoice(invoice=invoice, card=working, key=account.key())
    assert (paid.status, again.status, again.amount_paid) == ("paid", "paid", 990)
    assert account.gateway.picture(customer).subscriptions[0].status is Status.ACTIVE


def test_an_end_is_scheduled_taken_back_and_made_at_once(account: Account) -> None:
    customer = account.customer()
    subscription = account.subscribe(customer)
    scheduled = account.gateway.cancel_at_period_end(subscription=subscription, key=account.key())
    assert scheduled.scheduled_end == scheduled.period_ends_at
    kept = account.gateway.keep(subscription=subscription, key=account.key())
    assert kept.scheduled_end is None
    ended = account.gateway.cancel_now(subscription=subscription, key=account.key())
    assert ended.status is Status.CANCELED
    assert ended.ended_at is not None
    again = account.gateway.cancel_now(subscription=subscription, key=account.key())
    assert again.status is Status.CANCELED


def test_the_next_charge_is_told_until_nothing_is_to_come(account: Account) -> None:
    customer = account.customer()
    subscription = account.subscribe(customer)
    coming = account.gateway.next_charge(subscription=subscription)
    assert coming is not None
    assert (coming.amount, coming.currency) == (990, "eur")
    account.gateway.cancel_now(subscription=subscription, key=account.key())
    assert account.gateway.next_charge(subscription=subscription) is None


def test_a_checkout_opens_is_replayed_by_its_key_and_expires(account: Account) -> None:
    customer, key = account.customer(), account.key()
    asked = {
        "customer": customer,
        "price": account.price,
        "reader": "rdr_contract",
        "return_url": _RETURN,
        "cancel_url": _RETURN,
    }
    opened = account.gateway.start_checkout(**asked, key=key)
    assert (opened.status, opened.mode, opened.customer) == ("open", "subscription", customer)
    assert opened.url
    assert account.gateway.start_checkout(**asked, key=key).id == opened.id
    assert account.gateway.expire_checkout(opened.id, key=account.key()).status == "expired"
    assert account.gateway.expire_checkout(opened.id, key=account.key()).status == "expired"
    # Nothing was paid, so there is no subscription.
    assert account.gateway.picture(customer).subscriptions == ()


def test_a_card_form_opens_for_the_customer(account: Account) -> None:
    customer = account.customer()
    opened = account.gateway.start_card_form(
        customer=customer,
        currency="eur",
        reader="rdr_contract",
        return_url=_RETURN,
        cancel_url=_RETURN,
        key=account.key(),
    )
    assert (opened.status, opened.mode, opened.customer) == ("open", "setup", customer)


def test_a_deleted_customer_is_told_as_deleted_and_charged_no_more(account: Account) -> None:
    customer = account.customer()
    subscription = account.subscribe(customer)
    account.gateway.delete_customer(customer=customer, key=account.key())
    account.gateway.delete_customer(customer=customer, key=account.key())
    assert account.gateway.picture(customer).customer.deleted
    assert account.gateway.cancel_now(subscription=subscription, key=account.key()).status is Status.CANCELED


def test_what_never_was_is_gone(account: Account) -> None:
    with pytest.raises(StripeGone):
        account.gateway.customer("cus_never")


def test_a_refund_comes_back_with_its_charge_and_what_was_wished(account: Account) -> None:
    customer = account.customer()
    account.subscribe(customer)
    (charge,) = account.gateway.picture(customer).charges
    asked = {"charge": charge.id, "amount": 400, "order": "refund-contract", "access": Access.KEEP}
    key = account.key()
    made = account.gateway.refund(**asked, key=key)
    assert account.gateway.refund(**asked, key=key).id == made.id
    picture = account.gateway.picture(customer)
    (found,) = picture.refunds
    assert (found.id, found.amount, found.order, found.access) == (
        made.id,
        400,
        "refund-contract",
        Access.KEEP,
    )
    (invoice,) = picture.invoices
    assert invoice.was_paid_by(picture.charges[0])
    assert next(account.gateway.refunds()).id == made.id
    with pytest.raises(StripeRefused):
        account.gateway.refund(**{**asked, "amount": 600}, key=account.key())


def test_a_payment_that_is_contested_says_so(account: Account) -> None:
    customer = account.customer(card="pm_card_createDispute")
    account.subscribe(customer)
    (dispute,) = account.gateway.picture(customer).disputes
    assert (dispute.status, dispute.reason, dispute.amount) == ("needs_response", "fraudulent", 990)
    assert dispute.due_by is not None
