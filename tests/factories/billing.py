"""Stripe's objects as snapshots, small and valid; and a shop: our side and a sandbox's, joined by a real gateway."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import stripe

from accounts.models import User
from billing import catalogue, inbox, snapshots, sync
from billing.gateway import Delivery, StripeGateway
from billing.models import Customer
from billing.sandbox.sandbox import Sandbox
from billing.snapshots import (
    CardSnapshot,
    CustomerPicture,
    CustomerSnapshot,
    InvoiceSnapshot,
    ItemSnapshot,
    Status,
    SubscriptionSnapshot,
)
from tests.factories import paywall
from tests.factories.accounts import a_reader
from tests.sandbox.in_process import InProcessClient

NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
SECRET = "whsec_tests_0123456789abcdef"
GOOD, FAILS_LATER, ASKS_ALWAYS = "4242424242424242", "4000000000000341", "4000002760003184"

_numbers = itertools.count(1)


def an_item(**fields: Any) -> ItemSnapshot:
    """Return a line whose month began ten days before noon and ends in twenty."""
    return ItemSnapshot(
        **{
            "id": "si_1",
            "price": "price_1",
            "product": "prod_premium",
            "quantity": 1,
            "unit_amount": 990,
            "currency": "eur",
            "interval": "month",
            "interval_count": 1,
            "period_starts_at": NOON - 10 * DAY,
            "period_ends_at": NOON + 20 * DAY,
            **fields,
        }
    )


def a_subscription(**fields: Any) -> SubscriptionSnapshot:
    """Return an active subscription that began forty days before noon."""
    status = fields.get("status", Status.ACTIVE)
    return SubscriptionSnapshot(
        **{
            "id": "sub_1",
            "customer": "cus_1",
            "status": status,
            "raw_status": status.value,
            "items": (an_item(),),
            "starts_at": NOON - 40 * DAY,
            "trial_ends_at": None,
            "cancel_at": None,
            "cancel_at_period_end": False,
            "canceled_at": None,
            "ended_at": None,
            "pause_behavior": "",
            "pause_resumes_at": None,
            "automatic": True,
            "default_card": None,
            "latest_invoice": "in_1",
            "currency": "eur",
            "created_at": NOON - 40 * DAY,
            **fields,
        }
    )


def an_invoice(**fields: Any) -> InvoiceSnapshot:
    """Return an open invoice, tried two days before noon and refused."""
    return InvoiceSnapshot(
        **{
            "id": "in_1",
            "customer": "cus_1",
            "subscription": "sub_1",
            "number": "A-0001",
            "status": "open",
            "billing_reason": "subscription_cycle",
            "currency": "eur",
            "amount_due": 990,
            "amount_paid": 0,
            "amount_remaining": 990,
            "total": 990,
            "attempt_count": 1,
            "attempted": True,
            "next_payment_attempt": NOON + DAY,
            "created_at": NOON - 2 * DAY,
            "finalized_at": NOON - 2 * DAY,
            "paid_at": None,
            "hosted_url": "",
            "pdf_url": "",
            "automatic": True,
            "failure_code": "generic_decline",
            **fields,
        }
    )


def a_card(**fields: Any) -> CardSnapshot:
    """Return the card whose later charges fail."""
    return CardSnapshot(
        **{
            "id": "pm_1",
            "customer": "cus_1",
            "type": "card",
            "brand": "visa",
            "last4": "0341",
            "exp_month": 12,
            "exp_year": 2030,
            "fingerprint": "fp_1",
            "created_at": NOON - 40 * DAY,
            **fields,
        }
    )


def a_picture(*subscriptions: SubscriptionSnapshot, **fields: Any) -> CustomerPicture:
    """Return a picture of a customer with one card on file."""
    theirs = CustomerSnapshot(
        id="cus_1",
        deleted=False,
        email="ann@example.org",
        reader=None,
        currency="eur",
        balance=0,
        default_card="pm_1",
        livemode=False,
    )
    return CustomerPicture(
        **{"customer": theirs, "subscriptions": subscriptions, "cards": (a_card(),), **fields}
    )


def an_event(
    kind: str = "customer.updated", *, about: dict[str, Any] | None = None, **fields: Any
) -> dict[str, Any]:
    """Return an event as Stripe sends it."""
    return {
        "id": f"evt_{next(_numbers)}",
        "object": "event",
        "api_version": stripe.api_version,
        "created": int(NOON.timestamp()),
        "livemode": False,
        "type": kind,
        "data": {"object": about if about is not None else {"id": "cus_1", "object": "customer"}},
        **fields,
    }


def a_delivery(kind: str = "customer.updated", **fields: Any) -> Delivery:
    """Return an event as the gateway gives it on."""
    payload = an_event(kind, **fields)
    return Delivery(event=snapshots.event(payload), payload=payload)


def signed(body: bytes | dict[str, Any], *, secret: str = SECRET, at: int | None = None) -> tuple[bytes, str]:
    """Return a body and the signature that Stripe would send with it."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return raw, stripe.WebhookSignature.generate_signature_header(raw.decode("utf-8", "replace"), secret, at)


@dataclass
class Shop:
    """A sandbox with the demo's plans, our catalogue that knows them, and a gateway in between.

    Unless told otherwise wall time stands still at noon, and only `advance` moves the sandbox. Deliveries are
    collected, not made.
    """

    sandbox: Sandbox
    stripe: stripe.StripeClient
    gateway: StripeGateway
    prices: dict[str, str] = field(default_factory=dict)
    plans: dict[str, str] = field(default_factory=dict)

    @property
    def now(self) -> datetime:
        """What time it is at the sandbox."""
        return datetime.fromtimestamp(self.sandbox.now(), tz=UTC)

    def sell(self, slug: str, *, unlocks: str, amount: int = 990, interval: str = "month") -> str:
        """Put a plan on sale at the sandbox and return its price's id; our catalogue does not know it yet."""
        product = self.stripe.v1.products.create({"name": slug, "metadata": {"unlocks": unlocks}})
        price = self.stripe.v1.prices.create(
            {
                "product": product.id,
                "currency": "eur",
                "unit_amount": amount,
                "lookup_key": slug,
                "recurring": {"interval": interval},
            }
        )
        self.prices[slug], self.plans[slug] = price.id, product.id
        return price.id

    def customer(self, reader: User | None = None) -> Customer:
        """Make a reader known to the sandbox, and to us as its customer."""
        reader = reader or a_reader()
        made = self.gateway.create_customer(
            email=reader.email, reader=reader.public_id, key=f"c-{next(_numbers)}"
        )
        return Customer.objects.create(stripe_id=made, reader=reader, email=reader.email, created_at=self.now)

    def subscribe(self, customer: str, *, slug: str = "premium_monthly", card: str = GOOD) -> str | None:
        """Buy through Checkout as a reader would; return the subscription's id, None where the card was declined."""
        session = self.gateway.start_checkout(
            customer=customer,
            price=self.prices[slug],
            reader="somebody",
            return_url="http://localhost:8000/back",
            cancel_url="http://localhost:8000/plans",
            key=f"s-{next(_numbers)}",
        )
        self.sandbox.complete_checkout(session.id, card=card)
        return self.gateway.checkout(session.id).subscription

    def sync(self, customer: Customer) -> sync.SyncOutcome:
        """Look at a customer now."""
        return sync.customer(customer.pk, gateway=self.gateway, now=self.now)

    def tell(self) -> int:
        """Bring every event of the sandbox to the inbox, in no particular order; return how many."""
        everything = self.gateway.events(since=datetime.fromtimestamp(0, tz=UTC), until=self.now + DAY)
        return inbox.receive_missed(everything, now=self.now)

    def work(self) -> None:
        """Do all that is due now, as the workers would."""
        for event in inbox.due_ids(now=self.now, limit=1000):
            inbox.process(event, gateway=self.gateway, now=self.now)
        for customer in sync.waiting_ids(now=self.now, limit=1000):
            sync.customer(customer, gateway=self.gateway, now=self.now)


def a_shop(*, seed: str = "shop", refresh: bool = True, **options: Any) -> Shop:
    """Open a shop with the plans Premium and Culture; without `refresh` our catalogue must know them already.

    Shops of one seed have the same names for the same things. `options` are the sandbox's own.
    """
    sandbox = Sandbox(**{"seed": seed, "wall": NOON.timestamp, **options})
    http = InProcessClient(sandbox)
    address = "http://localhost:8002"
    shop = Shop(
        sandbox=sandbox,
        stripe=stripe.StripeClient("sk_test_shop", base_addresses={"api": address}, http_client=http),
        gateway=StripeGateway(
            secret_key="sk_test_shop", api_base=address, webhook_secrets=(SECRET,), http_client=http
        ),
    )
    paywall.product("premium")
    paywall.product("culture")
    shop.sell("premium_monthly", unlocks="premium")
    shop.sell("culture_monthly", unlocks="culture", amount=490)
    if refresh:
        catalogue.refresh(gateway=shop.gateway)
    return shop
