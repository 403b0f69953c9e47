"""What may be read, what it asks, and the rights of readers with their history."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from paywall.decision.article import Demand
from paywall.decision.facts import Suspension
from paywall.models.gifts import Gift
from paywall.models.places import DirectoryVersion
from paywall.models.rules import DEMANDS, RuleSet

_FOR_PRODUCTS = [demand.value for demand in Demand if demand.is_for_products]


def _products_fit(demand: str, products: str) -> models.Q:
    """Return the condition that products are named where some open the article, and only there."""
    names = models.Q((f"{demand}__in", _FOR_PRODUCTS))
    return (names & ~models.Q((products, []))) | (~names & models.Q((products, [])))


class Product(models.Model):
    """What may be read: the whole paper, one section. Plans unlock products; articles ask for them."""

    slug = models.SlugField(_("name in the API"), max_length=60, primary_key=True)
    name = models.CharField(_("name"), max_length=120)
    description = models.TextField(_("description"), blank=True)

    class Meta:
        ordering = ("slug",)

    def __str__(self) -> str:
        return self.name


class ArticleQuerySet(models.QuerySet["Article"]):
    """How much of an article is fetched; the body only where it is asked for."""

    def for_decision(self) -> ArticleQuerySet:
        """What a decision and the links in it need."""
        return self.for_rules().with_rules().with_gifts()

    def for_rules(self) -> ArticleQuerySet:
        """What rules may know of an article; which rules are live is not said."""
        return self.only(
            "id", "url", "section", "kind", "tags", "authors", "demand", "products",
            "published_at", "unpublished_at", "embargo_until", "stated_at",
        )  # fmt: skip

    def without_body(self) -> ArticleQuerySet:
        """Everything but the body."""
        return self.defer("body").with_rules().with_gifts()

    def with_rules(self) -> ArticleQuerySet:
        """Say beside each article which rules are live (`live_rules`) and how the directory of places is (`directory`).

        Both are kept by each process; so a decision costs no statement more.
        """
        live = RuleSet.objects.filter(state=RuleSet.State.LIVE).values("key")[:1]
        return self.annotate(
            live_rules=models.Subquery(live),
            directory=models.Subquery(DirectoryVersion.objects.values("key")[:1]),
        )

    def with_gifts(self) -> ArticleQuerySet:
        """Say beside each article until when a gift of it may open it (`given_until`), at no statement more.

        So nobody is asked for gifts at an article that was given to nobody.
        """
        latest = Gift.objects.filter(article=models.OuterRef("pk"), revoked_at=None).order_by("-expires_at")
        return self.annotate(given_until=models.Subquery(latest.values("expires_at")[:1]))


class Article(models.Model):
    """An article as the CMS last stated it. Teaser and body are apart: nothing but `access.read` hands out a body."""

    id = models.SlugField(_("id"), max_length=120, primary_key=True)
    url = models.URLField(_("address"), max_length=500)
    path = models.CharField(
        _("path"),
        max_length=500,
        editable=False,
        help_text=_("Of the address, as a reverse proxy asks for it."),
    )
    title = models.CharField(_("title"), max_length=300)
    section = models.CharField(_("section"), max_length=80, blank=True)
    kind = models.CharField(
        _("type"), max_length=80, blank=True, help_text=_("Report, opinion, live blog: the newsroom's word.")
    )
    tags = models.JSONField(_("tags"), default=list, blank=True)
    authors = models.JSONField(_("authors"), default=list, blank=True)
    published_at = models.DateTimeField(_("published"))
    unpublished_at = models.DateTimeField(_("withdrawn"), null=True, blank=True)
    embargo_until = models.DateTimeField(_("embargo until"), null=True, blank=True)
    demand = models.CharField(
        _("demand"), max_length=12, choices=DEMANDS, blank=True,
        help_text=_("Stated for this very article; empty where the rules say what it asks."),
    )  # fmt: skip
    products = models.JSONField(_("products"), default=list, blank=True)
    teaser = models.TextField(_("teaser"), blank=True, help_text=_("As the CMS stated it."))
    preview = models.TextField(
        _("preview"),
        blank=True,
        editable=False,
        help_text=_("Cut from the text by the rules, without a teaser."),
    )
    preview_rules = models.CharField(max_length=20, blank=True, editable=False)
    body = models.TextField(_("body"))
    words = models.PositiveIntegerField(_("words"), validators=[MinValueValidator(0)])
    stated_at = models.DateTimeField(_("stated"), help_text=_("When the CMS last stated this article."))

    objects = ArticleQuerySet.as_manager()

    class Meta:
        ordering = ("-published_at", "id")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(demand__in=["", *Demand]),
                name="article_demand_is_known",
            ),
            # Fail closed: a subscriber article that names no product would open to nobody and must not be stored
            # by mistake; products on any other article would be a rule that does nothing.
            models.CheckConstraint(
                condition=_products_fit("demand", "products"), name="article_products_fit_demand"
            ),
        ]
        indexes = [
            models.Index(fields=("-published_at", "id"), name="article_newest_first"),
            models.Index(fields=("path",), name="article_by_path"),
            models.Index(
                fields=("preview_rules",), condition=models.Q(teaser=""), name="article_preview_outdated"
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def shown_teaser(self) -> str:
        """What everybody may see of the text: the teaser as stated, else the preview that the rules cut."""
        return self.teaser or self.preview


class EntitlementQuerySet(models.QuerySet["Entitlement"]):
    """Which rows held, and which we knew."""

    def current(self) -> EntitlementQuerySet:
        """Rows that nothing has superseded: what we know now, whether or not the term holds now."""
        return self.filter(superseded_at=None)

    def known(self, *, at: datetime) -> EntitlementQuerySet:
        """Rows that were our knowledge at `at`."""
        return self.filter(recorded_at__lte=at).filter(
            models.Q(superseded_at=None) | models.Q(superseded_at__gt=at)
        )


class Entitlement(models.Model):
    """A stored right of a reader to a product for a term, from one source.

    Rows are never edited: a changed grant closes the old row (`superseded_at`) and adds a new one (`recorded_at`).
    """

    reader = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="entitlements"
    )
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="entitlements")
    source = models.CharField(_("source"), max_length=100)
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"), null=True, blank=True)
    grace_until = models.DateTimeField(_("grace until"), null=True, blank=True)
    suspension = models.CharField(
        _("suspension"), max_length=30, blank=True, choices=[(item.value, item.value) for item in Suspension]
    )
    resumes_at = models.DateTimeField(_("resumes"), null=True, blank=True)
    trouble = models.JSONField(_("trouble"), null=True, blank=True)
    recorded_at = models.DateTimeField(_("recorded"))
    superseded_at = models.DateTimeField(_("superseded"), null=True, blank=True)

    objects = EntitlementQuerySet.as_manager()

    class Meta:
        ordering = ("-recorded_at", "-id")
        constraints = [
            # One current row per (reader, product, source) is stronger than "they do not overlap", and portable.
            models.UniqueConstraint(
                fields=("reader", "product", "source"),
                condition=models.Q(superseded_at=None),
                name="entitlement_one_current_per_source",
            ),
            models.CheckConstraint(
                condition=models.Q(ends_at=None) | models.Q(ends_at__gte=models.F("starts_at")),
                name="entitlement_ends_after_it_starts",
            ),
            models.CheckConstraint(
                condition=models.Q(superseded_at=None) | models.Q(superseded_at__gte=models.F("recorded_at")),
                name="entitlement_superseded_after_recorded",
            ),
        ]
        indexes = [
            # What staff ask: all that one source ever said of a reader, newest first.
            models.Index(fields=("reader", "source", "-recorded_at"), name="entitlement_history"),
        ]

    def __str__(self) -> str:
        return f"{self.product_id} from {self.source}"
