"""Crawlers: what each kind is shown, and what we know of those that come."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from accounts.admin import ShownOnly
from paywall import robots
from paywall.admin.reading import ReadOnly
from paywall.models import CrawlerList, CrawlerPolicy, CrawlerProof
from paywall.robots import Kind


@admin.register(CrawlerPolicy)
class CrawlerPolicyAdmin(ShownOnly):
    """What crawlers are shown that prove whose they are; a kind that is not listed is treated as anybody."""

    list_display = ("kind", "shown", "crawlers")
    readonly_fields = ("crawlers",)

    @admin.display(description=_("crawlers"))
    def crawlers(self, row: CrawlerPolicy) -> str:
        """Name those of the kind that we can tell from impostors."""
        return ", ".join(robot.name for robot in robots.of_kind(Kind(row.kind))) if row.kind else ""


@admin.register(CrawlerList)
class CrawlerListAdmin(ReadOnly):
    """What owners of crawlers publish."""

    list_display = ("url", "count", "fetched_at", "due_at", "trouble")
    exclude = ("etag", "modified")

    @admin.display(description=_("networks"))
    def count(self, row: CrawlerList) -> int:
        """Count them."""
        return len(row.networks)


@admin.register(CrawlerProof)
class CrawlerProofAdmin(ReadOnly):
    """What DNS says of addresses whose clients say that they are crawlers."""

    list_display = ("crawler", "address", "is_proven", "host", "expires_at", "due_at")
    list_filter = ("crawler", "is_proven")
    search_fields = ("address", "host")
