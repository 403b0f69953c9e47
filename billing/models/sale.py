"""What is on sale: plans and their prices, as Stripe's catalogue has them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from billing import words


class Plan(models.Model):
    """What is sold: a Stripe product whose metadata `unlocks` names products of ours."""

    stripe_id = models.CharField(max_length=80, unique=True)
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    unlocks = models.JSONField(default=list, help_text=_("Slugs of the products that it opens."))
    active = models.BooleanField(default=True)
    seats = models.PositiveIntegerField(
        default=0,
        help_text=_("How many read by one unit of it, its owner included; 0: it is not for groups."),
    )

    class Meta:
        ordering = ("name",)

    # A larger group is no purchase by a form any more.
    MOST = 500

    def __str__(self) -> str:
        return self.name

    @property
    def most(self) -> int:
        """How many units of it one may buy: of a plan with one seat, one for each who is to read."""
        return self.MOST if self.seats == 1 else 1


class Price(models.Model):
    """A plan's amount and interval. `slug` is Stripe's lookup key: the only name a client may use."""

    stripe_id = models.CharField(max_length=80, unique=True)
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="prices")
    slug = models.CharField(max_length=200, blank=True)
    active = models.BooleanField(default=True)
    unit_amount = models.BigIntegerField(null=True)
    currency = models.CharField(max_length=3)
    interval = models.CharField(max_length=10, blank=True, help_text=_("Empty: paid once."))
    interval_count = models.PositiveSmallIntegerField(default=1)
    trial_days = models.PositiveSmallIntegerField(default=0)
    tax_behavior = models.CharField(max_length=20, blank=True, help_text=_("Stripe's word."))
    trial_needs_card = models.BooleanField(default=True)
    intro = models.CharField(
        max_length=80, blank=True, help_text=_("Stripe's coupon for whoever never subscribed.")
    )
    intro_percent_off = models.DecimalField(max_digits=5, decimal_places=2, null=True, blank=True)
    intro_amount_off = models.BigIntegerField(null=True, blank=True)
    intro_months = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text=_("Empty: the first payment only.")
    )
    lasts_hours = models.PositiveIntegerField(
        default=0, help_text=_("A day pass: paid once, for so many hours from the payment.")
    )
    gift_months = models.PositiveSmallIntegerField(
        default=0, help_text=_("A gift subscription: paid once, for so many months from its redemption.")
    )

    class Meta:
        ordering = ("plan", "unit_amount")
        constraints = [
            models.UniqueConstraint(
                fields=("slug",), condition=Q(active=True) & ~Q(slug=""), name="price_slug_names_one_on_sale"
            ),
            models.CheckConstraint(
                condition=Q(lasts_hours=0, gift_months=0)
                | Q(interval="", lasts_hours=0)
                | Q(interval="", gift_months=0),
                name="price_is_sold_in_one_way",
            ),
        ]

    def __str__(self) -> str:
        return self.slug or self.stripe_id

    @property
    def text(self) -> str:
        """The amount and how often it is charged, in the active language."""
        if self.lasts_hours:
            return words.once(self.unit_amount or 0, currency=self.currency, hours=self.lasts_hours)
        if self.gift_months:
            return words.months(self.unit_amount or 0, currency=self.currency, count=self.gift_months)
        return words.price(
            self.unit_amount or 0, currency=self.currency, interval=self.interval, count=self.interval_count
        )
