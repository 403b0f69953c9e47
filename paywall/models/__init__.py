"""What may be read, the rights of readers with their history, and the places whose readers are known by them."""

from __future__ import annotations

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
