"""What may be read, and the rights of readers with their history."""

from __future__ import annotations

import secrets
from datetime import datetime

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from paywall.decision.article import Demand
from paywall.decision.facts import Suspension

_DEMANDS = [(demand.value, demand.value) for demand in Demand]
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
        return self.only(
            "id", "url", "section", "kind", "tags", "authors", "demand", "products",
            "published_at", "unpublished_at", "embargo_until", "stated_at",
        ).with_rules().with_gifts()  # fmt: skip

    def without_body(self) -> ArticleQuerySet:
        """Everything but the body."""
        return self.defer("body").with_rules().with_gifts()

    def with_rules(self) -> ArticleQuerySet:
        """Say beside each article which rules are live (`live_rules`), so that a decision costs no statement more."""
        live = RuleSet.objects.filter(state=RuleSet.State.LIVE).values("key")[:1]
        return self.annotate(live_rules=models.Subquery(live))

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
        _("demand"), max_length=12, choices=_DEMANDS, blank=True,
        help_text=_("Stated for this very article; empty where the rules say what it asks."),
    )  # fmt: skip
    products = models.JSONField(_("products"), default=list, blank=True)
    teaser = models.TextField(_("teaser"), blank=True)
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
        ]

    def __str__(self) -> str:
        return self.title


def _new_key() -> str:
    return secrets.token_urlsafe(12)


class RuleSet(models.Model):
    """One version of the publisher's rules: a draft that staff edit, then live and as it is for ever.

    `key` is new for each version, so what was made of one may be kept as long as one likes.
    """

    class State(models.TextChoices):
        """What has become of it."""

        DRAFT = "draft", _("draft")
        LIVE = "live", _("live")
        RETIRED = "retired", _("retired")

    class MeterWindow(models.TextChoices):
        """When free reads come back."""

        MONTH = "month", _("on the first of each month")
        DAYS = "days", _("each so many days after it was used")

    key = models.CharField(max_length=20, unique=True, default=_new_key, editable=False)
    name = models.CharField(_("name"), max_length=120)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.DRAFT, editable=False)
    created_at = models.DateTimeField(_("created"), editable=False)
    published_at = models.DateTimeField(_("published"), null=True, editable=False)
    retired_at = models.DateTimeField(_("retired"), null=True, editable=False)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, editable=False, related_name="+"
    )
    reason = models.TextField(_("reason"), blank=True, editable=False)

    otherwise_demand = models.CharField(
        _("otherwise"), max_length=12, choices=_DEMANDS, default=Demand.SUBSCRIBER,
        help_text=_("What every article asks that no rule speaks of."),
    )  # fmt: skip
    otherwise_products = models.JSONField(_("products"), default=list, blank=True)
    stranger_reads = models.PositiveSmallIntegerField(_("free reads of a stranger"), default=0)
    reader_reads = models.PositiveSmallIntegerField(_("free reads of a registered reader"), default=0)
    meter_window = models.CharField(
        _("free reads come back"), max_length=10, choices=MeterWindow, default=MeterWindow.MONTH
    )
    meter_days = models.PositiveSmallIntegerField(_("days"), default=30)
    meter_zone = models.CharField(
        _("time zone"), max_length=40, default="UTC", help_text=_("Whose midnight begins a month.")
    )
    stranger_offer = models.SlugField(_("offered to strangers"), max_length=60, blank=True)
    reader_offer = models.SlugField(_("offered to registered readers"), max_length=60, blank=True)
    lapsed_offer = models.SlugField(_("offered to former subscribers"), max_length=60, blank=True)

    class Meta:
        verbose_name = _("version of the rules")
        verbose_name_plural = _("versions of the rules")
        ordering = ("-created_at", "-id")
        permissions = [("publish_ruleset", "Can publish rules")]
        constraints = [
            models.UniqueConstraint(
                fields=("state",), condition=models.Q(state="live"), name="rule_set_one_is_live"
            ),
            models.CheckConstraint(
                condition=models.Q(state="draft", published_at=None, retired_at=None)
                | models.Q(state="live", published_at__isnull=False, retired_at=None)
                | models.Q(state="retired", published_at__isnull=False, retired_at__isnull=False),
                name="rule_set_dates_fit_state",
            ),
        ]
        indexes = [models.Index(fields=("-published_at",), name="rule_set_history")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_draft(self) -> bool:
        """Whether it may still be changed."""
        return self.state == self.State.DRAFT


class Rule(models.Model):
    """What articles of one kind ask. Of a rule set's rules the first that fits counts."""

    rule_set = models.ForeignKey(RuleSet, on_delete=models.CASCADE, related_name="rules")
    position = models.PositiveSmallIntegerField(_("order"), default=0)
    name = models.CharField(_("name"), max_length=120)
    articles = models.JSONField(_("articles"), default=list, blank=True)
    sections = models.JSONField(_("sections"), default=list, blank=True)
    kinds = models.JSONField(_("types"), default=list, blank=True)
    tags = models.JSONField(_("tags"), default=list, blank=True)
    authors = models.JSONField(_("authors"), default=list, blank=True)
    older_than_days = models.PositiveIntegerField(_("from age (days)"), null=True, blank=True)
    younger_than_days = models.PositiveIntegerField(_("before age (days)"), null=True, blank=True)
    demand = models.CharField(_("asks"), max_length=12, choices=_DEMANDS)
    products = models.JSONField(_("products"), default=list, blank=True)

    class Meta:
        ordering = ("position", "id")

    def __str__(self) -> str:
        return self.name


class Wallet(models.Model):
    """Whose free reads are counted together: a reader's, or a device's while nobody is signed in."""

    owner = models.CharField(_("owner"), max_length=80, unique=True)
    reader = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="wallets"
    )

    def __str__(self) -> str:
        return self.owner


class FreeRead(models.Model):
    """The receipt of a free read. Never edited, but for whom a device's read was also counted."""

    wallet = models.ForeignKey(Wallet, on_delete=models.CASCADE, related_name="reads")
    article = models.CharField(_("article"), max_length=120)
    spent_at = models.DateTimeField(_("spent"))
    merged_into = models.ForeignKey(
        Wallet, on_delete=models.SET_NULL, null=True, related_name="+", editable=False
    )

    class Meta:
        ordering = ("-spent_at", "-id")
        constraints = [
            models.UniqueConstraint(
                fields=("wallet", "article", "spent_at"), name="free_read_one_receipt_each"
            ),
        ]
        indexes = [models.Index(fields=("wallet", "-spent_at"), name="free_read_by_wallet")]

    def __str__(self) -> str:
        return self.article


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


def _new_code() -> str:
    return secrets.token_urlsafe(16)  # 128 bits: nobody guesses one


class GiftQuerySet(models.QuerySet["Gift"]):
    """Which gifts still open something."""

    def live(self, *, at: datetime) -> GiftQuerySet:
        """Gifts that have not run out and were not taken back, of givers whose account is not blocked."""
        return self.filter(revoked_at=None, expires_at__gt=at, giver__is_active=True)

    def with_openings(self) -> GiftQuerySet:
        """Count beside each gift how many have accepted it, so that many gifts cost one statement."""
        return self.annotate(counted=models.Count("openings"))


class Gift(models.Model):
    """An article that a subscriber gives to whoever has the link, for a while and to so many.

    `code` is all that the link holds. It is kept as it is, since its giver is shown the link again, and since the text
    that it opens stands in the same database.
    """

    key = models.CharField(_("id"), max_length=20, unique=True, default=_new_key, editable=False)
    code = models.CharField(max_length=40, unique=True, default=_new_code, editable=False)
    giver = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="gifts", verbose_name=_("giver")
    )
    article = models.CharField(_("article"), max_length=120)
    limit = models.PositiveSmallIntegerField(_("openings"), help_text=_("How many devices or readers."))
    made_at = models.DateTimeField(_("made"))
    expires_at = models.DateTimeField(_("until"))
    revoked_at = models.DateTimeField(_("taken back"), null=True, blank=True)

    objects = GiftQuerySet.as_manager()

    class Meta:
        verbose_name = _("gift")
        verbose_name_plural = _("gifts")
        ordering = ("-made_at", "-id")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(expires_at__gt=models.F("made_at")), name="gift_ends_after_it_was_made"
            ),
            models.CheckConstraint(condition=models.Q(limit__gte=1), name="gift_opens_to_somebody"),
        ]
        indexes = [
            models.Index(fields=("giver", "-made_at"), name="gift_by_giver"),
            models.Index(
                fields=("article", "-expires_at"),
                condition=models.Q(revoked_at=None),
                name="gift_of_article",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key}: {self.article}"

    @property
    def accepted(self) -> int:
        """How many have accepted it: counted now, unless it was fetched `with_openings`."""
        counted: int | None = getattr(self, "counted", None)
        return counted if counted is not None else self.openings.count()

    @property
    def openings_left(self) -> int:
        """How many more may accept it."""
        return max(0, self.limit - self.accepted)


class GiftOpening(models.Model):
    """That somebody accepted a gift: a reader, or a device on which nobody was signed in. Each counts once."""

    gift = models.ForeignKey(Gift, on_delete=models.CASCADE, related_name="openings")
    reader = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="accepted_gifts"
    )
    device = models.CharField(max_length=64, blank=True)
    accepted_at = models.DateTimeField(_("accepted"))

    class Meta:
        ordering = ("-accepted_at", "-id")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(reader=None) ^ models.Q(device=""),
                name="gift_opening_is_a_reader_s_or_a_device_s",
            ),
            models.UniqueConstraint(fields=("gift", "reader"), name="gift_opening_once_per_reader"),
            models.UniqueConstraint(
                fields=("gift", "device"), condition=~models.Q(device=""), name="gift_opening_once_per_device"
            ),
        ]
        indexes = [models.Index(fields=("device",), name="gift_opening_by_device")]

    def __str__(self) -> str:
        return f"{self.gift_id}, {self.accepted_at}"
