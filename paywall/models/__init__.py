"""What may be read, the rights of readers with their history, places whose readers are known by them, and crawlers."""

from __future__ import annotations

from paywall.models.crawlers import CrawlerList, CrawlerPolicy, CrawlerProof
from paywall.models.places import DirectoryVersion, EmailDomain, Institution, InstitutionUse, Network
from paywall.models.reading import (
    Article,
    ArticleQuerySet,
    Entitlement,
    EntitlementQuerySet,
    FreeRead,
    Product,
    Rule,
    RuleSet,
    Wallet,
)

__all__ = [
    "Article",
    "ArticleQuerySet",
    "CrawlerList",
    "CrawlerPolicy",
    "CrawlerProof",
    "DirectoryVersion",
    "EmailDomain",
    "Entitlement",
    "EntitlementQuerySet",
    "FreeRead",
    "Institution",
    "InstitutionUse",
    "Network",
    "Product",
    "Rule",
    "RuleSet",
    "Wallet",
]
