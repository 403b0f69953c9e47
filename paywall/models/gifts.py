"""Gifts: an article that somebody gives away, and who has accepted it."""

from __future__ import annotations

import secrets
from datetime import datetime

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from paywall.models.places import new_key


def new_code() -> str:
    """Return the code of a gift's link."""
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

    key = models.CharField(_("id"), max_length=20, unique=True, default=new_key, editable=False)
    code = models.CharField(max_length=40, unique=True, default=new_code, editable=False)
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
