"""What the demo starts with: products and rules, the plans at the sandbox, staff. Stating it again changes nothing."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from accounts.models import User
from billing import assortment, gateway
from paywall import rules
from paywall.decision.article import Demand
from paywall.models import Product, Rule

STAFF_EMAIL = "admin@demo.example"
STAFF_PASSWORD = "harbour-lights-2026"  # noqa: S105  printed on purpose, good for the demo only

_PRODUCTS = {
    "premium": ("The whole paper", "Every article, every day."),
    "culture": ("Culture", "Everything in the culture section."),
}
_PLANS = Path(__file__).with_name("demo_catalogue.toml")


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


def state_plans(*, now: datetime) -> None:
    """Put on sale at the sandbox what the demo's file states."""
    stripe = gateway.default()
    proposal = assortment.propose(_PLANS.read_text(encoding="utf-8"), gateway=stripe, now=now)
    assortment.apply(proposal, gateway=stripe, now=now)
