"""What subscriptions were worth, for the books."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from billing.models.contracts import Subscription


class BilledTime(models.Model):
    """A time that Stripe billed a subscription for, and what that is a month; stated anew by each sync."""

    subscription = models.ForeignKey(Subscription, on_delete=models.CASCADE, related_name="billed_times")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    monthly = models.BigIntegerField(help_text=_("Minor units a month, less discounts and taxes."))
    currency = models.CharField(max_length=3)

    class Meta:
        verbose_name = _("billed time")
        verbose_name_plural = _("billed times")
        ordering = ("-starts_at", "-pk")
        constraints = [
            models.UniqueConstraint(fields=("subscription", "starts_at"), name="billed_time_starts_once"),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="billed_time_takes_time"),
        ]
        indexes = [models.Index(fields=("ends_at", "starts_at"), name="billed_time_span")]

    def __str__(self) -> str:
        return f"{self.subscription_id} {self.starts_at:%Y-%m-%d}"
