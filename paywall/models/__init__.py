"""What may be read, the rights of readers with their history, places whose readers are known by them, and crawlers."""

from __future__ import annotations

from paywall.models.crawlers import CrawlerList, CrawlerPolicy, CrawlerProof
from paywall.models.gifts import Gift, GiftOpening, GiftQuerySet
from paywall.models.metering import FreeRead, Wallet
from paywall.models.places import DirectoryVersion, EmailDomain, Institution, InstitutionUse, Network
from paywall.models.reading import Article, ArticleQuerySet, Entitlement, EntitlementQuerySet, Product
from paywall.models.rules import Rule, RuleSet
from paywall.models.tokens import AccessEpoch, SigningKey

__all__ = [
    "AccessEpoch",
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
    "Gift",
    "GiftOpening",
    "GiftQuerySet",
    "Institution",
    "InstitutionUse",
    "Network",
    "Product",
    "Rule",
    "RuleSet",
    "SigningKey",
    "Wallet",
]
