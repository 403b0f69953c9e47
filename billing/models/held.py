"""What readers hold without a subscription: free access from staff, day passes, gift subscriptions."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from billing.models.contracts import Customer
from billing.models.sale import Price


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


class DayPass(models.Model):
    """A payment at Stripe for so many hours from that payment, and what was promised for it. Written by a look only."""

    stripe_id = models.CharField(max_length=80, unique=True)  # of the payment
    customer = models.ForeignKey(
        Customer, on_delete=models.CASCADE, related_name="passes", verbose_name=_("customer")
    )
    price = models.ForeignKey(Price, null=True, on_delete=models.SET_NULL, related_name="passes")
    products = models.JSONField(_("opens"))
    hours = models.PositiveIntegerField(_("hours"))
    amount = models.BigIntegerField(_("amount"))
    currency = models.CharField(max_length=3)
    status = models.CharField(_("status"), max_length=40, help_text=_("Of the payment, in Stripe's word."))
    starts_at = models.DateTimeField(_("from"), null=True, blank=True, help_text=_("When it was paid."))
    ends_at = models.DateTimeField(_("until"), null=True, blank=True)
    is_refunded = models.BooleanField(_("wholly refunded"), default=False)
    receipt_url = models.URLField(max_length=2000, blank=True)

    class Meta:
        verbose_name = _("day pass")
        verbose_name_plural = _("day passes")
        ordering = ("-starts_at", "-id")
        constraints = [
            models.CheckConstraint(
                condition=Q(starts_at=None, ends_at=None) | Q(ends_at__gt=F("starts_at")),
                name="day_pass_ends_after_it_starts",
            ),
        ]

    def __str__(self) -> str:
        return self.stripe_id

    @property
    def source(self) -> str:
        """The name under which it gives entitlements."""
        return f"pass:{self.stripe_id}"
