"""An article as schema.org says it (JSON-LD), for search engines: what it is, and that not everybody may read it.

The same for everybody, and made of what everybody may see: the text is no part of it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from paywall import articles, rules
from paywall.decision.article import Ask, Demand
from paywall.decision.facts import Facts
from paywall.decision.policy import decide
from paywall.decision.reasons import Access
from paywall.models import Article

Markup = dict[str, Any]


def json_ld(article: Article, *, publication: str, selector: str, now: datetime) -> Markup | None:
    """Return the markup of an article in the publication of that name; None while nobody may know of it.

    `selector` finds on its page what the wall withholds, a class for example. It is accessible for free where it asks
    nothing of a stranger: one that can be opened with a free read or an account is not.
    """
    facts = Facts(now=now, article=articles.facts_of(article), rules=rules.of(article))
    if decide(facts).access is Access.NONE:
        return None
    is_free = facts.ask.demand is Demand.FREE
    known: Markup = {
        "@context": "https://schema.org",
        "@type": "NewsArticle",
        "headline": article.title,
        "datePublished": article.published_at.isoformat(),
        "author": [{"@type": "Person", "name": name} for name in article.authors],
        "articleSection": article.section,
        "keywords": article.tags,
        "url": article.url,
        "mainEntityOfPage": article.url,
        "publisher": {"@type": "Organization", "name": publication},
        "isAccessibleForFree": is_free,
        "hasPart": None if is_free else _withheld(selector),
        "isPartOf": _products(article, facts.ask, publication=publication),
    }
    return {name: value for name, value in known.items() if value not in (None, "", [])}


def _withheld(selector: str) -> Markup:
    return {"@type": "WebPageElement", "isAccessibleForFree": False, "cssSelector": selector}


def _products(article: Article, ask: Ask, *, publication: str) -> list[Markup]:
    """Name what opens it as readers of such markup do: the site, a colon, the product."""
    host = urlsplit(article.url).hostname or ""
    return [
        {"@type": ["CreativeWork", "Product"], "name": publication, "productID": f"{host}:{slug}"}
        for slug in ask.products
    ]
