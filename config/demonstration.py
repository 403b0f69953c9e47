"""What the demo starts with: products and rules, the plans at the sandbox, staff. Stating it again changes nothing."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from datetime import datetime
from typing import Any

from django.conf import settings

from accounts.models import User
from paywall import rules
from paywall.decision.article import Demand
from paywall.models import Product, Rule

STAFF_EMAIL = "admin@demo.example"
STAFF_PASSWORD = "harbour-lights-2026"  # noqa: S105  printed on purpose, good for the demo only

_PRODUCTS = {
    "premium": ("The whole paper", "Every article, every day."),
    "culture": ("Culture", "Everything in the culture section."),
}
_PLANS: tuple[dict[str, Any], ...] = (
    {
        "name": "Premium",
        "description": "The whole paper, on every device.",
        "unlocks": "premium",
        "prices": (("premium_monthly", 990, "month"), ("premium_yearly", 9900, "year")),
    },
    {
        "name": "Culture",
        "description": "Books, stage and screen.",
        "unlocks": "culture",
        "prices": (("culture_monthly", 490, "month"),),
    },
)


def state_products_and_staff() -> None:
    """Make our products and the staff account where they are missing."""
    for slug, (name, description) in _PRODUCTS.items():
        Product.objects.update_or_create(slug=slug, defaults={"name": name, "description": description})
    if not User.objects.filter(email=STAFF_EMAIL).exists():
        User.objects.create_superuser(STAFF_EMAIL, STAFF_PASSWORD)


def state_rules(*, now: datetime) -> None:
    """Publish rules where none are live: science and sport can be tried, the rest is for subscribers."""
    if rules.live() is not None:
        return
    first = rules.draft(name="The first rules", now=now)
    first.otherwise_products = ["premium"]
    first.stranger_reads, first.reader_reads = 1, 3
    first.save()
    Rule.objects.create(
        rule_set=first, name="Science and sport can be tried", sections=["science", "sport"],
        demand=Demand.METERED, products=["premium"],
    )  # fmt: skip
    rules.publish(first, by=None, now=now, reason="What the demo starts with.")


def state_plans() -> None:
    """Make the plans at the sandbox where their prices are missing, as a publisher would in Stripe's dashboard."""
    known = {price["lookup_key"] for price in _call("GET", "/v1/prices?limit=100")["data"]}
    for plan in _PLANS:
        missing = [price for price in plan["prices"] if price[0] not in known]
        if missing:
            _state_plan(plan, missing)


def _state_plan(plan: dict[str, Any], prices: list[tuple[str, int, str]]) -> None:
    fields = {
        "name": plan["name"],
        "description": plan["description"],
        "metadata[unlocks]": plan["unlocks"],
    }
    product = _call("POST", "/v1/products", fields)
    for slug, amount, interval in prices:
        fields = {
            "product": product["id"],
            "lookup_key": slug,
            "unit_amount": str(amount),
            "currency": "eur",
            "recurring[interval]": interval,
        }
        _call("POST", "/v1/prices", fields)


def _call(method: str, path: str, fields: dict[str, str] | None = None) -> dict[str, Any]:
    body = urllib.parse.urlencode(fields).encode("ascii") if fields else None
    request = urllib.request.Request(  # noqa: S310  the sandbox's own loopback address
        settings.STRIPE_API_BASE + path,
        data=body,
        method=method,
        headers={"Authorization": f"Bearer {settings.STRIPE_SECRET_KEY}"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  likewise
        document: dict[str, Any] = json.load(answer)
    return document
