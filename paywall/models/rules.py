"""The publisher's rules: versions, and what each asks of which articles."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from paywall.decision.article import Demand
from paywall.models.places import new_key
from paywall.previews import Unit

DEMANDS = [(demand.value, demand.value) for demand in Demand]


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

    class PreviewUnit(models.TextChoices):
        """By what the preview is measured."""

        PARAGRAPHS = Unit.PARAGRAPHS.value, _("paragraphs")
        WORDS = Unit.WORDS.value, _("words")
        MARKER = Unit.MARKER.value, _("as far as the marker <!-- more -->")

    key = models.CharField(max_length=20, unique=True, default=new_key, editable=False)
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
        _("otherwise"), max_length=12, choices=DEMANDS, default=Demand.SUBSCRIBER,
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
    preview_unit = models.CharField(
        _("preview"),
        max_length=10,
        choices=PreviewUnit,
        blank=True,
        help_text=_("Where the CMS states no teaser."),
    )
    preview_length = models.PositiveSmallIntegerField(_("preview's length"), default=3)
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
    demand = models.CharField(_("asks"), max_length=12, choices=DEMANDS)
    products = models.JSONField(_("products"), default=list, blank=True)

    class Meta:
        ordering = ("position", "id")

    def __str__(self) -> str:
        return self.name
