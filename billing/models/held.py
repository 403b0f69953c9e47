"""What readers hold without a subscription: free access from staff, day passes, gift subscriptions."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import User
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
    withdrawn_because = models.CharField(
        _("why it opens nothing"),
        max_length=10,
        blank=True,
        help_text=_("Its money went back: refunded, or disputed and lost."),
    )
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


class PresentQuerySet(models.QuerySet["Present"]):
    """Which gift subscriptions need what."""

    def redeemable(self, *, at: datetime) -> PresentQuerySet:
        """Paid for, the money still with us, and waiting for whoever has the code."""
        good = self.filter(paid_at__isnull=False, redeemed_at=None, voided_at=None)
        return good.filter(Q(expires_at=None) | Q(expires_at__gt=at), is_refunded=False, dispute="")

    def running(self, reader: User, *, at: datetime) -> PresentQuerySet:
        """Redeemed by a reader, and not over; it may be still to begin."""
        return self.filter(redeemed_by=reader, withdrawn_because="", ends_at__gt=at)

    def to_give_back(self) -> PresentQuerySet:
        """Those declared void whose money is not back yet, and not with a bank."""
        waiting = self.filter(voided_at__isnull=False, is_refunded=False, dispute="")
        return waiting.exclude(payment_id="")

    def to_note(self) -> PresentQuerySet:
        """Those redeemed of which Stripe was not told yet."""
        return self.filter(redeemed_at__isnull=False, noted_at=None, redeemed_by__isnull=False)

    def to_send(self, *, at: datetime) -> PresentQuerySet:
        """Those whose recipient is to hear of it by now."""
        waiting = self.redeemable(at=at).filter(told_at=None).exclude(recipient_email="")
        return waiting.filter(Q(send_on=None) | Q(send_on__lte=at.date()))


class Present(models.Model):
    """A gift subscription: bought once by anybody, redeemed once by whoever has its code.

    Of the code only a digest is kept. `wish` is what was asked for, digested: the same wish is the same gift, however
    often its button is pressed. What was promised is kept here and on the payment.
    """

    class Contested(models.TextChoices):
        """How a bank stands to a payment whose money it has."""

        OPEN = "open", _("a bank decides")
        LOST = "lost", _("lost")

    key = models.CharField(max_length=40, unique=True, editable=False)
    wish = models.CharField(max_length=64, unique=True, editable=False)
    price = models.ForeignKey(Price, null=True, on_delete=models.SET_NULL, related_name="presents")
    products = models.JSONField(_("opens"))
    months = models.PositiveSmallIntegerField(_("months"))
    amount = models.BigIntegerField(_("amount"))
    currency = models.CharField(max_length=3)
    giver = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="presents_given",
        verbose_name=_("giver"),
    )
    giver_email = models.EmailField(_("giver's address"), blank=True)
    giver_name = models.CharField(_("from"), max_length=80, blank=True)
    recipient_email = models.EmailField(_("recipient's address"), blank=True)
    message = models.CharField(_("message"), max_length=500, blank=True)
    send_on = models.DateField(_("to be sent on"), null=True, blank=True)
    language = models.CharField(max_length=10, blank=True)
    session_id = models.CharField(max_length=120, blank=True, db_index=True)
    payment_id = models.CharField(max_length=80, blank=True, db_index=True)
    charge_id = models.CharField(max_length=80, blank=True, db_index=True)
    code_digest = models.CharField(max_length=64, blank=True, editable=False)
    made_at = models.DateTimeField(_("ordered"))
    looked_at = models.DateTimeField(null=True, blank=True)
    paid_at = models.DateTimeField(_("paid"), null=True, blank=True)
    expires_at = models.DateTimeField(_("to be redeemed until"), null=True, blank=True)
    told_at = models.DateTimeField(_("recipient told"), null=True, blank=True)
    redeemed_at = models.DateTimeField(_("redeemed"), null=True, blank=True)
    noted_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When Stripe was told that it is redeemed.")
    )
    redeemed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="presents",
        verbose_name=_("redeemed by"),
    )
    starts_at = models.DateTimeField(_("begins"), null=True, blank=True)
    ends_at = models.DateTimeField(_("until"), null=True, blank=True)
    voided_at = models.DateTimeField(_("void since"), null=True, blank=True)
    void_reason = models.CharField(_("why it is void"), max_length=1000, blank=True)
    is_refunded = models.BooleanField(_("wholly refunded"), default=False)
    dispute = models.CharField(
        _("dispute"),
        max_length=10,
        blank=True,
        choices=Contested.choices,
        help_text=_("Of the payment. While a bank has the money nobody can redeem it."),
    )
    withdrawn_because = models.CharField(
        _("why it opens nothing"),
        max_length=10,
        blank=True,
        help_text=_("Its money went back: refunded, or disputed and lost."),
    )

    objects = PresentQuerySet.as_manager()

    class Meta:
        verbose_name = _("gift subscription")
        verbose_name_plural = _("gift subscriptions")
        ordering = ("-made_at", "-id")
        constraints = [
            models.CheckConstraint(
                condition=Q(redeemed_at=None, starts_at=None, ends_at=None)
                | Q(redeemed_at__isnull=False, starts_at__isnull=False, ends_at__gt=F("starts_at")),
                name="present_is_redeemed_whole_or_not",
            ),
            models.CheckConstraint(
                condition=Q(redeemed_at=None) | Q(paid_at__isnull=False, voided_at=None),
                name="present_is_paid_and_not_void_when_redeemed",
            ),
            models.UniqueConstraint(
                fields=("code_digest",), condition=~Q(code_digest=""), name="present_code_is_of_one_gift"
            ),
            models.CheckConstraint(
                condition=Q(paid_at=None, code_digest="") | Q(paid_at__isnull=False) & ~Q(code_digest=""),
                name="present_has_a_code_once_paid",
            ),
            models.CheckConstraint(
                condition=Q(voided_at=None, void_reason="") | Q(voided_at__isnull=False) & ~Q(void_reason=""),
                name="present_is_void_for_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{', '.join(self.products)}, {self.months} months ({self.pk})"

    @property
    def source(self) -> str:
        """The name under which it gives entitlements."""
        return f"gift:{self.pk}"
