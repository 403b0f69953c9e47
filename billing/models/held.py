"""What readers hold without a subscription: free access from staff, day passes, gift subscriptions."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _


class Comp(models.Model):
    """Free access that staff gave a reader, until an end and for a reason.

    `reason` has a line for each step: why it was given, why it was extended. An extension moves `ends_at`; an early
    end is noted beside it.
    """

    reader = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="comps", verbose_name=_("reader")
    )
    products = models.JSONField(_("opens"))
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"))
    reason = models.TextField(_("reason"))
    given_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("given by"),
    )
    ended_at = models.DateTimeField(_("ended early"), null=True, blank=True)
    end_reason = models.TextField(_("why it was ended"), blank=True)

    class Meta:
        verbose_name = _("free access")
        verbose_name_plural = _("free access")
        ordering = ("-starts_at", "-id")
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="comp_ends_after_it_starts"),
            models.CheckConstraint(condition=~Q(reason=""), name="comp_has_a_reason"),
            models.CheckConstraint(
                condition=Q(ended_at=None, end_reason="") | Q(ended_at__isnull=False) & ~Q(end_reason=""),
                name="comp_is_ended_for_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{', '.join(self.products)} until {self.ends_at:%Y-%m-%d}"

    @property
    def source(self) -> str:
        """The name under which it gives entitlements."""
        return f"comp:{self.pk}"
