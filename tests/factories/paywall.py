"""Articles, products and grants for tests: valid, and saying only what the test is about."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from accounts.models import User
from paywall import entitlements, giving, rules
from paywall.decision.article import ArticleFacts, Demand
from paywall.decision.facts import Facts, Grant, ReaderFacts, Suspension, Trouble
from paywall.giving import GiftTerms
from paywall.models import Article, EmailDomain, Gift, Institution, Network, Product, Rule, RuleSet

NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)

# Found in the body of every article made here, and nowhere else.
MARKER = "the-body-and-nothing-but-the-body"

READER = ReaderFacts()
CARD = Trouble(card="Visa •••• 0341", cause="card_declined")


def article_facts(*, demand: Demand = Demand.SUBSCRIBER, **fields: Any) -> ArticleFacts:
    """Return a published article that asks for the premium product unless told otherwise."""
    products = ("premium",) if demand.is_for_products else ()
    return ArticleFacts(
        **{"id": "harbour-vote", "demand": demand, "products": products, "published_at": NOON - DAY, **fields}
    )


def facts(*grants: Grant, **fields: Any) -> Facts:
    """Return the facts of a known reader who holds `grants`, at noon, before a premium article."""
    return Facts(**{"now": NOON, "article": article_facts(), "reader": READER, "grants": grants, **fields})


def grant(**fields: Any) -> Grant:
    """Return a right to premium that began ten days ago and ends in twenty."""
    return Grant(
        **{
            "product": "premium",
            "source": "subscription:sub_1",
            "starts_at": NOON - 10 * DAY,
            "ends_at": NOON + 20 * DAY,
            **fields,
        }
    )


def in_grace(**fields: Any) -> Grant:
    """Return a right whose payment failed two days ago and whose grace lasts five more."""
    return grant(
        **{
            "ends_at": NOON - 2 * DAY,
            "grace_until": NOON + 5 * DAY,
            "suspension": Suspension.PAYMENT_FAILED,
            "trouble": CARD,
            **fields,
        }
    )


def failed(**fields: Any) -> Grant:
    """Return a right whose payment failed nine days ago and whose grace is over."""
    return in_grace(**{"ends_at": NOON - 9 * DAY, "grace_until": NOON - 2 * DAY, **fields})


def product(slug: str = "premium", name: str = "") -> Product:
    """Return a product, stored once."""
    return Product.objects.get_or_create(slug=slug, defaults={"name": name or slug.title()})[0]


def article(article_id: str = "harbour-vote", **fields: Any) -> Article:
    """Store a published premium article whose body holds the marker."""
    demand = fields.get("demand", Demand.SUBSCRIBER)
    products = fields.pop("products", ["premium"] if demand in {Demand.METERED, Demand.SUBSCRIBER} else [])
    for slug in products:
        product(slug)
    return Article.objects.create(
        **{
            "id": article_id,
            "url": f"http://localhost:8001/{article_id}",
            "path": f"/{article_id}",
            "title": "The harbour votes",
            "section": "city",
            "authors": ["Ines Holt"],
            "published_at": NOON - DAY,
            "demand": demand,
            "products": products,
            "teaser": "<p>The harbour votes on Sunday.</p>",
            "body": f"<p>The harbour votes on Sunday.</p><p>{MARKER}</p>",
            "words": 800,
            "stated_at": NOON - DAY,
            **fields,
        }
    )


def draft(*given: dict[str, Any], **fields: Any) -> RuleSet:
    """Store a draft with these rules, in order; premium is what holds otherwise."""
    product("premium")
    made = RuleSet.objects.create(
        **{"name": "Rules", "created_at": NOON - 20 * DAY, "otherwise_products": ["premium"], **fields}
    )
    for position, rule in enumerate(given):
        Rule.objects.create(rule_set=made, position=position, **{"name": f"rule {position}", **rule})
    return made


def live_rules(*given: dict[str, Any], now: datetime = NOON - 20 * DAY, **fields: Any) -> RuleSet:
    """Publish these rules."""
    made = draft(*given, **fields)
    rules.publish(made, by=None, now=now)
    return made


def meter(**fields: Any) -> RuleSet:
    """Publish rules by which all articles are metered: three free reads for strangers, five for readers."""
    return live_rules(
        **{"otherwise_demand": Demand.METERED, "stranger_reads": 3, "reader_reads": 5, **fields}
    )


def reader(email: str = "mara@readers.example", **fields: Any) -> User:
    """Store a reader."""
    return User.objects.create_user(email, **fields)


def entitle(who: User, *grants: Grant, now: datetime = NOON - 10 * DAY) -> None:
    """State these grants, each as all that its source gives."""
    for each in grants:
        product(each.product)
        entitlements.replace(who, source=each.source, grants=(each,), now=now)


def institution(*networks: str, domains: Iterable[str] = (), **fields: Any) -> Institution:
    """Store a campus that opens premium to whoever comes from its networks or has an address at its domains."""
    made = Institution.objects.create(**{"name": "Campus", "products": ["premium"], **fields})
    for cidr in networks:
        Network.objects.create(institution=made, cidr=cidr)
    for domain in domains:
        EmailDomain.objects.create(institution=made, domain=domain)
    return made


def gift(giver: User, *, article: Article, now: datetime = NOON, openings: int = 5) -> Gift:
    """Let somebody who may read an article give it away for a fortnight."""
    terms = GiftTerms(per_month=10, lasts=14 * DAY, openings=openings)
    given, _is_new = giving.give(giver, article, terms=terms, now=now)
    return given.gift
