"""A market for tests: the Stripe stand-in behind a loopback port, our catalogue in it, and readers who buy."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import stripe
from django.conf import settings
from django.db import models
from werkzeug.serving import WSGIRequestHandler, make_server

from accounts.models import User
from billing import cards, catalogue, subscribing, sync
from billing.gateway import StripeGateway
from billing.models import Customer, Plan, Price
from billing.sandbox import snapshot
from billing.sandbox.faults import Fault
from billing.sandbox.sandbox import Sandbox
from paywall.models import Product

M = TypeVar("M", bound=models.Model)

GOOD_CARD = "4242424242424242"
FAILING_CARD = "4000000000000341"
CONFIRMING_CARD = "4000002760003184"
BACK = "http://localhost:8001/harbour-vote"


@dataclass(frozen=True, slots=True)
class _Stock:
    """What is on sale, at Stripe and here, as the first test of a run made it."""

    world: str
    plans: tuple[Plan, ...]
    prices: tuple[tuple[int, Price], ...]  # each with the plan's place

    @classmethod
    def taken(cls, sandbox: Sandbox) -> _Stock:
        plans = tuple(Plan.objects.all())
        places = {plan.pk: place for place, plan in enumerate(plans)}
        prices = tuple((places[price.plan_id], price) for price in Price.objects.all())
        return cls(json.dumps(snapshot.taken(sandbox.world)), plans, prices)

    def lay_out(self, sandbox: Sandbox) -> None:
        """Put both in the place of what is on sale."""
        snapshot.restore(sandbox.world, json.loads(self.world))
        Price.objects.all().delete()
        Plan.objects.all().delete()
        plans = Plan.objects.bulk_create(_anew(plan) for plan in self.plans)
        Price.objects.bulk_create(_anew(price, plan=plans[place]) for place, price in self.prices)


# By name. Making and asking for each again, test by test, takes longer than most tests.
_STOCKED: dict[str, _Stock] = {}


@dataclass
class Market:
    """Everything between a reader and Stripe, for one test."""

    sandbox: Sandbox
    base: str
    gateway: StripeGateway
    sdk: stripe.StripeClient

    @property
    def now(self) -> datetime:
        """The stand-in's time, which is also ours."""
        return datetime.fromtimestamp(self.sandbox.now(), tz=UTC)

    def stock(self) -> None:
        """Put the demo's plans on sale: premium by month and year, culture by month."""
        for slug in ("premium", "culture"):
            Product.objects.get_or_create(slug=slug, defaults={"name": slug.title()})
        self.lay_out("the demo's", self._make_plans)

    def lay_out(self, name: str, make: Callable[[], object]) -> None:
        """Put on sale what `make` makes in an untouched market: made once in a run, remembered by its name."""
        if name in _STOCKED:
            _STOCKED[name].lay_out(self.sandbox)
            return
        make()
        _STOCKED[name] = _Stock.taken(self.sandbox)

    def _make_plans(self) -> None:
        premium = self.product("Premium", unlocks="premium")
        self.price(premium, slug="premium_monthly", amount=990)
        self.price(premium, slug="premium_yearly", amount=9900, interval="year")
        self.price(self.product("Culture", unlocks="culture"), slug="culture_monthly", amount=490)
        catalogue.refresh(gateway=self.gateway)

    def stock_groups(self) -> None:
        """Put a family's and a company's plan on sale: five seats at one price, and as many as one pays for."""
        family = self.product("Family", unlocks="premium", seats="5")
        self.price(family, slug="family_monthly", amount=1990)
        company = self.product("Company", unlocks="premium", seats="1")
        self.price(company, slug="company_monthly", amount=790)
        catalogue.refresh(gateway=self.gateway)

    def stock_gifts(self) -> None:
        """Put the archive on sale as a gift, for six months."""
        Product.objects.get_or_create(slug="archive", defaults={"name": "The archive"})
        archive = self.product("The archive, a gift", unlocks="archive")
        self.once(archive, slug="archive_gift", amount=2900, gift_months="6")
        catalogue.refresh(gateway=self.gateway)

    def product(self, name: str, **metadata: str) -> str:
        """Make a product at Stripe."""
        return self.sdk.v1.products.create({"name": name, "metadata": metadata}).id

    def price(
        self, product: str, *, slug: str, amount: int, interval: Any = "month", currency: str = "eur"
    ) -> str:
        """Make a price at Stripe."""
        return self.sdk.v1.prices.create(
            {
                "product": product,
                "currency": currency,
                "unit_amount": amount,
                "lookup_key": slug,
                "recurring": {"interval": interval},
            }
        ).id

    def once(self, product: str, *, slug: str, amount: int, currency: str = "eur", **metadata: str) -> str:
        """Make a price at Stripe that is paid once."""
        return self.sdk.v1.prices.create(
            {
                "product": product,
                "currency": currency,
                "unit_amount": amount,
                "lookup_key": slug,
                "metadata": metadata,
            }
        ).id

    def buy(self, reader: User, price: str = "premium_monthly", *, card: str | None = GOOD_CARD) -> None:
        """Subscribe as a reader would: Checkout, card, back."""
        checkout = subscribing.start(reader, price=price, return_url=BACK, gateway=self.gateway, now=self.now)
        attempt = subscribing.attempt_of(reader, checkout.attempt)
        assert attempt is not None
        self.sandbox.complete_checkout(attempt.session_id, card=card)
        arrival = subscribing.finish(
            attempt, session_id=attempt.session_id, gateway=self.gateway, now=self.now
        )
        assert arrival is subscribing.Arrival.DONE

    def card_form(self, reader: User, *, card: str = GOOD_CARD) -> str:
        """Fill in the hosted card form; return the session's id."""
        url = cards.start_form(reader, return_url=BACK, gateway=self.gateway, now=self.now)
        session = url.rstrip("/").rsplit("/", 1)[-1]
        self.sandbox.complete_checkout(session, card=card)
        return session

    def fail_renewal(self, reader: User, *, card: str = FAILING_CARD) -> None:
        """Swap the card for one that fails, let the renewal come, and look."""
        self.sandbox.swap_card(self.customer(reader).stripe_id, card=card)
        self.pass_time(reader, months=1)

    def pass_time(self, reader: User, **span: Any) -> None:
        """Move time, then look."""
        self.sandbox.advance(**span)
        self.look(reader)

    def look(self, reader: User) -> None:
        """Sync this reader."""
        customer = self.customer(reader)
        sync.request([customer.pk], now=self.now)
        assert sync.customer(customer.pk, gateway=self.gateway, now=self.now) is sync.SyncOutcome.DONE

    def customer(self, reader: User) -> Customer:
        """Return the reader at Stripe."""
        return Customer.objects.get(reader=reader, deleted_at=None)

    def fault(self, **rule: Any) -> None:
        """Let something go wrong at Stripe."""
        self.sandbox.world.faults.add(Fault(**rule))

    def objects(self, kind: str) -> list[dict[str, Any]]:
        """Return all objects of a kind that Stripe holds."""
        with self.sandbox.lock:
            return [dict(one) for one in self.sandbox.world.store.all(kind)]


def _anew(row: M, **changed: object) -> M:
    """Return a row like this one that is not stored yet."""
    again = copy(row)
    again.pk = None
    for name, value in changed.items():
        setattr(again, name, value)
    return again


class _Quiet(WSGIRequestHandler):
    """Says nothing of requests that went well."""

    def log_request(self, *_what: Any) -> None:
        """Say nothing."""


@contextmanager
def served(sandbox: Sandbox) -> Iterator[str]:
    """Serve a stand-in on a free loopback port; yields its address."""
    server = make_server("127.0.0.1", 0, sandbox.app, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def open_market(clock_file: Path, *, sandbox: Sandbox | None = None) -> Iterator[Market]:
    """Serve a stand-in whose clock is ours, as it comes or as given."""
    sandbox = sandbox or Sandbox(clock_file=clock_file)
    secrets = tuple(settings.STRIPE_WEBHOOK_SECRETS)
    with served(sandbox) as base:
        sdk = stripe.StripeClient(
            settings.STRIPE_SECRET_KEY, stripe_version=stripe.api_version, base_addresses={"api": base}
        )
        gateway = StripeGateway(secret_key=settings.STRIPE_SECRET_KEY, api_base=base, webhook_secrets=secrets)
        try:
            yield Market(sandbox=sandbox, base=base, gateway=gateway, sdk=sdk)
        finally:
            clock_file.write_text("0", encoding="ascii")
