"""Crawlers: what each kind is shown, the networks that owners publish, and what DNS says of an address."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from paywall.robots import Kind


class CrawlerPolicy(models.Model):
    """What proven crawlers of one kind are shown of articles that are not open to all. No row: the same as anybody."""

    class Shown(models.TextChoices):
        """How much."""

        FULL = "full", _("the whole article")
        TEASER = "teaser", _("the teaser, never a free read")
        NONE = "none", _("nothing")

    class KindChoices(models.TextChoices):
        """What staff call the kinds."""

        SEARCH = Kind.SEARCH.value, _("search engines")
        AI_SEARCH = Kind.AI_SEARCH.value, _("answers by AI")
        AI_TRAINING = Kind.AI_TRAINING.value, _("training of AI")
        ARCHIVE = Kind.ARCHIVE.value, _("archives")

    kind = models.CharField(_("crawlers of"), max_length=20, choices=KindChoices, unique=True)
    shown = models.CharField(_("are shown"), max_length=10, choices=Shown)

    class Meta:
        verbose_name = _("what crawlers are shown")
        verbose_name_plural = _("what crawlers are shown")
        ordering = ("kind",)
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    kind__in=[kind.value for kind in Kind], shown__in=["full", "teaser", "none"]
                ),
                name="crawler_policy_is_known",
            ),
        ]

    def __str__(self) -> str:
        return self.get_kind_display()


class CrawlerList(models.Model):
    """The networks that the owner of a crawler publishes, as last read whole; a failure leaves them as they are."""

    url = models.URLField(_("address"), max_length=300, unique=True)
    networks = models.JSONField(_("networks"), default=list)
    etag = models.CharField(max_length=300, blank=True)
    modified = models.CharField(max_length=60, blank=True)
    fetched_at = models.DateTimeField(_("read"), null=True)
    due_at = models.DateTimeField(_("next look"))
    trouble = models.CharField(_("trouble"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("published networks of a crawler")
        verbose_name_plural = _("published networks of crawlers")
        ordering = ("url",)

    def __str__(self) -> str:
        return self.url


class CrawlerProof(models.Model):
    """Whether DNS says that an address is a crawler's: asked in the background, kept for some days."""

    crawler = models.CharField(_("crawler"), max_length=40)
    address = models.GenericIPAddressField(_("network address"))
    is_proven = models.BooleanField(_("proven"), default=False)
    host = models.CharField(_("name"), max_length=255, blank=True)
    expires_at = models.DateTimeField(_("holds until"))
    due_at = models.DateTimeField(_("to be asked"), null=True)
    attempts = models.PositiveSmallIntegerField(default=0)

    class Meta:
        verbose_name = _("proof of a crawler")
        verbose_name_plural = _("proofs of crawlers")
        ordering = ("-expires_at", "-id")
        constraints = [
            models.UniqueConstraint(fields=("crawler", "address"), name="crawler_proof_one_each"),
        ]
        indexes = [
            models.Index(
                fields=("due_at",), condition=models.Q(due_at__isnull=False), name="crawler_proof_due"
            ),
            models.Index(fields=("expires_at",), name="crawler_proof_expired"),
        ]

    def __str__(self) -> str:
        return f"{self.crawler} {self.address}"
